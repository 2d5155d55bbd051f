"""The client side: REQ sockets, one for each call that is under way."""

import math
from types import EllipsisType, TracebackType
from typing import Any, Literal, NoReturn, Self, overload

import zmq

from transport_base import TransportClosedError

from ._calls import Calls
from ._deadline import check_timeout
from ._life import Life
from ._own_socket import OwnSocket
from ._pool import ClientSocket, Pool
from ._sockets import (
    DEFAULT_MAX_MESSAGE_BYTES,
    LINGER,
    OptionT,
    SocketOptions,
    check_size,
    check_socket,
    endpoint_of,
    open_socket,
    translated,
    with_defaults,
)
from ._text import encode
from ._waiting import is_green
from ._watch import MOST_WATCHED, Watch


class ZmqClientTransport:
    """
    Send messages and get their replies over ``zmq.REQ`` sockets.

    Every method may be called from any thread, and with green sockets from any greenlet, at any time.
    Calls of a client made by :meth:`create` run side by side, each on a socket of its own; calls of a
    client around a passed socket take turns.

    A ``zmq.Context`` may be destroyed at any moment (``destroy()``, or leaving its ``with``; ``term()`` alone waits, as
    it always does, until every socket is closed, so close an idle transport first): calls of a client made by
    :meth:`create` then end with ``TransportClosedError``. Of a passed socket that holds only once this transport was
    closed.
    """

    def __init__(self, socket: zmq.Socket[bytes], timeout: float | None = None) -> None:
        """
        Send on *socket*, a ``zmq.REQ`` socket that is connected already.

        The socket stays the caller's to close, after this transport. Until then only the transport uses
        it: it sets ZMQ_REQ_RELAXED and ZMQ_REQ_CORRELATE, so that a call without a reply does not spoil
        the next, and ZMQ_RCVTIMEO and ZMQ_SNDTIMEO, which :meth:`close` sets back. A message whose call
        timed out may still be delivered later; a client made by :meth:`create` takes it back.

        Args:
            socket: The socket.
            timeout: Seconds for each whole call, waiting for the socket included. ``None`` waits for ever.

        Raises:
            TypeError: *socket* is not a ``zmq.Socket`` or ``zmq.green.Socket``, or *timeout* is not a number.
            ValueError: *socket* is closed or not a REQ, or *timeout* is negative.
            TransportError: the socket's ``zmq.Context`` was made before a fork.
        """
        timeout = check_timeout(timeout)
        try:
            check_socket(socket, zmq.REQ)
            endpoint = endpoint_of(socket)
            # A call that got no reply must not block the next, and a late reply is recognised by its number.
            socket.set(zmq.REQ_RELAXED, 1)
            socket.set(zmq.REQ_CORRELATE, 1)
            pool = Pool(None, ClientSocket(socket))
            max_bytes = int(socket.get(zmq.MAXMSGSIZE))
        except zmq.ZMQError as exc:
            raise translated(exc, "setting up a client") from exc
        self._set_up(endpoint, timeout, pool, pool, max_bytes)

    @classmethod
    def create(
        cls,
        zmq_context: zmq.Context[Any],
        endpoint: str,
        timeout: float | None = None,
        *,
        socket_options: SocketOptions[OptionT] | None = None,
        max_message_bytes: int | None = DEFAULT_MAX_MESSAGE_BYTES,
    ) -> Self:
        """
        Open sockets of its own, as many as there are calls at once, and send on them.

        The server need not be there yet: libzmq connects, and connects again, in the background.

        Requests are numbered (ZMQ_REQ_CORRELATE), so that a reply that comes twice is never taken for a later
        call's. The number is a frame of its own in front of the delimiter. REP servers, proxies and
        ``ZmqServerTransport`` send it back as they do every frame of an envelope; a ROUTER server of one's own that
        expects the delimiter right behind the routing id does not. For such a server, switch it off by
        ``socket_options={zmq.REQ_CORRELATE: 0}``; then nothing tells a repeated reply from the next one.

        Args:
            zmq_context: A ``zmq.Context``, or a ``zmq.green.Context`` to send from greenlets.
            endpoint: Where the server is, such as ``tcp://127.0.0.1:5555`` or ``ipc:///path``.
            timeout: Seconds for each whole call. ``None`` waits for ever.
            socket_options: Options of libzmq by their numbers (``zmq.CURVE_SERVERKEY``, …), set on each
                socket before it connects. They win over the defaults here, ZMQ_LINGER of 5 s for one-way
                messages among them.
            max_message_bytes: The most bytes of a message and of a reply. A larger message is refused before it is
                sent. libzmq cuts the connection to a server that sends more (ZMQ_MAXMSGSIZE), and the call ends by its
                timeout. A message that is too large for the server ends so too, as libzmq tells neither side.
                ``None`` sets no bound.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: libzmq does not know the form of *endpoint*, an option or its value.
            TransportConnectionError: *endpoint* is unavailable.
            TransportClosedError: *zmq_context* was terminated.
            TransportError: *zmq_context* was made before a fork, or a limit on sockets or files is reached.
        """
        timeout = check_timeout(timeout)
        size = check_size(max_message_bytes)
        options = with_defaults(socket_options, {zmq.LINGER: 0, zmq.MAXMSGSIZE: size, zmq.REQ_CORRELATE: 1})
        if zmq.ROUTING_ID in options:
            raise ValueError(
                "socket option ROUTING_ID is given, expected none: several sockets can't share a routing id; "
                "pass a socket of your own for that"
            )
        # A one-way message is taken only by a connection that stands. Requests can do without ZMQ_IMMEDIATE, and must:
        # with it, a reply is lost when the server closes the connection right behind it. Nor is a one-way message
        # numbered: nothing is read where it leaves from.
        one_way_options = with_defaults(
            socket_options,
            {zmq.LINGER: LINGER, zmq.MAXMSGSIZE: size, zmq.IMMEDIATE: 1, zmq.REQ_RELAXED: 1},
        )

        def open_request() -> ClientSocket:
            watches: list[Watch | None] = [None]

            def watch(socket: OwnSocket) -> None:
                # Within a process there are no connections to watch, and a greenlet must not wait for libzmq to close
                # a socket.
                if requests.size < MOST_WATCHED and not endpoint.startswith("inproc:") and not is_green(zmq_context):
                    watches[0] = Watch.over(socket, zmq_context)

            try:
                socket = open_socket(zmq_context, zmq.REQ, endpoint, bind=False, options=options, prepare=watch)
            except BaseException:
                if watches[0] is not None:
                    watches[0].close()
                raise
            return ClientSocket(socket, linger=0, watch=watches[0])

        def open_one_way() -> ClientSocket:
            return ClientSocket(open_socket(zmq_context, zmq.REQ, endpoint, bind=False, options=one_way_options))

        requests = Pool(open_request)
        requests.open_first()  # shows what is wrong with the arguments here and now
        transport = cls.__new__(cls)
        transport._set_up(endpoint, timeout, requests, Pool(open_one_way), int(options[zmq.MAXMSGSIZE]))  # noqa: SLF001  # its own
        return transport

    def _set_up(self, endpoint: str, timeout: float | None, requests: Pool, one_way: Pool, max_bytes: int) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._calls = Calls(endpoint, requests, one_way, math.inf if max_bytes < 0 else max_bytes)
        self._life = Life(f"client of {endpoint}")

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
        Send *message* and wait for the reply; return its text.

        With ``expect_reply=False``, return ``None`` once libzmq has taken the message for a connection
        that stands: whether the server gets it is not known. :meth:`close` right after still sends it, for
        up to ZMQ_LINGER. A reply to it is discarded.

        The message is sent at most once. That of a call that failed is taken back where it has not left yet.

        Args:
            message: The message.
            expect_reply: Whether to wait for the reply.
            timeout: Seconds for this call, in place of the client's own timeout; ``None`` waits for ever.

        Raises:
            TypeError: *message* is not a ``str``, or *timeout* is not a number; nothing was sent.
            ValueError: *message* has no UTF-8 form, or more bytes than ``max_message_bytes``, or *timeout* is
                negative; nothing was sent.
            TransportTimeoutError: no reply in time; the server may have handled the message. For a one-way message, no
                connection in time; it was not sent.
            TransportConnectionError: there was no connection at any time, as when nobody listens there; the message
                was not sent. It is a ``TransportTimeoutError`` as well: the call waited for its whole time. (On
                ``inproc`` endpoints, with greenlets, on a passed socket, and beyond eight calls at once that is not
                known, and the error is ``TransportTimeoutError`` alone.)
            TransportProtocolError: the reply is not one frame of UTF-8. The server has handled the message.
            TransportClosedError: the client was closed, before the call or during it.
            TransportError: this process is a fork of the one that made the client, or a limit on sockets or files
                is reached; nothing was sent.
        """
        if self._life.over:
            raise self._life.error()
        seconds = self._timeout if timeout is ... else check_timeout(timeout)
        try:
            # Encoded in the call, so that no name here keeps a large message alive until the reply is there.
            if expect_reply:
                return self._calls.request(encode("message", message), seconds)
            self._calls.tell(encode("message", message), seconds)
        except TransportClosedError:
            self._end()
            raise
        except zmq.ZMQError as exc:
            error = translated(exc, f"calling {self._endpoint}")
            if isinstance(error, TransportClosedError):
                self._end()
            raise error from exc
        return None

    def _end(self) -> None:
        """End the client, as its context was terminated: zmq.Context.term() waits until every socket is closed."""
        self._life.over = True
        self._calls.close(wait=False)

    def close(self) -> None:
        """
        Close the client and wake its calls under way, within 0.5 s; do nothing when it is closed.

        Returns when no thread is inside libzmq on a socket of this client any more (1 s at the very most, and a
        signal handler does not wait for the call that it interrupts), so a passed socket, or the ``zmq.Context``,
        may be closed right after. One-way messages are still sent, for up to ZMQ_LINGER. A socket that a caller
        passed is set back and left open.
        """
        self._life.over = True
        if not self._life.forked:
            self._calls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a ZmqClientTransport cannot be copied or pickled: make another one")
