"""
Stopping a server gracefully: what has arrived is answered, and no client is made to send what nobody will read.

First, everything that libzmq holds is taken in, until there is nothing left at that moment; a worker then disconnects
from its proxy at once, which from then on feeds the other workers. The replies are kept until all of them are there.
A client that waits for its reply sends nothing meanwhile; one that had it would send its next message to a server that
is about to close. In the end all go out together and the socket closes behind them, with ZMQ_LINGER for the sending.

A worker has left its proxy by then, so its replies take a way back of their own: proxies tell replies apart by their
envelopes. The proxy takes that connection for another worker's, and those whose replies it brings send their next
messages, some of them here. So it stays open for a moment, and what came in is answered in another round, of fewer.

All of this but the waiting is done by the one who has the turn of the server's socket.
"""

import contextlib
import math
from collections import deque
from collections.abc import Callable
from time import monotonic

import zmq

from ._deadline import next_wait, remaining
from ._waiting import Lock, TimedSocket, timed

Message = tuple[list[bytes], zmq.Frame]

# How long the way back stays open for the messages that it attracts, and how long libzmq gets to disconnect. Calls lost
# for each stop, of 64 clients at 4 workers of 5 ms on one machine: 0.9 with 1 ms, 3 with 2 ms or 5 ms, 14 with 20 ms.
_MOMENT = 0.001

# A server that clients are connected to has taken in what was under way to it when nothing has come for so long, in
# seconds; and no longer than that, among clients that send without waiting for replies.
_QUIET = 0.05
_AT_MOST = 0.25

HandOver = Callable[[TimedSocket, list[bytes], bytes], object]


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

    def attend(self, read: Callable[[bytes], Message | None], hand_over: HandOver) -> None:
        """Take in what has arrived, the first time; after that, see whether all of it is answered."""
        if not self.begun:
            self.begun = True
            if self._way_back is None:
                self._take_in(lambda: read(self._line.receive()), _QUIET, monotonic() + _AT_MOST)
            else:
                self._take_in(lambda: read(self._line.receive()), 0)
                with contextlib.suppress(zmq.ZMQError):
                    self._way_back.disconnect()
                # libzmq takes part in the disconnection only as the socket is used.
                self._take_in(lambda: read(self._line.receive()), _MOMENT)
        if self._is_complete() and self._kept and self._way_back is not None:
            self._reply_by_the_way_back(self._way_back, hand_over)
        if self._is_complete():
            self.done = True
            self.cut_short()

    def keep(self, envelope: list[bytes], data: bytes) -> None:
        """Keep a reply until the end."""
        if envelope:
            self._kept.append((envelope, data))

    def flush(self, hand_over: HandOver) -> None:
        """Send the replies that are still kept."""
        if self._kept and self._way_back is not None:
            self._reply_by_the_way_back(self._way_back, hand_over)
        for envelope, data in self._kept:
            hand_over(self._line, envelope, data)
        self._kept.clear()

    def wait(self, end: float | None) -> None:
        """Wait until it is over or was cut short, or *end* has come."""
        while remaining(end) != 0 and not self._over.acquire(True, next_wait(remaining(end))):
            pass

    def cut_short(self) -> None:
        """End the wait."""
        with contextlib.suppress(RuntimeError, ValueError):  # it has ended already
            self._over.release()

    def _take_in(
        self,
        receive: Callable[[], Message | None],
        quiet: float,
        end: float = math.inf,
        line: TimedSocket | None = None,
    ) -> None:
        """Keep what *receive* returns until nothing has come for *quiet* seconds, or *end* has."""
        (line or self._line).set_limit(quiet)
        # Not only zmq.Again: another greenlet may close the socket meanwhile, or the context be terminated.
        with contextlib.suppress(zmq.ZMQError):
            while monotonic() < end:
                message = receive()
                if message is not None:
                    self.received += 1
                    self.arrived.append(message)

    def _reply_by_the_way_back(self, way_back: WayBack, hand_over: HandOver) -> None:
        with contextlib.closing(way_back.open_socket()) as socket:
            line = timed(socket)
            for envelope, data in self._kept:
                # Without the first frame, by which the worker's own socket knew its connection to the proxy.
                hand_over(line, envelope[1:], data)
            self._kept.clear()
            self._take_in(lambda: _whole(line), _MOMENT, line=line)

    def _is_complete(self) -> bool:
        return not self.arrived and self.answered == self.received


def _whole(line: TimedSocket) -> Message:
    """Read a message on the way back, with an empty frame in the place of the one that it lacks."""
    envelope = [b""]
    frame: zmq.Frame = line.receive(0, False)
    while frame.more:
        envelope.append(frame.bytes)
        frame = line.receive(0, False)
    return envelope, frame
