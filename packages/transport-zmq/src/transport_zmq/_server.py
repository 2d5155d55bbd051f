"""The server side: a ROUTER socket that any number of threads share."""

import logging
import math
from types import TracebackType
from typing import Any, NoReturn, Self

import zmq

from transport_base import TransportClosedError, TransportContextError, TransportError, TransportTimeoutError

from ._deadline import check_timeout, deadline
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


class ZmqServerTransport:
    """
    Receive messages and answer them over a ``zmq.ROUTER`` socket.

    Every method may be called from any thread, and with a ``zmq.green`` socket from any greenlet, at any
    time. Only one of them is inside libzmq at once, as its sockets demand: a reply from elsewhere is
    queued, and a message on a private inproc endpoint of the same socket wakes the one that waits there.
    """

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        """
        Serve on *socket*, a ``zmq.ROUTER`` socket that is bound already.

        The socket stays the caller's to close, after this transport. Until then only the transport uses
        it: it binds a private inproc endpoint to it, sets ZMQ_ROUTER_MANDATORY, to learn of clients that
        are gone, and ZMQ_RCVTIMEO and ZMQ_SNDTIMEO, which :meth:`close` sets back. How large a message may
        be is for the socket's own ZMQ_MAXMSGSIZE to say.

        Raises:
            TypeError: *socket* is no ``zmq.Socket`` or ``zmq.green.Socket``.
            ValueError: *socket* is closed, or not a ROUTER.
        """
        try:
            check_socket(socket, zmq.ROUTER)
            self._set_up(socket, owns=False)
        except zmq.ZMQError as exc:
            raise translated(exc, "setting up a server") from exc

    def _set_up(self, socket: zmq.Socket[bytes], *, owns: bool) -> None:
        self._endpoint = endpoint_of(socket)
        self._life = Life(f"server at {self._endpoint}")
        max_bytes = int(socket.get(zmq.MAXMSGSIZE))
        self._max_bytes: float = math.inf if max_bytes < 0 else max_bytes
        self._bad_envelopes, self._too_large, self._not_text = (Throttle(_log) for _ in range(3))
        self._router = SharedRouter(socket, owns=owns)

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
                ``tcp://host:*`` the system picks the port; :attr:`endpoint` tells which.
            bind: ``False`` connects to *endpoint* instead, which makes this server one worker behind
                the DEALER side of a ROUTER/DEALER proxy.
            socket_options: Options of libzmq by their numbers (``zmq.CURVE_SERVER``, …), set before
                the socket is bound. They win over the defaults here, ZMQ_LINGER of 5 s among them.
            max_message_bytes: The most bytes that a peer may send in one message (ZMQ_MAXMSGSIZE for
                each frame, and checked again for the whole); one that sends more is cut off.
                ``None`` sets no bound.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: the form of *endpoint*, an option or a value is not one that libzmq knows.
            TransportConnectionError: *endpoint* is unavailable, for example because its port is in use.
            TransportClosedError: *zmq_context* was terminated.
            TransportError: the process is out of file descriptors, or the context of sockets (ZMQ_MAX_SOCKETS).
        """
        options = with_defaults(socket_options, {zmq.LINGER: LINGER, zmq.MAXMSGSIZE: check_size(max_message_bytes)})
        socket = open_socket(zmq_context, zmq.ROUTER, endpoint, bind=bind, options=options)
        transport = cls.__new__(cls)
        try:
            transport._set_up(socket, owns=True)  # noqa: SLF001  # its own
        except zmq.ZMQError as exc:
            socket.close(0)
            raise translated(exc, "setting up a server") from exc
        return transport

    @property
    def endpoint(self) -> str:
        """Where the socket is bound or connected, with the port that it has got."""
        return self._endpoint

    def receive_message(self, timeout: float | None = None) -> tuple[Envelope, str]:
        """
        Wait up to *timeout* seconds for the next message; return its envelope and its text.

        ``None`` waits for ever, 0 takes only what has arrived already. What is not UTF-8, or too large,
        or has no sane envelope is dropped, and the wait goes on. The log has a warning for each of these reasons, at
        most every 30 seconds.

        Raises:
            TransportTimeoutError: no message in time.
            TransportClosedError: the server was closed, before the call or during it.
            TransportError: this process is a fork of the one that made the server.
        """
        if self._life.over:
            raise self._life.error()
        end = None if timeout is None else deadline(check_timeout(timeout))
        try:
            while True:
                envelope, frame = self._router.receive(end)
                if not envelope:
                    self._bad_envelopes.warn("dropped a message whose envelope is too large")
                elif len(frame) > self._max_bytes:  # as inproc peers may send, for which libzmq has no bound
                    self._too_large.warn(
                        "dropped a message of %d bytes, expected at most %d", len(frame), self._max_bytes
                    )
                else:
                    context = OpenEnvelope()
                    context.server = self
                    context.frames = envelope
                    try:
                        return context, decode(frame, "utf-8")
                    except UnicodeDecodeError as exc:
                        self._not_text.warn("dropped a message that is not UTF-8 at byte %d", exc.start)
        except zmq.Again as exc:
            raise TransportTimeoutError(f"no message at {self._endpoint} within {timeout} s") from exc
        except RouterClosedError:
            raise self._life.error() from None
        except zmq.ZMQError as exc:
            raise self._failed(exc) from exc

    def send_reply(self, context: Envelope, reply: str) -> None:
        """
        Answer the message that came with *context*, exactly once.

        Never waits: the reply is handed to libzmq, or to the thread that is inside it. A client that is
        gone is no error (a line at DEBUG tells), nor is one that does not read (its reply is dropped, with a
        warning at most every 30 seconds, once ZMQ_SNDHWM replies wait for it). Whether the
        client took the reply is not known.

        Raises:
            TypeError: *reply* is not a ``str``. The context can still be answered.
            ValueError: *reply* has no UTF-8 form. The context can still be answered.
            TransportContextError: *context* was answered before, or is not one of this server's.
            TransportClosedError: the server was closed.
            TransportError: this process is a fork of the one that made the server.
        """
        data = encode("reply", reply)
        if self._life.over:
            raise self._life.error()
        if not isinstance(context, OpenEnvelope) or context.server is not self:
            raise TransportContextError(
                f"context is a {type(context).__name__} from elsewhere, expected an envelope that this server gave"
            )
        try:
            envelope = context.frames
            del context.frames
        except AttributeError:
            raise TransportContextError("context was answered before, expected one that was not") from None
        try:
            self._router.send(envelope, data)
        except zmq.ZMQError as exc:
            raise self._failed(exc) from exc

    def close(self) -> None:
        """
        Close the server and wake whoever waits in it; do nothing when it is closed.

        Any thread may call it, a message's handler and a signal's too. Returns when the socket is closed; where
        a thread that waits inside libzmq has to leave first, that takes a moment (1 s at the very most, and
        a signal handler does not wait for the thread that it interrupts). Replies already given are still
        sent, for up to ZMQ_LINGER. A socket that a caller brought is set back and left open; when threads were
        at work in that moment, one message of two frames from the private endpoint may be left in it.
        """
        self._life.over = True
        if not self._life.forked:
            self._router.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a ZmqServerTransport cannot be copied or pickled: make another one")

    def _failed(self, exc: zmq.ZMQError) -> TransportError:
        error = translated(exc, f"serving at {self._endpoint}")
        if isinstance(error, TransportClosedError):
            self.close()  # zmq.Context.term(), when it is that, waits until every socket is closed
        return error
