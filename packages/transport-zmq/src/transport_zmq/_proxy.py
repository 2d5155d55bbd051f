"""A proxy between clients and workers: libzmq's own, with what it takes to end it and to notice dead workers."""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Self
from uuid import uuid4

import zmq

from transport_base import TransportClosedError, TransportError

from ._own_socket import OwnSocket
from ._sockets import (
    DEFAULT_MAX_MESSAGE_BYTES,
    LINGER,
    OptionT,
    SocketOptions,
    check_size,
    endpoint_of,
    open_socket,
    translated,
    with_defaults,
)

# In milliseconds. A worker that is stopped, or whose host is gone, answers no ping (ZMTP 3.1): libzmq drops its
# connection and feeds the others. Without that, every nth message goes on waiting for it.
_HEARTBEAT_INTERVAL = 200
_HEARTBEAT_TIMEOUT = 600

# How long close() waits for the thread inside libzmq, in seconds. It has nothing to wait for itself.
_LEAVING = 1.0


class ZmqProxy:
    """
    Pass the messages of clients to workers in turn, and the replies back (``zmq_proxy_steerable``).

    A worker is a ``ZmqServerTransport`` made with ``bind=False`` on the back endpoint, or any REP or ROUTER socket
    that connects there. Workers may come and go at any time. While there is none, messages wait.

    libzmq gives each worker its share whether it has kept up or not, so one slow worker makes calls wait.
    A worker that does not answer heartbeats for 600 ms gets no further messages until it connects again; those
    that it has are lost, and their clients' timeouts end the calls.
    """

    def __init__(self, front: OwnSocket, back: OwnSocket, steered: OwnSocket, steering: OwnSocket) -> None:
        """Use :meth:`create`."""
        self._front, self._back, self._steered, self._steering = front, back, steered, steering
        self._front_endpoint, self._back_endpoint = endpoint_of(front), endpoint_of(back)
        # Reentrant, as a signal handler may close what its own thread is closing.
        self._lock = threading.RLock()
        self._running = False
        self._closing = False
        self._closed = threading.Event()
        for socket in (front, back, steered, steering):
            socket.closer = self.close  # zmq.Context.destroy() must not close them under the thread in run()

    @classmethod
    def create(
        cls,
        zmq_context: zmq.Context[Any],
        front: str,
        back: str,
        *,
        front_options: SocketOptions[OptionT] | None = None,
        back_options: SocketOptions[OptionT] | None = None,
        max_message_bytes: int | None = DEFAULT_MAX_MESSAGE_BYTES,
    ) -> Self:
        """
        Bind both sides; messages pass once :meth:`run` is called.

        Args:
            zmq_context: A ``zmq.Context``.
            front: Where clients connect, such as ``tcp://*:5555``.
            back: Where workers connect, such as ``tcp://*:5556``.
            front_options: Options of libzmq for the ROUTER socket, set before it is bound.
            back_options: The same for the DEALER socket. They win over the defaults, among them
                ZMQ_HEARTBEAT_IVL of 200 ms and ZMQ_HEARTBEAT_TIMEOUT of 600 ms.
            max_message_bytes: The most bytes that a peer on either side may send in one message. ``None`` sets no
                bound.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: libzmq does not know the form of an endpoint, an option or its value.
            TransportConnectionError: an endpoint is unavailable, for example because its port is in use.
            TransportClosedError: *zmq_context* was terminated.
            TransportError: *zmq_context* was made before a fork, or a limit on sockets or files is reached.
        """
        bounds = {zmq.LINGER: LINGER, zmq.MAXMSGSIZE: check_size(max_message_bytes)}
        beats = {zmq.HEARTBEAT_IVL: _HEARTBEAT_INTERVAL, zmq.HEARTBEAT_TIMEOUT: _HEARTBEAT_TIMEOUT}
        steering = f"inproc://{__name__}.{uuid4()}"
        wanted: tuple[tuple[zmq.SocketType, str, bool, dict[int, int | bytes | str]], ...] = (
            (zmq.ROUTER, front, True, with_defaults(front_options, bounds)),
            (zmq.DEALER, back, True, with_defaults(back_options, bounds | beats)),
            (zmq.PAIR, steering, True, {}),
            (zmq.PAIR, steering, False, {zmq.LINGER: 0}),
        )
        opened: list[OwnSocket] = []
        try:
            for kind, endpoint, bind, options in wanted:
                opened.append(open_socket(zmq_context, kind, endpoint, bind=bind, options=options))
        except BaseException:
            for socket in opened:
                socket.close(0)
            raise
        return cls(*opened)

    @property
    def front_endpoint(self) -> str:
        """Where clients connect, with the port that the system has picked."""
        return self._front_endpoint

    @property
    def back_endpoint(self) -> str:
        """Where workers connect, with the port that the system has picked."""
        return self._back_endpoint

    def run(self) -> None:
        """
        Pass messages in the calling thread until :meth:`close`, or until the ``zmq.Context`` is terminated.

        Raises:
            TransportClosedError: the proxy was closed before the call.
            TransportError: it runs in another thread already, or libzmq failed.
        """
        with self._lock:
            if self._closing:
                raise TransportClosedError(f"proxy at {self._front_endpoint} was closed, expected an open one")
            if self._running:
                raise TransportError(f"proxy at {self._front_endpoint} runs already, expected one thread in run()")
            self._running = True
        try:
            zmq.proxy_steerable(self._front, self._back, None, self._steered)
        except zmq.ContextTerminated:
            return
        except zmq.ZMQError as exc:
            raise translated(exc, f"running a proxy at {self._front_endpoint}") from exc
        finally:
            with self._lock:
                self._closing = True
                self._close_sockets()

    def close(self) -> None:
        """
        End :meth:`run` and close the sockets; do nothing when they are closed.

        Any thread may call it, and a signal handler. What has been passed on is still sent, for up to ZMQ_LINGER;
        messages that wait for a worker are dropped, as are replies that come later.
        """
        with self._lock:
            if not self._closing:
                self._closing = True
                if self._running:
                    with suppress(zmq.ZMQError):  # a context that was terminated ends it, too
                        self._steering.send(b"TERMINATE", zmq.NOBLOCK)
                else:
                    self._close_sockets()
        self._closed.wait(_LEAVING)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a ZmqProxy cannot be copied or pickled: make another one")

    def _close_sockets(self) -> None:
        # By the one thread that is allowed to: nobody is inside libzmq with them any more.
        for socket in (self._front, self._back, self._steered, self._steering):
            socket.close_in_turn()
        self._closed.set()
