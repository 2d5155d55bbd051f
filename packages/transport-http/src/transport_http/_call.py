"""One call in progress: its deadline, what it may receive, and the socket that it waits on."""

import contextlib
import socket
import time
from contextvars import ContextVar

# poll(2) counts milliseconds in a C int: what goes beyond (24 days) is no time-out at all.
_LONGEST_WAIT = (2**31 - 1) / 1000


class Call:
    """
    The limits of one call, for whatever connection serves it.

    All is used by the thread that calls, but :meth:`abort`, which any thread may use.
    """

    __slots__ = ("_aborted", "_allowance", "_deadline", "_sock")

    def __init__(self, timeout: float | None = None, allowance: int | None = None) -> None:
        self._deadline = None if timeout is None or timeout > _LONGEST_WAIT else time.monotonic() + timeout
        self._allowance = allowance
        self._sock: socket.socket | None = None
        self._aborted = False

    def remaining(self) -> float | None:
        """
        Return the seconds that are left, more than 0; ``None`` when there is no limit.

        Raises:
            TimeoutError: nothing is left.
        """
        if self._deadline is None:
            return None
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    def may_receive(self, count: int) -> bool:
        """Take *count* received bytes off the allowance; tell whether they were within it."""
        if self._allowance is None:
            return True
        self._allowance -= count
        return self._allowance >= 0

    def wait_on(self, sock: socket.socket) -> None:
        """Tell which socket the call waits on from now on; its connection breaks when the call is aborted."""
        self._sock = sock
        # Looked at after the line above, as abort() sets it before it looks at the socket: one of both sees the other.
        if self._aborted:
            _shut_down(sock)

    def abort(self) -> None:
        """Break the connection under the call, so that whoever waits on it wakes up."""
        self._aborted = True
        if self._sock is not None:
            _shut_down(self._sock)

    @property
    def aborted(self) -> bool:
        return self._aborted


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Not SSLSocket.shutdown, which takes the TLS state away under the thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


# A context variable reaches the connection through requests and urllib3, and is each thread's and greenlet's own.
_current: ContextVar[Call | None] = ContextVar("current_call", default=None)

enter = _current.set
leave = _current.reset


def current_call() -> Call:
    """Return the call that this thread or greenlet is in; outside any, one without limits."""
    return _current.get() or Call()
