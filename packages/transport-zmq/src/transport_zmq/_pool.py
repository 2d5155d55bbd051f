"""Where a client's calls get their sockets: each call has one to itself until it is over."""

from collections import deque
from collections.abc import Callable

import zmq

from ._own_socket import OwnSocket
from ._turn import Turn
from ._waiting import lock_for, timed
from ._watch import Watch

_MOST_IDLE = 64  # sockets kept for the next calls; a burst of more calls at once opens more, and closes them afterwards


class ClientSocket:
    """A socket of a client: what sends and receives, whose turn it is, and whether the next call may have it."""

    __slots__ = ("reusable", "timed", "turn", "watch")

    def __init__(self, socket: zmq.Socket[bytes], linger: int | None = None, watch: Watch | None = None) -> None:
        self.timed = timed(socket)
        self.reusable = True
        # Until the first reply; or a call that failed has taken it along.
        self.watch = watch
        if isinstance(socket, OwnSocket):

            def close() -> None:
                socket.close_in_turn(linger)
                if self.watch is not None:
                    self.watch.close()

            self.turn = Turn(close, lock_for(socket))
            socket.closer = self.turn.close
        else:
            self.turn = Turn(self.timed.restore, lock_for(socket))

    def end_watch(self) -> None:
        """Watch no more, as there was a reply; for who has the turn."""
        if self.watch is not None:
            self.watch.end()
            self.watch = None


class Pool:
    """
    The sockets of one client: as many as there are calls at once, or the one that a caller passed.

    A call has entered the turn of the socket that it takes. It says whether a later call may have it: of one that
    failed, a late reply may still come, so it is closed, unless it was passed, and then it tells late replies apart.
    """

    def __init__(self, open_one: Callable[[], ClientSocket] | None, passed: ClientSocket | None = None) -> None:
        self._open_one = open_one
        self._passed = passed
        self.reuses_failed = passed is not None
        # Only a hint at sockets that nobody uses: their turns are what counts.
        self._idle: deque[ClientSocket] = deque()
        self._open: dict[ClientSocket, None] = {} if passed is None else {passed: None}
        self.closed = False

    @property
    def size(self) -> int:
        """How many sockets are open."""
        return len(self._open)

    def open_first(self) -> None:
        """Open a socket for the first call."""
        self._idle.append(self._opened())

    def take(self, end: float | None) -> ClientSocket:
        """Return a socket whose turn is the caller's; raise ``zmq.Again`` when there is none until *end*."""
        while True:
            try:
                socket = self._idle.pop()
            except IndexError:
                socket = self._passed or self._unused() or self._opened()
            if not socket.turn.enter():
                if socket is self._passed:
                    socket.turn.wait(end)
            elif socket.reusable:
                return socket
            else:
                socket.turn.leave(None)
                self._discard(socket)

    def give_back(self, socket: ClientSocket, *, went_well: bool) -> None:
        """Keep *socket*, whose turn was left by a call that *went_well*, for the next call; or close it."""
        if self._passed is None:
            # Not by ``reusable``, which may already be another call's to say.
            if went_well and not socket.turn.closing and len(self._idle) < _MOST_IDLE:
                self._idle.append(socket)
            else:
                self._discard(socket)
        if self.closed:  # looked at last: close() may have come in between
            socket.turn.close()
        if socket.turn.waiting:
            socket.turn.call_next()

    def close(self) -> None:
        """Close the sockets, or set the passed one back, each as soon as no call uses it."""
        self.closed = True
        for socket in self._open.copy():
            if socket.timed.waits_outside and self._passed is None:
                # A greenlet that waits for it would not run before zmq.Context.term() has stopped the hub.
                socket.turn.end_in_turn()
            socket.turn.close()

    def wait_until_closed(self, end: float | None) -> None:
        """Wait until no thread is inside libzmq on any of the sockets, and until *end* at the longest."""
        for socket in self._open.copy():
            socket.turn.wait_until_closed(end)

    def _opened(self) -> ClientSocket:
        assert self._open_one is not None
        socket = self._open_one()
        self._open[socket] = None
        return socket

    def _unused(self) -> ClientSocket | None:
        """Return a socket that a signal handler's exception has lost on its way, if there is one."""
        return next((socket for socket in self._open.copy() if not socket.turn.taken), None)

    def _discard(self, socket: ClientSocket) -> None:
        self._open.pop(socket, None)
        socket.turn.close()
