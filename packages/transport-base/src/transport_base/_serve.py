"""The loop that most servers are: receive, handle, reply."""

import logging
import traceback
from collections.abc import Callable

from ._errors import TransportClosedError
from ._interfaces import ContextT, ServerTransport

_log = logging.getLogger(__name__)


def serve(server: ServerTransport[ContextT], handler: Callable[[str], str]) -> None:
    """
    Answer every message with ``handler(message)``, until *server* is closed.

    Blocks the calling thread, which runs the handler as well. Run it in several threads to handle
    several messages at once; close the server, from anywhere, to end them all.

    A handler that raises an ``Exception``, or returns what is not a valid reply, is logged with its
    traceback and the loop goes on. The context of that message is let go unanswered: a transport that can
    tell its client so does it then (WSGI: status 500), with others the client's timeout tells it.

    Raises:
        TransportError: *server* raised one, other than :exc:`TransportClosedError`, as it received.
    """
    try:
        while True:
            context, message = server.receive_message()
            try:
                _answer(server, handler, context, message)
            finally:
                # Nothing may keep them alive, neither this frame until the next message, nor an error's traceback.
                del context, message
    except TransportClosedError:
        return


def _answer(server: ServerTransport[ContextT], handler: Callable[[str], str], context: ContextT, message: str) -> None:
    try:
        try:
            reply = handler(message)
        except Exception:
            _log.exception("handler failed; the message stays unanswered")
            return
        try:
            server.send_reply(context, reply)
        except (TypeError, ValueError) as exc:
            _log.exception("handler returned an invalid reply; the message stays unanswered")
            traceback.clear_frames(exc.__traceback__)
    finally:
        # A log handler, or a future, may keep the traceback and this frame with it, but not the context.
        del context
