"""Where a client's calls get their sockets from: each call has one to itself until it is over."""

import weakref
from collections import deque
from collections.abc import Callable
from typing import Protocol

import zmq

from ._turn import Turn
from ._waiting import TimedSocket, timed

_MOST_IDLE = 64  # sockets kept for the next calls; a burst of more calls at once opens more, and closes them after


class Sockets(Protocol):
    """Hands out sockets and takes them back."""

    def take(self, end: float | None) -> TimedSocket | None:
        """Return a socket that is ready to send; ``None`` when there is none until *end*, or the client was closed."""
        ...

    free: bool
    """What a call sets to ``True`` when it needs its socket no more, before it hands that back."""

    def take_back(self, socket: TimedSocket, went_well: bool) -> None:
        """Take back a socket. When its call failed, its reply, should it come, must reach no later call."""
        ...

    def close(self) -> None:
        """Close the idle sockets; one in use is closed as it comes back."""
        ...


class OwnSockets:
    """As many sockets as there are calls at once, opened as needed and closed with *linger* milliseconds."""

    def __init__(self, open_one: Callable[[], zmq.Socket[bytes]], linger: int | None) -> None:
        self._open_one = open_one
        self._linger = linger
        self._idle: deque[TimedSocket] = deque()
        # Weakly: a socket that a signal handler's exception has lost on its way is closed as it goes.
        self._open: weakref.WeakSet[TimedSocket] = weakref.WeakSet()
        self._closed = False
        self.free = True  # nobody waits for a turn here

    def take(self, end: float | None) -> TimedSocket:  # noqa: ARG002  # there always is one
        """Return the socket used last, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            socket = timed(self._open_one())
            self._open.add(socket)
            return socket

    def take_back(self, socket: TimedSocket, went_well: bool) -> None:
        """Keep *socket* for the next call, or close it."""
        if not went_well or len(self._idle) >= _MOST_IDLE:
            self._discard(socket)
            return
        self._idle.append(socket)
        if self._closed:  # looked at last: close() may have emptied the pool in between
            self.close()

    def _discard(self, socket: TimedSocket) -> None:
        self._open.discard(socket)
        socket.socket.close(self._linger)

    def close(self) -> None:
        """Close the idle sockets, and those that greenlets wait for: zmq.Context.term() would not let them run."""
        self._closed = True
        for socket in list(self._open):
            if socket.waits_outside:
                self._discard(socket)
        while True:
            try:
                self._discard(self._idle.pop())
            except IndexError:
                return


class PassedSocket(Turn):
    """The one REQ socket that a caller has brought: calls take turns."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        super().__init__(socket)
        # A call that got no reply must not keep the next from sending, and its reply, when late, is told by its number.
        socket.set(zmq.REQ_RELAXED, 1)
        socket.set(zmq.REQ_CORRELATE, 1)
        self._timed = timed(socket)
        self._closed = False
        self._restored = False

    def take(self, end: float | None) -> TimedSocket | None:
        """Return the socket when its turn has come."""
        while True:
            try:
                del self.free
                break
            except AttributeError:
                try:
                    self.wait(end)
                except zmq.Again:
                    return None
        if self._closed:
            self.free = True
            self.call_next()
            return None
        return self._timed

    def take_back(self, socket: TimedSocket, went_well: bool) -> None:  # noqa: ARG002  # there is but one; REQ tells late replies
        """Let the next call have its turn."""
        if self._closed:
            self._restore()
        self.call_next()

    def close(self) -> None:
        """Set the socket back, now or as the call that uses it ends."""
        self._closed = True
        self._restore()

    def _restore(self) -> None:
        try:
            del self.free
        except AttributeError:
            return
        try:
            if not self._restored:
                self._restored = True
                self._timed.restore()
        finally:
            self.free = True
            self.call_next()
