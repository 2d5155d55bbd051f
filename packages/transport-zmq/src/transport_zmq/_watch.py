"""
Whether a client's socket has ever had a connection, so that a call that failed can say that its message was not sent.

libzmq reports connections to a monitor (zmq_socket_monitor), which is read when a call has failed and not before.
Until the first reply, that is: afterwards the socket has had a connection, and the monitor goes. It takes two further
sockets of the context, so only the first few sockets of a client have one.
"""

import struct
import threading
from typing import Any
from uuid import uuid4

import zmq

from transport_base import TransportConnectionError, TransportError, TransportTimeoutError

from ._own_socket import OwnSocket
from ._sockets import open_socket

# How many sockets of one client are watched at once.
MOST_WATCHED = 8

# Where a context may have fewer sockets than that, they are for calls.
_MANY_SOCKETS = 512

# libzmq closes a socket in a thread of its own, in no time: there is no connection to finish. In milliseconds.
_CLOSING = 200

_EVENTS = zmq.EVENT_CONNECTED | zmq.EVENT_MONITOR_STOPPED


class NotSentError(TransportConnectionError, TransportTimeoutError):
    """No connection stood during a call: its time is up, and its message was not sent."""


class Watch:
    """What libzmq reports of one socket's connections. The lock is for who reads it, or closes it."""

    def __init__(self, socket: OwnSocket, events: OwnSocket) -> None:
        self._socket = socket
        self._events = events
        # Reentrant, as a signal handler may close the context of the thread that it interrupts.
        self._lock = threading.RLock()
        events.closer = self.close

    @classmethod
    def over(cls, socket: OwnSocket, context: zmq.Context[Any]) -> "Watch | None":
        """Watch *socket*, which is not connected yet; return ``None`` where there is no room for that."""
        if context.get(zmq.MAX_SOCKETS) < _MANY_SOCKETS:
            return None
        endpoint = f"inproc://{__name__}.{uuid4()}"
        try:
            socket.monitor(endpoint, _EVENTS)
            events = open_socket(
                context, zmq.PAIR, endpoint, bind=False, options={zmq.LINGER: 0, zmq.RCVTIMEO: _CLOSING}
            )
        except (zmq.ZMQError, TransportError):
            return None
        return cls(socket, events)

    def end(self) -> None:
        """Watch no more; for who has the turn of the socket."""
        self._socket.disable_monitor()
        self.close()

    def never_connected(self) -> bool:
        """
        Return whether it is certain that the socket, which is closed by now, never had a connection.

        Waits until libzmq reports nothing further, so that no connection can come afterwards.
        """
        with self._lock:
            try:
                # Either of the two that are asked for; the first one tells.
                (event,) = struct.unpack_from("=H", self._events.recv_multipart()[0])
            except zmq.ZMQError:
                return False
            finally:
                self.close()
        return bool(event == zmq.EVENT_MONITOR_STOPPED)

    def close(self) -> None:
        """Close what the reports arrive at."""
        with self._lock:
            if not self._events.closed:
                self._events.close_in_turn()
