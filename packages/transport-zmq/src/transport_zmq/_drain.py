"""
Stopping a server gracefully: what has arrived is answered, and no client is made to send what nobody will read.

First, everything that libzmq holds is taken in, until there is nothing left at that moment; a worker then disconnects
from its proxy at once, which from then on feeds the other workers. The replies are kept until all of them are there.
A client that waits for its reply sends nothing meanwhile; one that had it would send its next message to a server that
is about to close. In the end all go out together and the socket closes behind them, with ZMQ_LINGER for the sending.
A worker sends them through a connection of its own, as it has left: proxies tell replies apart by their envelopes.

What is not waited for here is changed only by the one who has the turn of the server's socket.
"""

import contextlib
from collections import deque
from collections.abc import Callable

import zmq

from ._deadline import next_wait, remaining
from ._waiting import Lock, TimedSocket, timed

Message = tuple[list[bytes], zmq.Frame]


class WayBack:
    """How a worker leaves its proxy, and replies after that."""

    def __init__(self, disconnect: Callable[[], object], open_socket: Callable[[], zmq.Socket[bytes]]) -> None:
        self.disconnect = disconnect
        self.open_socket = open_socket


class Drain:
    """The graceful stop of one server on *line*, with a new *lock* to wait on; a worker has a *way_back*."""

    def __init__(self, line: TimedSocket, lock: Lock, way_back: WayBack | None) -> None:
        self._line = line
        self._way_back = way_back
        self._over = lock
        lock.acquire(False)
        self._kept: list[tuple[list[bytes], bytes]] = []
        self.arrived: deque[Message] = deque()
        # How many messages were handed out or are to be, and how many of them were answered or given up.
        self.received = 0
        self.answered = 0
        self.requested = False
        self.begun = False
        self.done = False

    @property
    def is_due(self) -> bool:
        """Whether whoever has the turn has something to do here."""
        return self.requested and (not self.begun or (not self.done and self._is_complete()))

    def attend(self, read: Callable[[bytes], Message | None]) -> None:
        """Take in what has arrived, the first time; after that, see whether all of it is answered."""
        if not self.begun:
            self.begun = True
            self._line.set_limit(0)
            with contextlib.suppress(zmq.Again):
                while True:
                    message = read(self._line.receive())
                    if message is not None:
                        self.received += 1
                        self.arrived.append(message)
            if self._way_back is not None:
                with contextlib.suppress(zmq.ZMQError):
                    self._way_back.disconnect()
        if self._is_complete():
            self.done = True
            self.cut_short()

    def keep(self, envelope: list[bytes], data: bytes) -> None:
        """Keep a reply until the end."""
        if envelope:
            self._kept.append((envelope, data))

    def flush(self, hand_over: Callable[[TimedSocket, list[bytes], bytes], object]) -> None:
        """Send the replies that were kept."""
        if not self._kept:
            return
        if self._way_back is None:
            for envelope, data in self._kept:
                hand_over(self._line, envelope, data)
        else:
            # Without the first frame, by which the worker's own socket knew its connection to the proxy.
            with contextlib.closing(self._way_back.open_socket()) as socket:
                line = timed(socket)
                for envelope, data in self._kept:
                    hand_over(line, envelope[1:], data)
        self._kept.clear()

    def wait(self, end: float | None) -> None:
        """Wait until it is over or was cut short, or *end* has come."""
        while remaining(end) != 0 and not self._over.acquire(True, next_wait(remaining(end))):
            pass

    def cut_short(self) -> None:
        """End the wait."""
        with contextlib.suppress(RuntimeError, ValueError):  # it has ended already
            self._over.release()

    def _is_complete(self) -> bool:
        return not self.arrived and self.answered == self.received
