"""The transport: a WSGI application on one side, a source of messages on the other."""

import queue
from collections.abc import Callable, Collection, Iterable
from types import TracebackType
from typing import NoReturn, Self
from wsgiref.types import StartResponse, WSGIEnvironment

from ._answers import FOREIGN_ORIGIN, NOT_POST, Refusal, refuse
from ._arguments import checked_content_type, checked_count, checked_seconds
from ._body import read_message
from ._context import Outcome, PendingReply
from ._exchange import Exchange
from ._origins import Origins, preflight_headers
from ._prefer import wants_no_reply
from ._queues import WaitingQueue, checked_queues


class WsgiServerTransport:
    """
    A WSGI application whose every POST is a message, for a loop elsewhere to receive and to answer.

    A web server calls the object, in a thread or greenlet for each request. That call blocks until another
    thread or greenlet has taken the message with :meth:`receive_message`, and answered it with :meth:`send_reply`
    or given it up with :meth:`drop`. So a receiving loop must run in each worker process, started there: threads do
    not survive a fork. In a process that was forked later and has no loop of its own, each request gets a 503 at
    once and the log says why (gunicorn: leave ``preload_app`` off).

    Status 200 carries the reply; 202 says that a message with ``Prefer: respond-async`` (RFC 7240) is queued
    and its reply will be discarded; 400 is for a body that is not UTF-8, is shorter than announced, or can't be
    read; 403 for an origin that is not allowed; 405 for a method other than POST and OPTIONS; 413 for a body that is
    too large; 500 for a message that was dropped, as ``serve`` does when a handler fails; 503 when too many messages
    wait, or the transport was closed; 504 when no reply came in time. All but 200 have a short sentence as their
    body. The text of a message is never logged.

    Args:
        max_content_length: the largest message accepted, in bytes.
        queue_class: makes the queues to wait on, without bound and first in, first out. Under gevent set it to
            ``gevent.queue.Queue``, with and without monkey-patching, and call every method from the thread of the
            web server's hub. (And set TCP_NODELAY on the listener of ``gevent.pywsgi``: without it a request takes
            some 40 ms longer.)
        allow_origin: the web pages that may send messages: ``None`` for no page, ``"*"`` for any page of any site,
            an origin such as ``"https://example.com"``, all subdomains of one (``"https://*.example.com"``), or a
            collection of those. Requests without an ``Origin`` header do not come from a page, and are let in always.
        allow_headers: the request headers that those pages may send, beyond what any page may.
        reply_timeout: how many seconds a request waits for its reply; ``None`` waits for ever. Keep it below
            the time after which the web server kills a worker. A message that has not been received by then is
            not delivered any more.
        max_pending: how many messages may wait to be received.
        max_pending_bytes: how many bytes of memory those messages may take together. A ``str`` takes one byte for
            each character up to U+00FF, two up to U+FFFF, and four beyond, by its widest character. A single
            message is let in whatever it takes. A body is in memory, too, while its request reads it.
        content_type: the ``Content-Type`` of replies, which are always UTF-8.

    Raises:
        TypeError: an argument has the wrong type, or *queue_class* does not make queues.
        ValueError: an argument has the right type and a value out of range, or the queues of *queue_class* won't do.
    """

    def __init__(
        self,
        *,
        max_content_length: int = 67_108_864,  # 64 MiB
        queue_class: Callable[[], WaitingQueue] = queue.SimpleQueue,
        allow_origin: str | Collection[str] | None = None,
        allow_headers: Collection[str] = ("Content-Type", "Prefer"),
        reply_timeout: float | None = 60.0,
        max_pending: int = 1000,
        max_pending_bytes: int = 268_435_456,  # 256 MiB
        content_type: str = "text/plain; charset=utf-8",
    ) -> None:
        self._max_content_length = checked_count("max_content_length", max_content_length)
        self._origins = Origins(allow_origin)
        self._preflight = preflight_headers(allow_headers)
        self._reply_type = ("Content-Type", checked_content_type(content_type))
        seconds = checked_seconds("reply_timeout", reply_timeout)
        if seconds == 0:
            raise ValueError(f"reply_timeout is {reply_timeout}, expected more than 0 seconds, or None")
        self._exchange = Exchange(
            *checked_queues(queue_class),
            seconds,
            checked_count("max_pending", max_pending),
            checked_count("max_pending_bytes", max_pending_bytes),
        )

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
            start_response("204 No Content", self._preflight.answer(environ, cors))
            return []
        return refuse(NOT_POST, cors, environ, start_response)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Do what :meth:`handle` does: the transport itself is the WSGI application."""
        return self.handle(environ, start_response)

    def receive_message(self, timeout: float | None = None) -> tuple[PendingReply, str]:
        """
        Wait for the next message; return its context and its text.

        Blocks for *timeout* seconds at most: ``None`` waits for ever, 0 takes only what is there already.
        When several threads wait, each message goes to exactly one of them. End each context with
        :meth:`send_reply` or :meth:`drop`; one that is forgotten ends after ``reply_timeout``, with status 504.

        Raises:
            TypeError: *timeout* is not a number.
            ValueError: *timeout* is negative, or NaN.
            TransportTimeoutError: no message came in time.
            TransportClosedError: the transport was closed, before the call or during it; or it is being closed with
                a *drain*, and every message that had arrived has been received.
        """
        return self._exchange.receive(checked_seconds("timeout", timeout))

    def send_reply(self, context: PendingReply, reply: str) -> None:
        """
        Answer the message that came with *context*, exactly once.

        Never blocks; any thread may call it, for contexts in any order. A client that has gone, has waited
        longer than ``reply_timeout``, or wanted no reply is not an error: the reply is discarded.

        Raises:
            TypeError: *reply* is not a ``str``. The context can still be answered.
            ValueError: *reply* has no UTF-8 form (a lone surrogate). The context can still be answered.
            TransportClosedError: the transport was closed.
            TransportContextError: *context* was answered or dropped before, or is not one that this transport gave.
        """
        self._exchange.answer(context, _encoded(reply))

    def drop(self, context: PendingReply) -> None:
        """
        Give up the message that came with *context*, exactly once, in place of a reply.

        Its client gets status 500 at once. Never blocks; any thread may call it. A client that has gone is not an
        error.

        Raises:
            TransportClosedError: the transport was closed.
            TransportContextError: *context* was answered or dropped before, or is not one that this transport gave.
        """
        self._exchange.drop(context)

    def close(self, drain: float = 0) -> None:
        """
        Stop: refuse new requests with status 503, and end every wait.

        With *drain*, first wait for up to that many seconds until every message that has arrived is received and
        answered or dropped; meanwhile, only new requests are refused. So don't call it with *drain* where messages
        are handled. A second call cuts the wait short. Without *drain* it never blocks, and a message's handler and
        a signal's may call it too.

        In the end, a request whose message nobody has received gets a 503 with ``Retry-After``. One whose message is
        in hand gets a 503 without, as it may have been handled. The web server itself is not stopped.

        Raises:
            TypeError: *drain* is not a number.
            ValueError: *drain* is negative, or NaN.
        """
        self._exchange.close(checked_seconds("drain", drain, or_none=False))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a WsgiServerTransport cannot be copied or pickled: make another one")

    def _outcome(self, environ: WSGIEnvironment) -> Outcome:
        message = read_message(environ, self._max_content_length, self._exchange.has_room_for)
        if isinstance(message, Refusal):
            return message
        prefer: str | None = environ.get("HTTP_PREFER")
        if prefer is not None and wants_no_reply(prefer):
            return self._exchange.tell(message)
        # Moved rather than passed: while this request waits, no variable of its thread may keep the message alive.
        moved = [message]
        del message
        return self._exchange.ask(moved.pop())


def _encoded(reply: object) -> bytes:
    if not isinstance(reply, str):
        raise TypeError(f"reply is of type {type(reply).__name__}, expected str")
    try:
        return reply.encode()
    except UnicodeEncodeError as exc:
        raise ValueError(f"reply has a lone surrogate at index {exc.start}, expected text with a UTF-8 form") from exc
