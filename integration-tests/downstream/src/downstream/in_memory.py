"""A transport of one's own: within the process, by queues. It inherits from nothing."""

import queue
from typing import Literal, overload

from transport_base import TransportClosedError, TransportContextError, TransportTimeoutError


class Slot:
    """Where one reply goes, once."""

    def __init__(self) -> None:
        self.replies: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.answered = False


class InMemoryServerTransport:
    """Receives what clients of the same process put into its queue."""

    def __init__(self) -> None:
        self._inbox: queue.SimpleQueue[tuple[Slot, str] | None] = queue.SimpleQueue()

    def put(self, slot: Slot, message: str) -> None:
        """Take a message from a client."""
        self._inbox.put((slot, message))

    def receive_message(self) -> tuple[Slot, str]:
        """Wait for a message."""
        item = self._inbox.get()
        if item is None:
            raise TransportClosedError("server was closed")
        return item

    def send_reply(self, context: Slot, reply: str) -> None:
        """Answer a message."""
        if context.answered:
            raise TransportContextError("context was answered before")
        context.answered = True
        context.replies.put(reply)

    def close(self) -> None:
        """Wake the one who waits."""
        self._inbox.put(None)


class InMemoryClientTransport:
    """Sends to one server."""

    def __init__(self, server: InMemoryServerTransport, timeout: float) -> None:
        self._server = server
        self._timeout = timeout

    @overload
    def send_message(self, message: str, *, expect_reply: Literal[True] = True) -> str: ...

    @overload
    def send_message(self, message: str, *, expect_reply: Literal[False]) -> None: ...

    @overload
    def send_message(self, message: str, *, expect_reply: bool) -> str | None: ...

    def send_message(self, message: str, *, expect_reply: bool = True) -> str | None:
        """Send a message, and wait for the reply if one is expected."""
        slot = Slot()
        self._server.put(slot, message)
        if not expect_reply:
            return None
        try:
            return slot.replies.get(timeout=self._timeout)
        except queue.Empty as exc:
            raise TransportTimeoutError(f"no reply within {self._timeout} s") from exc
