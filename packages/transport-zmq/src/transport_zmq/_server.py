"""The server side: a ROUTER socket that any number of threads share."""

import logging
import math
from types import TracebackType
from typing import Any, NoReturn, Self

import zmq

from transport_base import TransportClosedError, TransportContextError, TransportError, TransportTimeoutError

from ._deadline import check_drain, check_timeout, deadline
from ._drain import WayBack
from ._envelope import Envelope, OpenEnvelope
from ._life import Life
from ._router import RouterClosedError, SharedRouter
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
from ._text import decode, encode
from ._throttle import Throttle

_log = logging.getLogger(__name__)

# How many messages, and replies, libzmq keeps for each connection; its own default is 1000 of each. Messages beyond it
# wait at their sender. Replies beyond it are dropped, so there is room for a burst of them. (A worker's one
# connection is that to its proxy, which many clients share: libzmq's default stays.)
_MOST_WAITING = 64
_MOST_UNREAD = 256


class ZmqServerTransport:
    """
    Receive messages and answer them over a ``zmq.ROUTER`` socket.

    Every method may be called from any thread, and with a ``zmq.green`` socket from any greenlet, at any
    time. Only one of them is inside libzmq at once, as its sockets demand: a reply from elsewhere is
    queued, and a message on a private inproc endpoint of the same socket wakes the one that waits there.

    A ``zmq.Context`` may be destroyed at any moment (``destroy()``, or leaving its ``with``; ``term()`` alone waits, as
    it always does, until every socket is closed, so close an idle transport first): calls of a server made by
    :meth:`create` then end with ``TransportClosedError``. Of a passed socket that holds only once this transport was
    closed.
    """

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        """
        Serve on *socket*, a ``zmq.ROUTER`` socket that is bound already.

        The socket stays the caller's to close, after this transport. Until then only the transport uses
        it: it binds a private inproc endpoint to it, sets ZMQ_ROUTER_MANDATORY, to learn of clients that
        are gone, and ZMQ_RCVTIMEO and ZMQ_SNDTIMEO, which :meth:`close` sets back. The size of a message and
        the memory for those that wait are bounded by the socket's own ZMQ_MAXMSGSIZE, ZMQ_RCVHWM and ZMQ_SNDHWM.

        Raises:
            TypeError: *socket* is not a ``zmq.Socket`` or ``zmq.green.Socket``.
            ValueError: *socket* is closed, or not a ROUTER.
            TransportError: the socket's ``zmq.Context`` was made before a fork.
        """
        try:
            check_socket(socket, zmq.ROUTER)
            self._set_up(socket, None)
        except zmq.ZMQError as exc:
            raise translated(exc, "setting up a server") from exc

    def _set_up(self, socket: zmq.Socket[bytes], way_back: WayBack | None) -> None:
        self._endpoint = endpoint_of(socket)
        self._life = Life(f"server at {self._endpoint}")
        max_bytes = int(socket.get(zmq.MAXMSGSIZE))
        self._max_bytes: float = math.inf if max_bytes < 0 else max_bytes
        self._bad_envelopes, self._too_large, self._not_text = (Throttle(_log) for _ in range(3))
        self._router = SharedRouter(socket, way_back)

    @classmethod
    def create(
        cls,
        zmq_context: zmq.Context[Any],
        endpoint: str,
        *,
        bind: bool = True,
        socket_options: SocketOptions[OptionT] | None = None,
        max_message_bytes: int | None = DEFAULT_MAX_MESSAGE_BYTES,
    ) -> Self:
        """
        Open a socket of its own and serve on it.

        Args:
            zmq_context: A ``zmq.Context``, or a ``zmq.green.Context`` to serve greenlets.
            endpoint: Where to listen, such as ``tcp://127.0.0.1:5555`` or ``ipc:///path``. With
                ``tcp://host:*`` the system picks the port; :attr:`endpoint` says which.
            bind: ``False`` connects to *endpoint* instead, which makes this server one worker behind
                the DEALER side of a ROUTER/DEALER proxy.
            socket_options: Options of libzmq by their numbers (``zmq.CURVE_SERVER``, …), set before
                the socket is bound. They win over the defaults here: ZMQ_LINGER of 5 s, and for a bound socket
                ZMQ_RCVHWM of 64 messages and ZMQ_SNDHWM of 256 replies for each connection. Times the largest of
                them, in bytes, that is what one connection can have the server keep.
            max_message_bytes: The most bytes that a peer may send in one message (ZMQ_MAXMSGSIZE for
                each frame, and checked again for the whole); one that sends more is cut off.
                ``None`` sets no bound. libzmq puts no bound on the number of frames of a message that is not
                finished: among strangers, use CURVE.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: libzmq does not know the form of *endpoint*, an option or its value.
            TransportConnectionError: *endpoint* is unavailable, for example because its port is in use.
            TransportClosedError: *zmq_context* was terminated.
            TransportError: *zmq_context* was made before a fork, or a limit on sockets or files is reached.
        """
        defaults = {zmq.LINGER: LINGER, zmq.MAXMSGSIZE: check_size(max_message_bytes)}
        if bind:
            defaults |= {zmq.RCVHWM: _MOST_WAITING, zmq.SNDHWM: _MOST_UNREAD}
        options = with_defaults(socket_options, defaults)
        if not bind and options.get(zmq.IMMEDIATE):
            raise ValueError(
                "socket option IMMEDIATE is set, expected 0 for a server with bind=False: it only sends replies, and "
                "libzmq aborts the process when a connection breaks while a message of several frames is read"
            )
        socket = open_socket(zmq_context, zmq.ROUTER, endpoint, bind=bind, options=options)
        way_back: WayBack | None = None
        if not bind:
            replying = {**options, zmq.SNDHWM: 0}

            def open_way_back() -> zmq.Socket[bytes]:
                return open_socket(zmq_context, zmq.DEALER, endpoint, bind=False, options=replying)

            way_back = WayBack(lambda: socket.disconnect(endpoint), open_way_back)
        transport = cls.__new__(cls)
        try:
            transport._set_up(socket, way_back)  # noqa: SLF001  # its own
        except zmq.ZMQError as exc:
            socket.close(0)
            raise translated(exc, "setting up a server") from exc
        return transport

    @property
    def endpoint(self) -> str:
        """Where the socket is bound or connected, with the port that the system has picked."""
        return self._endpoint

    def receive_message(self, timeout: float | None = None) -> tuple[Envelope, str]:
        """
        Wait up to *timeout* seconds for the next message; return its envelope and its text.

        ``None`` waits for ever, 0 takes only what has arrived already. A message that is not UTF-8, is too large,
        or has too large an envelope is dropped, and the wait goes on. The log has a warning for each of these reasons,
        at most every 30 seconds.

        Raises:
            TypeError: *timeout* is not a number.
            ValueError: *timeout* is negative, or NaN.
            TransportTimeoutError: no message in time.
            TransportClosedError: the server was closed, before the call or during it; or it is being closed with
                a *drain*, and every message that had arrived has been received.
            TransportError: this process is a fork of the one that made the server.
        """
        if self._life.over:
            raise self._life.error()
        end = None if timeout is None else deadline(check_timeout(timeout))
        try:
            while True:
                envelope, frame = self._router.receive(end)
                if not envelope:
                    self._refuse(self._bad_envelopes, "dropped a message whose envelope is too large")
                elif len(frame) > self._max_bytes:  # as inproc peers may send, for which libzmq has no bound
                    text = "dropped a message of %d bytes, expected at most %d"
                    self._refuse(self._too_large, text, len(frame), self._max_bytes)
                else:
                    context = OpenEnvelope()
                    context.server = self
                    context.owed = [envelope]
                    try:
                        return context, decode(frame, "utf-8")
                    except UnicodeDecodeError as exc:
                        self._refuse(self._not_text, "dropped a message that is not UTF-8 at byte %d", exc.start)
        except zmq.Again as exc:
            raise TransportTimeoutError(f"no message at {self._endpoint} within {timeout} s") from exc
        except RouterClosedError:
            raise self._closed_error() from None
        except zmq.ZMQError as exc:
            raise self._failed(exc) from exc

    def send_reply(self, context: Envelope, reply: str) -> None:
        """
        Answer the message that came with *context*, exactly once.

        Never waits: the reply is handed to libzmq, or to the thread that is inside it. A client that has gone is
        not an error (there is a line at DEBUG), nor is one that does not read (its reply is dropped, with a warning at
        most every 30 seconds, once ZMQ_SNDHWM replies wait for it). Whether the client received the reply is not known.

        Raises:
            TypeError: *reply* is not a ``str``. The context can still be answered.
            ValueError: *reply* has no UTF-8 form. The context can still be answered.
            TransportContextError: *context* was answered or dropped before, or is not one of this server's.
            TransportClosedError: the server was closed.
            TransportError: this process is a fork of the one that made the server.
        """
        data = encode("reply", reply)
        envelope = self._owed(context)
        try:
            self._router.send(envelope, data)
        except RouterClosedError:
            raise self._closed_error() from None
        except zmq.ZMQError as exc:
            raise self._failed(exc) from exc

    def drop(self, context: Envelope) -> None:
        """
        Give up the message that came with *context*, exactly once, in place of a reply.

        Nothing is sent: the client's own timeout ends its call. Never waits.

        Raises:
            TransportContextError: *context* was answered or dropped before, or is not one of this server's.
            TransportClosedError: the server was closed.
            TransportError: this process is a fork of the one that made the server.
        """
        self._owed(context)
        try:
            self._router.settle()
        except RouterClosedError:
            raise self._closed_error() from None

    def close(self, drain: float = 0) -> None:
        """
        Close the server and wake whoever waits in it; do nothing when it is closed.

        Any thread may call it, a message's handler and a signal's too. Returns when the socket is closed; where
        a thread that waits inside libzmq has to leave first, that takes a moment (1 s at the very most, and
        a signal handler does not wait for the thread that it interrupts). Replies already given are still
        sent, for up to ZMQ_LINGER. A socket that a caller passed is set back and left open; when threads were
        at work in that moment, one message of two frames from the private endpoint may be left in it.

        With *drain*, first wait for up to that many seconds until every message that has arrived is received
        and answered or dropped. Their replies are kept until then and sent together, so that no client sends
        another message in between. So don't call it with *drain* where messages are handled, and end every
        context: one that is forgotten is waited for. A server made with ``bind=False`` leaves its proxy at once.
        A second call cuts the wait short.

        Raises:
            TypeError: *drain* is not a number.
            ValueError: *drain* is negative, or NaN.
        """
        seconds = check_drain(drain)
        if self._life.forked:
            return
        if seconds != 0 and not self._life.over:
            self._router.drain(seconds)
        self._life.over = True
        self._router.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a ZmqServerTransport cannot be copied or pickled: make another one")

    def _owed(self, context: Envelope) -> list[bytes]:
        """Return where the reply to *context* goes, which nobody else gets any more."""
        if self._life.over:
            raise self._life.error()
        if not isinstance(context, OpenEnvelope) or context.server is not self:
            raise TransportContextError(
                f"context is a {type(context).__name__} from elsewhere, expected an envelope that this server gave"
            )
        try:
            return context.owed.pop()
        except IndexError:
            raise TransportContextError("context was answered or dropped before, expected one that was not") from None

    def _refuse(self, reason: Throttle, text: str, *arguments: object) -> None:
        reason.warn(text, *arguments)
        self._router.settle()

    def _closed_error(self) -> TransportError:
        return TransportClosedError(f"server at {self._endpoint} was closed, expected an open one")

    def _failed(self, exc: zmq.ZMQError) -> TransportError:
        error = translated(exc, f"serving at {self._endpoint}")
        if isinstance(error, TransportClosedError):
            self._life.over = True
            self._router.begin_to_close()  # zmq.Context.term(), when it is that, waits until every socket is closed
        return error
