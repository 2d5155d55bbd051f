"""The transport: a WSGI application at one side, a source of messages at the other."""

import queue
from collections.abc import Callable, Collection, Iterable
from types import TracebackType
from typing import Self
from wsgiref.types import StartResponse, WSGIEnvironment

from ._answers import FOREIGN_ORIGIN, NOT_POST, Refusal, refuse
from ._arguments import checked_content_type, checked_count, checked_queues, checked_seconds
from ._body import read_message
from ._context import Outcome, PendingReply
from ._exchange import Exchange
from ._origins import Origins, preflight_headers
from ._prefer import wants_no_reply
from ._queues import WaitingQueue


class WsgiServerTransport:
    """
    A WSGI application whose every POST is a message, for a loop elsewhere to receive and to answer.

    A web server calls the object, in a thread or greenlet for each request; that call blocks until another
    thread or greenlet has taken the message by :meth:`receive_message` and answered it by :meth:`send_reply`.
    So a receiving loop must run in each worker process, started there: threads don't survive a fork
    (gunicorn: leave ``preload_app`` off).

    Status 200 bears the reply; 202 tells that a message with ``Prefer: respond-async`` (RFC 7240) is queued
    and its reply will be thrown away; 400 is for a body that is not UTF-8, shorter than announced, or not to be
    read; 403 for an origin not allowed; 405 for a method other than POST and OPTIONS; 413 for a body too large;
    500 when the context was let go unanswered; 503 when too many messages wait, or the transport was closed; 504
    when no reply came in time. All but 200 bear a short sentence. No message text is ever logged.

    Args:
        max_content_length: the largest message taken, in bytes.
        queue_class: makes the queues to wait on, whose ``put`` must be reentrant; for ``queue.Queue``, whose
            is not, ``queue.SimpleQueue`` is taken. Under gevent set it to ``gevent.queue.Queue``, with and without
            monkey-patching, and call every method from the thread of the web server's hub. (And set TCP_NODELAY
            on the listener of ``gevent.pywsgi``: without it a request takes some 40 ms longer.)
        allow_origin: the web pages that may send messages: ``None`` for no page, ``"*"`` for any page of
            any site, an origin such as ``"https://example.com"``, or a collection of those. Requests without
            an ``Origin`` header, which are not a page's, are let in always.
        reply_timeout: how many seconds a request waits for its reply; ``None`` waits for ever. Keep it below
            the time after which the web server kills a worker. A message that is not received by then is
            not delivered any more.
        max_pending: how many messages may wait to be received.
        content_type: the ``Content-Type`` of replies, which are UTF-8 always.

    Raises:
        TypeError: an argument has the wrong type, or *queue_class* makes no queues.
        ValueError: an argument has the right type and a value out of range.
    """

    def __init__(
        self,
        *,
        max_content_length: int = 67_108_864,  # 64 MiB
        queue_class: Callable[[], WaitingQueue] = queue.SimpleQueue,
        allow_origin: str | Collection[str] | None = None,
        reply_timeout: float | None = 60.0,
        max_pending: int = 1000,
        content_type: str = "text/plain; charset=utf-8",
    ) -> None:
        self._max_content_length = checked_count("max_content_length", max_content_length)
        self._origins = Origins(allow_origin)
        self._reply_type = ("Content-Type", checked_content_type(content_type))
        seconds = checked_seconds("reply_timeout", reply_timeout)
        if seconds == 0:
            raise ValueError(f"reply_timeout is {reply_timeout}, expected more than 0 seconds, or None")
        self._exchange = Exchange(*checked_queues(queue_class), seconds, checked_count("max_pending", max_pending))

    def handle(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """
        Serve one request: hand its message over, wait for the reply, return it (PEP 3333).

        Blocks until the reply is there, for ``reply_timeout`` at most. The web server calls this.
        """
        cors = self._origins.headers_for(environ)
        if cors is None:
            return refuse(FOREIGN_ORIGIN, (), environ, start_response)
        method = environ["REQUEST_METHOD"]
        if method == "POST":
            outcome = self._outcome(environ)
            if isinstance(outcome, bytes):
                start_response("200 OK", [self._reply_type, ("Content-Length", str(len(outcome))), *cors])
                return [outcome]
            return refuse(outcome, cors, environ, start_response)
        if method == "OPTIONS":
            start_response("204 No Content", preflight_headers(cors))
            return []
        return refuse(NOT_POST, cors, environ, start_response)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Do what :meth:`handle` does: the transport itself is the WSGI application."""
        return self.handle(environ, start_response)

    def receive_message(self, timeout: float | None = None) -> tuple[PendingReply, str]:
        """
        Wait for the next message; return its context and its text.

        Blocks for *timeout* seconds at most: ``None`` waits for ever, 0 takes only what is there already.
        When several threads wait, each message goes to exactly one of them. Answer the context by
        :meth:`send_reply`; to let go of it instead gives its client status 500 at once.

        Raises:
            TypeError: *timeout* is not a number.
            ValueError: *timeout* is negative, or NaN.
            TransportTimeoutError: no message came in time.
            TransportClosedError: the transport was closed, before the call or during it.
        """
        return self._exchange.receive(checked_seconds("timeout", timeout))

    def send_reply(self, context: PendingReply, reply: str) -> None:
        """
        Answer the message that came with *context*, exactly once.

        Never blocks; any thread may call it, for contexts in any order. A client that has gone, has waited
        longer than ``reply_timeout``, or wanted no reply is no error: the reply is thrown away.

        Raises:
            TypeError: *reply* is not a ``str``. The context can still be answered.
            ValueError: *reply* has no UTF-8 form (a lone surrogate). The context can still be answered.
            TransportClosedError: the transport was closed.
            TransportContextError: *context* was answered before, or is not one that this transport gave.
        """
        try:
            encoded = _encoded(reply)
        except (TypeError, ValueError):
            # Whoever keeps the error keeps this frame: it must not keep the context, and its client waiting.
            del context
            raise
        self._exchange.answer(context, encoded)

    def close(self) -> None:
        """
        Stop: give waiting and later requests status 503, and end every wait for messages.

        Messages that nobody has received are dropped. Never blocks; any thread may call it, a message's handler
        and a signal's too, and more than once. The web server itself is not stopped.
        """
        self._exchange.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _outcome(self, environ: WSGIEnvironment) -> Outcome:
        message = read_message(environ, self._max_content_length)
        if isinstance(message, Refusal):
            return message
        prefer: str | None = environ.get("HTTP_PREFER")
        if prefer is not None and wants_no_reply(prefer):
            return self._exchange.tell(message)
        return self._exchange.ask(message)


def _encoded(reply: object) -> bytes:
    if not isinstance(reply, str):
        raise TypeError(f"reply is of type {type(reply).__name__}, expected str")
    try:
        return reply.encode()
    except UnicodeEncodeError as exc:
        raise ValueError(f"reply has a lone surrogate at index {exc.start}, expected text with a UTF-8 form") from exc
