"""
The interfaces: what a transport is to the code that uses it.

Every promise here holds for any thread or greenlet that calls, at any time. Errors are those of this
package; an implementer lets no exception of the library below it through, and chains the cause.
"""

from typing import Literal, Protocol, TypeVar, overload

ContextT = TypeVar("ContextT")


class ServerTransport(Protocol[ContextT]):
    """
    The side that receives messages and answers them.

    *ContextT* is the type of the opaque objects that tell which message a reply belongs to.
    """

    def receive_message(self) -> tuple[ContextT, str]:
        """
        Wait for the next message; return its context and its text.

        Blocks until a message arrives. When several threads wait, each message goes to exactly one of
        them. What a peer sends that is no message is turned away and never ends the wait.

        Raises:
            TransportClosedError: the server was closed, before the call or during it.
        """
        ...

    def send_reply(self, context: ContextT, reply: str) -> None:
        """
        Answer the message that came with *context*, exactly once.

        Contexts may be answered in any order and from any thread, also while another thread waits in
        :meth:`receive_message`. Returns as soon as the reply is on its way and does not wait for the
        client: one that has gone is no error, and whether it took the reply is not known.

        Raises:
            TypeError: *reply* is not a ``str``. The context can still be answered.
            ValueError: *reply* has no UTF-8 form (a lone surrogate). The context can still be answered.
            TransportContextError: *context* was answered before, or is not one of this server's.
            TransportClosedError: the server was closed.
        """
        ...


class ClientTransport(Protocol):
    """The side that sends messages and gets replies."""

    def send_message(self, message: str) -> str:
        """
        Send *message* and wait for the reply; return its text.

        Blocks until the reply is there or the transport's time for the whole call is up. The message is
        sent at most once: it is never tried again, whatever happens. After any error the next call works
        as soon as the server does, and no call ever returns the reply of another.

        Raises:
            TypeError: *message* is not a ``str``; nothing was sent.
            ValueError: *message* has no UTF-8 form (a lone surrogate); nothing was sent.
            TransportTimeoutError: no reply in time. The server may have handled the message.
            TransportConnectionError: the server can't be reached (the message was not handled), or went
                away in mid-call (it may have been).
            TransportProtocolError: the answer is no valid reply. The server has handled the message, or refused it.
            TransportClosedError: this client was closed, before the call or during it.
        """
        ...


class OneWayClientTransport(ClientTransport, Protocol):
    """A client transport that can also send a message without waiting for a reply."""

    @overload
    def send_message(self, message: str, *, expect_reply: Literal[True] = True) -> str: ...

    @overload
    def send_message(self, message: str, *, expect_reply: Literal[False]) -> None: ...

    @overload
    def send_message(self, message: str, *, expect_reply: bool) -> str | None: ...

    def send_message(self, message: str, *, expect_reply: bool = True) -> str | None:
        """
        Send *message*; with ``expect_reply=False`` return ``None`` once it is on its way.

        Whether the server then handles such a message, or replies to it, is not known to the caller;
        a reply is thrown away and disturbs no later call. Closing the client right after still delivers
        the message. All else is as in :meth:`ClientTransport.send_message`.
        """
        ...
