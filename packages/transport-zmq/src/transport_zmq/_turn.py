"""Taking turns at what only one thread at a time may use."""

import contextlib
from collections import deque

import zmq

from ._deadline import next_wait, remaining
from ._waiting import Lock, lock_for


class Turn:
    """
    A turn at *socket*: it is the thread's, or greenlet's, that deletes ``free``, until that one sets it again.

    Deleting an attribute succeeds once, whichever threads try it, and costs a fifth of a lock. No signal handler
    can run between it and the ``try`` behind it, as one can after a call of a lock's acquire(): if it raises, the lock
    stays taken. Who sets ``free`` looks at ``waiting`` after that.
    """

    __slots__ = ("_socket", "free", "waiting")

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self.waiting: deque[Lock] = deque()
        self.free = True

    def wait(self, end: float | None) -> None:
        """Wait until it is worth while to try again; raise ``zmq.Again`` when *end* has come."""
        left = remaining(end)
        if left == 0:
            raise zmq.Again
        called = lock_for(self._socket)
        called.acquire(False)
        self.waiting.append(called)
        try:
            # Who had the turn may have given it up before there was somebody to call.
            if not hasattr(self, "free"):
                # In slices, as the one that was called may die by a signal handler before it takes its turn.
                called.acquire(True, next_wait(left))
        finally:
            with contextlib.suppress(ValueError):
                self.waiting.remove(called)

    def call_next(self) -> None:
        """Wake the one that has waited longest."""
        with contextlib.suppress(IndexError):
            self.waiting.popleft().release()
