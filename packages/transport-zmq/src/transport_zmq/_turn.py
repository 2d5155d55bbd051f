"""Taking turns at what only one thread at a time may use."""

import contextlib
from collections import deque

import zmq

from ._deadline import next_wait, remaining
from ._waiting import Lock, lock_for


class Turn:
    """
    Whose turn it is at *socket*: that of the thread, or greenlet, that has deleted ``free``, until it sets it again.

    Deleting an attribute succeeds once, however many threads try, and takes a fraction of a lock's time. Nor can a
    signal handler run between the deletion and the ``try`` that follows. One can run right after a lock's
    acquire(); when it raises there, the lock stays taken.

    Who sets ``free`` then looks at ``waiting``, and calls :meth:`call_next` unless it is empty.
    """

    __slots__ = ("_socket", "free", "waiting")

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self.waiting: deque[Lock] = deque()
        self.free = True

    def wait(self, end: float | None) -> None:
        """Wait until it is worth trying again; raise ``zmq.Again`` when *end* has come."""
        left = remaining(end)
        if left == 0:
            raise zmq.Again
        called = lock_for(self._socket)
        called.acquire(False)
        self.waiting.append(called)
        try:
            # It may have been set free before there was anybody in the queue to wake.
            if not hasattr(self, "free"):
                # In slices: a signal handler may raise in the thread that was woken, which then wakes nobody else.
                called.acquire(True, next_wait(left))
        finally:
            with contextlib.suppress(ValueError):
                self.waiting.remove(called)

    def call_next(self) -> None:
        """Wake the first in the queue, if there is one, to try again."""
        with contextlib.suppress(IndexError):
            self.waiting.popleft().release()
