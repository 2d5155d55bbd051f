"""
What a transport may promise beyond the interfaces: each Protocol here is one such promise.

No function of this package asks for more of them than it needs. The contract suite tests those that a transport's
author declares.
"""

from types import EllipsisType
from typing import Literal, Protocol, TypeVar, overload, runtime_checkable

from ._interfaces import ClientTransport, OneWayClientTransport, ServerTransport

ContextT = TypeVar("ContextT")


@runtime_checkable
class ClosableTransport(Protocol):
    """A client or a server with an explicit end."""

    def close(self) -> object:
        """
        End the transport for good.

        Any thread may call it, at any time, and any number of times. Whatever waits in another method is woken within
        a second by :exc:`TransportClosedError`, which every later call raises at once. Returns when no thread is
        inside the transport any more, and leaves no thread and no socket of its own behind.
        """
        ...


@runtime_checkable
class ClosableClientTransport(ClientTransport, ClosableTransport, Protocol):
    """A client transport with an explicit end."""


@runtime_checkable
class ClosableServerTransport(ServerTransport[ContextT], ClosableTransport, Protocol[ContextT]):
    """A server transport with an explicit end."""


@runtime_checkable
class DrainingServerTransport(ServerTransport[ContextT], Protocol[ContextT]):
    """A server transport that can be closed without losing the messages that have arrived."""

    def close(self, drain: float = 0) -> None:
        """
        End the server, after what has arrived is answered.

        For up to *drain* seconds, :meth:`receive_message` still hands out what has arrived and :meth:`send_reply`
        still answers it; no new message is let in. As soon as all is answered, or the time is up, the server is
        closed, and this returns. Another ``close()`` meanwhile ends the wait.
        """
        ...


@runtime_checkable
class TimedServerTransport(ServerTransport[ContextT], Protocol[ContextT]):
    """A server transport that waits for a message no longer than it is told to."""

    def receive_message(self, timeout: float | None = None) -> tuple[ContextT, str]:
        """
        Wait up to *timeout* seconds for the next message; ``None`` waits for ever, 0 takes what is there.

        Raises:
            ValueError: *timeout* is negative or not a number.
            TransportTimeoutError: no message came within *timeout*. The next call works as before.
        """
        ...


class TimedClientTransport(OneWayClientTransport, Protocol):
    """A client transport whose calls may each have a timeout of their own."""

    @overload
    def send_message(
        self, message: str, *, expect_reply: Literal[True] = True, timeout: float | EllipsisType | None = ...
    ) -> str: ...

    @overload
    def send_message(
        self, message: str, *, expect_reply: Literal[False], timeout: float | EllipsisType | None = ...
    ) -> None: ...

    @overload
    def send_message(
        self, message: str, *, expect_reply: bool, timeout: float | EllipsisType | None = ...
    ) -> str | None: ...

    def send_message(
        self, message: str, *, expect_reply: bool = True, timeout: float | EllipsisType | None = ...
    ) -> str | None:
        """
        Send *message* with *timeout* seconds for this call in place of the client's own.

        ``None`` waits for ever, ``...`` stands for the client's own timeout.

        Raises:
            ValueError: *timeout* is negative or not a number; nothing was sent.
            TransportTimeoutError: no reply within *timeout*. The server may have handled the message.
        """
        ...
