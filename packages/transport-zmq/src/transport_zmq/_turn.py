"""
Taking turns at a socket, which libzmq lets one thread at a time use.

Every socket of this package has one :class:`Turn`, and nothing touches a socket but the thread that has entered its
turn: the server's router, the calls of a client, and what ends the socket. So two threads never meet in libzmq.

Ending a socket is up to whoever has the turn as well. :meth:`Turn.close` ends it at once when nobody has, and
otherwise leaves a note, ``closing``, that the one who has reads on leaving. So ``close()``, from any thread, and
``zmq.Context.destroy()``, which closes the sockets of its context from whichever thread calls it, wait for their turn
like everybody else.

What is atomic is in this module: the deletion of a list's only item, which one thread gets and which fails for all
others, and the append that puts the item back. Each is one call into C: under the GIL nothing can come between, and
free-threaded CPython holds the list's own lock. Signal handlers are why it is not a lock: a handler may raise right
after a lock's ``acquire()``, and the lock stays taken. After the deletion, ``enter()`` calls nothing until its caller
is in its ``try``, and ``leave`` is the append itself, so a handler runs before or after each, never with the turn lost.
"""

import contextlib
from collections import deque
from collections.abc import Callable
from threading import get_ident

import zmq

from ._deadline import next_wait, remaining
from ._waiting import Lock


class Turn:
    """
    Whose turn it is at one socket, which *end* ends; *new_lock* makes what the others wait on.

    Use it like this, with nothing in between::

        if turn.enter():
            try:
                ...
            finally:
                turn.leave(None)

    Then see to what came up meanwhile: :meth:`end_if_free` if ``closing``, and :meth:`call_next` if anybody waits.

    Who entered checks ``closed`` before using the socket, and may set ``holder``, so that ``close()`` in a signal
    handler of the same thread does not wait for it.
    """

    __slots__ = ("_end", "_ended", "_new_lock", "_tokens", "closed", "closing", "holder", "leave", "waiting")

    def __init__(self, end: Callable[[], object], new_lock: Callable[[], Lock]) -> None:
        self._end = end
        self._ended = False
        self._new_lock = new_lock
        self._tokens: list[None] = [None]
        self.leave = self._tokens.append
        self.waiting: deque[Lock] = deque()
        self.holder = 0
        self.closing = False
        self.closed = False

    def enter(self) -> bool:
        """Take the turn, unless somebody else has it; never waits."""
        try:
            del self._tokens[0]
        except IndexError:
            return False
        return True

    @property
    def taken(self) -> bool:
        """Whether somebody has the turn."""
        return not self._tokens

    def wait(self, end: float | None) -> None:
        """Wait until it is worth trying to enter again; raise ``zmq.Again`` when *end* has come."""
        left = remaining(end)
        if left == 0:
            raise zmq.Again
        called = self._new_lock()
        called.acquire(False)
        self.waiting.append(called)
        try:
            # The turn may have been left before there was anybody in the queue to wake.
            if not self._tokens:
                # In slices: a signal handler may raise in the thread that was woken, which then wakes nobody else.
                called.acquire(True, next_wait(left))
        finally:
            with contextlib.suppress(ValueError):
                self.waiting.remove(called)

    def call_next(self) -> None:
        """Wake the first who waits, if anybody does, to try again."""
        with contextlib.suppress(IndexError):
            self.waiting.popleft().release()

    def close(self) -> None:
        """End the socket, now or as whoever has the turn leaves; never waits."""
        self.closing = True
        self.end_if_free()

    def end_if_free(self) -> None:
        """End the socket, which is to end, unless somebody has the turn."""
        if not self.enter():
            return
        try:
            self.end_in_turn()
        finally:
            self.leave(None)
            self.call_next()

    def end_in_turn(self) -> None:
        """End the socket; only for the thread that has the turn."""
        if not self._ended:
            self._ended = True
            try:
                self._end()
            finally:
                self.closed = True  # only now: whoever waits for it may use the socket again

    def wait_until_closed(self, end: float | None) -> None:
        """
        Wait until the socket has ended, and until *end* at the longest.

        Not where this very thread has the turn: a signal handler has interrupted it, or another greenlet has it.
        """
        with contextlib.suppress(zmq.Again):
            while (self.taken or not self.closed) and self.holder != get_ident():
                self.wait(end)
                if self.closing:
                    self.end_if_free()
        self.call_next()  # it may have been this thread that was woken, which needs no turn any more
