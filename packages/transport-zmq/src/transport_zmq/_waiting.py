"""
How to wait: in a thread, or in a greenlet of gevent.

libzmq ends a thread's wait by the socket options ZMQ_RCVTIMEO and ZMQ_SNDTIMEO. A poll in front of each
call would do too, but gives the interpreter's lock away twice. Green sockets have no such options: there
gevent's own time-outs end the wait.
"""

import contextlib
import importlib
import math
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

import zmq

_MILLISECONDS = 1_000
_UNKNOWN = math.nan  # equals nothing: what a limit is as it is being set, for a signal handler may raise then


class Lock(Protocol):
    """What the locks of threads and of greenlets have in common."""

    def acquire(self, blocking: bool = ..., timeout: Any = ...) -> bool: ...

    def release(self) -> object: ...


class TimedSocket:
    """
    A socket whose waits end in time with ``zmq.Again``; only for the thread that has the turn.

    ``receive`` takes what ``recv`` takes and waits for up to ``limit`` seconds (``None``: for ever), which
    :meth:`set_limit` sets.
    """

    # Whether somebody waits for it outside libzmq, so that another may close it. Threads never do.
    waits_outside = False

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self.socket = socket
        self.send_now = _plain_send(socket)
        self.receive: Any = socket.recv
        self.limit: float | None = None
        self._send_timeout: float | None = None
        self._before = (int(socket.get(zmq.RCVTIMEO)), int(socket.get(zmq.SNDTIMEO)))
        socket.set(zmq.RCVTIMEO, -1)
        socket.set(zmq.SNDTIMEO, -1)

    def set_limit(self, limit: float | None) -> None:
        """Have ``receive`` wait up to *limit* seconds."""
        self.limit = _UNKNOWN
        self.socket.set(zmq.RCVTIMEO, _milliseconds(limit))
        self.limit = limit

    def receive_within(self, timeout: float) -> zmq.Frame:
        """Wait up to *timeout* seconds for a message; return its first frame."""
        if timeout != self.limit:
            self.set_limit(timeout)
        frame: zmq.Frame = self.receive(0, False)
        return frame

    def send(self, data: bytes, timeout: float | None, flags: int = 0) -> None:
        """Wait up to *timeout* seconds until libzmq takes *data*."""
        if timeout != self._send_timeout:
            self._send_timeout = _UNKNOWN
            self.socket.set(zmq.SNDTIMEO, _milliseconds(timeout))
            self._send_timeout = timeout
        self.socket.send(data, flags)

    def drop_rest(self) -> None:
        """Discard what is left of a message whose reading was broken off: it must not pass for the next one."""
        with contextlib.suppress(zmq.ZMQError):
            while self.socket.get(zmq.RCVMORE):
                self.socket.recv(zmq.DONTWAIT)

    def restore(self) -> None:
        """Set the socket's options back to what they were, if there still is a socket."""
        with contextlib.suppress(zmq.ZMQError):
            self.socket.set(zmq.RCVTIMEO, self._before[0])
            self.socket.set(zmq.SNDTIMEO, self._before[1])


class GreenTimedSocket(TimedSocket):
    """The same for greenlets: a wait blocks one of them and never the hub."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self.socket = socket
        self.send_now = socket.send
        self.limit = None
        self._timer: Any = _gevent("gevent").Timeout

    def set_limit(self, limit: float | None) -> None:
        """As in the base class."""
        self.limit = limit

    def receive(self, flags: int = 0, copy: bool = True) -> bytes | zmq.Frame:
        """Receive as a green socket does, for up to ``limit`` seconds."""
        try:
            return self.socket.recv(flags | zmq.DONTWAIT, copy=copy)
        except zmq.Again:
            if self.limit == 0:
                raise
            self.waits_outside = True
            try:
                with self._timer(self.limit, zmq.Again()):
                    return self.socket.recv(flags, copy=copy)
            finally:
                self.waits_outside = False

    def send(self, data: bytes, timeout: float | None, flags: int = 0) -> None:
        """As in the base class."""
        try:
            self.socket.send(data, flags | zmq.DONTWAIT)
        except zmq.Again:
            if timeout == 0:
                raise
            self.waits_outside = True
            try:
                with self._timer(timeout, zmq.Again()):
                    self.socket.send(data, flags)
            finally:
                self.waits_outside = False

    def restore(self) -> None:
        """Do nothing: a green socket's options were left alone."""


def _plain_send(socket: zmq.Socket[bytes]) -> Callable[[bytes, int], object]:
    """Return ``socket.send`` without pyzmq's layer for arguments that are not used here: 0.3 us a frame."""
    overridden = type(socket).send is not zmq.Socket.send  # pyright: ignore[reportUnknownMemberType]  # pyzmq's
    return socket.send if overridden else super(zmq.Socket, socket).send


def timed(socket: zmq.Socket[bytes]) -> TimedSocket:
    """Return *socket* with waits of the kind that suits it."""
    return GreenTimedSocket(socket) if is_green(socket) else TimedSocket(socket)


def lock_for(socket: zmq.Socket[bytes]) -> Callable[[], Lock]:
    """Return what makes locks for those who wait for *socket*: threads, or greenlets."""
    if not is_green(socket):
        return threading.Lock
    semaphore: Callable[[], Lock] = _gevent("gevent.lock").Semaphore
    return semaphore


def _gevent(module: str) -> Any:
    # Only green sockets need it, and type checkers should not ask everyone else for its types.
    return importlib.import_module(module)


def is_green(thing: zmq.Socket[bytes] | zmq.Context[Any]) -> bool:
    """Return whether *thing* is a socket, or a context, of ``zmq.green``."""
    # Whoever made one has imported zmq.green; importing it here would load gevent for everyone.
    green = sys.modules.get("zmq.green")
    return green is not None and isinstance(thing, (green.Socket, green.Context))


def _milliseconds(seconds: float | None) -> int:
    # Rounded up, so that a short wait is not a wait for nothing.
    return -1 if seconds is None else math.ceil(seconds * _MILLISECONDS)
