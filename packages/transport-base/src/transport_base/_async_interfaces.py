"""
The interfaces for asyncio: the same promises as those of ``_interfaces``, with ``await`` in place of blocking.

Every coroutine method may be called from any task, and many calls may be under way at once. Cancelling the task that
awaits one gives the call up, at once.
"""

from typing import Literal, Protocol, TypeVar, overload, runtime_checkable

ContextT = TypeVar("ContextT")


@runtime_checkable
class AsyncClientTransport(Protocol):
    """The side that sends messages and gets replies, from coroutines."""

    async def send_message(self, message: str) -> str:
        """
        Send *message* and wait for the reply; return its text.

        Promises and errors are those of :meth:`ClientTransport.send_message`. A cancelled call ends at once, and its
        reply reaches nobody. Whether the server has handled the message is not known, as after a timeout.
        """
        ...


@runtime_checkable
class AsyncOneWayClientTransport(AsyncClientTransport, Protocol):
    """A client transport for asyncio that can also send a message without waiting for a reply."""

    @overload
    async def send_message(self, message: str, *, expect_reply: Literal[True] = True) -> str: ...

    @overload
    async def send_message(self, message: str, *, expect_reply: Literal[False]) -> None: ...

    @overload
    async def send_message(self, message: str, *, expect_reply: bool) -> str | None: ...

    async def send_message(self, message: str, *, expect_reply: bool = True) -> str | None:
        """Send *message*; with ``expect_reply=False`` as :meth:`OneWayClientTransport.send_message`."""
        ...


@runtime_checkable
class AsyncServerTransport(Protocol[ContextT]):
    """The side that receives messages and answers them, from coroutines."""

    async def receive_message(self) -> tuple[ContextT, str]:
        """
        Wait for the next message; return its context and its text.

        Promises and errors are those of :meth:`ServerTransport.receive_message`. When several tasks wait, each message
        goes to exactly one of them. Cancelling a task that waits loses no message.
        """
        ...

    async def send_reply(self, context: ContextT, reply: str) -> None:
        """
        Answer the message that came with *context*, exactly once.

        Promises and errors are those of :meth:`ServerTransport.send_reply`. It does not wait for the client.
        """
        ...
