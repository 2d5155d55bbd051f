"""
The interfaces: what a transport is to the code that uses it.

Every method may be called from any thread or greenlet, at any time. The errors are those of this package: an
implementation translates the exceptions of the library below it, and chains the cause.

``isinstance`` works with every Protocol here, and checks that the methods exist, not their signatures. It can
therefore not tell a :class:`OneWayClientTransport` from a :class:`ClientTransport`; a type checker can.
"""

from typing import Literal, Protocol, TypeVar, overload, runtime_checkable

ContextT = TypeVar("ContextT")


@runtime_checkable
class ServerTransport(Protocol[ContextT]):
    """
    The side that receives messages and answers them.

    *ContextT* is the type of the opaque objects that say which message a reply belongs to.
    """

    def receive_message(self) -> tuple[ContextT, str]:
        """
        Wait for the next message; return its context and its text.

        Blocks until a message arrives. When several threads wait, each message goes to exactly one of
        them. Whatever a peer sends that is not a message is rejected and never ends the wait.

        Raises:
            TransportClosedError: the server was closed, before the call or during it.
        """
        ...

    def send_reply(self, context: ContextT, reply: str) -> None:
        """
        Answer the message that came with *context*, exactly once.

        Contexts may be answered in any order and from any thread, also while another thread waits in
        :meth:`receive_message`. Returns as soon as the reply is on its way and does not wait for the
        client: one that has gone is not an error, and whether it received the reply is not known.

        Raises:
            TypeError: *reply* is not a ``str``. The context can still be answered.
            ValueError: *reply* has no UTF-8 form (a lone surrogate). The context can still be answered.
            TransportContextError: *context* was answered or dropped before, or is not one of this server's.
            TransportClosedError: the server was closed.
        """
        ...


@runtime_checkable
class DroppingServerTransport(ServerTransport[ContextT], Protocol[ContextT]):
    """A server transport that can also give a message up, so that nobody waits for a reply that will not come."""

    def drop(self, context: ContextT) -> None:
        """
        Give up the message that came with *context*, exactly once, in place of a reply.

        A transport that can tell its client does so at once: over WSGI the client gets status 500. With
        the others (ZeroMQ) nothing is sent, and the client's timeout ends its call. Any thread may call it;
        it never waits for the client. A client that has gone is not an error.

        Raises:
            TransportContextError: *context* was answered or dropped before, or is not one of this server's.
            TransportClosedError: the server was closed.
        """
        ...


@runtime_checkable
class ClientTransport(Protocol):
    """The side that sends messages and gets replies."""

    def send_message(self, message: str) -> str:
        """
        Send *message* and wait for the reply; return its text.

        Blocks until the reply is there or the transport's time for the whole call is up. The message is
        sent at most once and never retried. After any error the next call works as soon as the server does,
        and no call ever returns the reply to another.

        Raises:
            TypeError: *message* is not a ``str``; nothing was sent.
            ValueError: *message* has no UTF-8 form (a lone surrogate); nothing was sent.
            TransportTimeoutError: no reply in time. The server may have handled the message.
            TransportConnectionError: the server is unreachable (the message was not handled), or the connection
                broke during the call (it may have been).
            TransportProtocolError: the answer is not a valid reply. The server handled the message, or refused it.
            TransportClosedError: this client was closed, before the call or during it.
        """
        ...


@runtime_checkable
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

        The caller does not learn whether the server handles such a message. A reply to it is discarded and
        never disturbs a later call. Closing the client right afterwards still delivers the message. Everything
        else is as in :meth:`ClientTransport.send_message`.
        """
        ...
