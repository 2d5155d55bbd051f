"""The loop at the heart of most servers: receive, handle, reply."""

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Literal, overload

from ._errors import TransportClosedError, TransportError
from ._further import ClosableServerTransport
from ._interfaces import ContextT, DroppingServerTransport, ServerTransport

_log = logging.getLogger(__name__)

Handler = Callable[[str], str | None]
OnError = Callable[[str, Exception], str]


@overload
def serve(
    server: ServerTransport[ContextT],
    handler: Handler,
    *,
    threads: Literal[1] = 1,
    on_error: OnError | None = None,
) -> None: ...


@overload
def serve(
    server: ClosableServerTransport[ContextT], handler: Handler, *, threads: int, on_error: OnError | None = None
) -> None: ...


def serve(
    server: ServerTransport[ContextT],
    handler: Handler,
    *,
    threads: int = 1,
    on_error: OnError | None = None,
) -> None:
    """
    Answer every message with ``handler(message)``, until *server* is closed.

    Blocks the calling thread, which is one of the *threads* that receive, run the handler and reply, side by
    side. A handler must be able to run in all of them at once. Returns when every thread has ended.

    ``None`` from the handler means that there is no reply to give, as for a JSON-RPC notification: a waiting
    client gets the empty string at once.

    A handler that raises an ``Exception``, or returns something that is not a valid reply, is logged with its
    traceback, and the loop goes on. With *on_error*, ``on_error(message, exception)`` is the reply then. Without
    it, or when it fails too, the message is dropped: a transport that can tell its client does so at once (WSGI:
    status 500); otherwise the client's timeout ends its call.

    Whatever else ends one of the threads ends them all and is raised: an error that *server* raises as it
    receives, or a ``KeyboardInterrupt`` or ``SystemExit`` out of the handler. With more than one thread, the
    server is closed for that; its message is dropped in any case.

    Args:
        server: The server. More than one thread needs its ``close()`` as well.
        handler: Makes the reply to a message.
        threads: How many messages are handled at once. (Not for gevent without monkey-patching: there, spawn a
            greenlet for each of several ``serve`` calls.)
        on_error: Makes the reply to a message whose handler failed.

    Raises:
        TypeError: *threads* is not an int, or more than 1 with a *server* that has no ``close()``.
        ValueError: *threads* is less than 1.
        TransportError: *server* raised one, other than :exc:`TransportClosedError`.
    """
    if isinstance(threads, bool) or not isinstance(threads, int):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"threads is of type {type(threads).__name__}, expected int")
    if threads < 1:
        raise ValueError(f"threads is {threads}, expected 1 or more")
    if threads == 1:
        _loop(server, handler, on_error)
    else:
        _side_by_side(server, handler, threads, on_error)


def _loop(server: ServerTransport[ContextT], handler: Handler, on_error: OnError | None) -> None:
    # Neither a context nor a message is a local variable here, where it would outlive its turn.
    with contextlib.suppress(TransportClosedError):
        while True:
            _answer(server, handler, on_error, *server.receive_message())


def _side_by_side(server: ServerTransport[ContextT], handler: Handler, threads: int, on_error: OnError | None) -> None:
    close = getattr(server, "close", None)
    if not callable(close):
        raise TypeError(f"server of type {type(server).__name__} has no close(), expected one to end {threads} threads")
    failures: list[BaseException] = []

    def run() -> None:
        try:
            _loop(server, handler, on_error)
        except BaseException as exc:
            failures.append(exc)
            close()

    others = [threading.Thread(target=run, name=f"serve-{number}") for number in range(2, threads + 1)]
    started: list[threading.Thread] = []
    try:
        for thread in others:
            thread.start()
            started.append(thread)
        _loop(server, handler, on_error)
    except BaseException:
        # Only then: after a normal end, another close() would cut short what a draining one still lets the others do.
        close()
        raise
    finally:
        for thread in started:
            thread.join()
    if failures:
        raise failures[0]


def _answer(
    server: ServerTransport[ContextT],
    handler: Handler,
    on_error: OnError | None,
    context: ContextT,
    message: str,
) -> None:
    try:
        failure = _reply(server, context, handler, message)
        if failure is not None:
            reply_with(server, context, message, failure, on_error)
    except TransportError:
        raise
    except BaseException:
        # KeyboardInterrupt or SystemExit, maybe after the reply has left: then there is nothing to drop.
        with contextlib.suppress(TransportError):
            drop(server, context)
        raise


def reply_with(
    server: ServerTransport[ContextT], context: ContextT, message: str, failure: Exception, on_error: OnError | None
) -> None:
    """Log *failure*; reply what *on_error* makes of it, or drop the message."""
    if on_error is None:
        _log.error("handler failed; dropped the message", exc_info=failure)
    else:
        _log.error("handler failed; on_error makes the reply", exc_info=failure)
        further = _reply(server, context, on_error, message, failure)
        if further is None:
            return
        _log.error("on_error failed; dropped the message", exc_info=further)
    drop(server, context)


def _reply(
    server: ServerTransport[ContextT], context: ContextT, make: Callable[..., str | None], *arguments: object
) -> Exception | None:
    """Send what *make* returns; return what kept that from being a reply."""
    try:
        reply = make(*arguments)
    except Exception as exc:
        return exc
    return send(server, context, reply)


def send(server: ServerTransport[ContextT], context: ContextT, reply: str | None) -> Exception | None:
    """Send *reply*, ``None`` as the empty string; return what kept it from being one."""
    try:
        server.send_reply(context, "" if reply is None else reply)
    except TransportError:
        raise
    except (TypeError, ValueError) as exc:
        return exc
    return None


def drop(server: ServerTransport[ContextT], context: ContextT) -> None:
    """Give the message up, where the server can."""
    if isinstance(server, DroppingServerTransport):
        server.drop(context)
