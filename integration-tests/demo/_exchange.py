"""Sending an input through a client, and what came of it."""

import math
import threading
import time
from array import array
from types import TracebackType
from typing import Protocol, Self

from transport_base import ClientTransport

from ._messages import Input

# Buckets for each doubling of a round trip: a percentile read from them is right to 1 %.
_PER_DOUBLING = 64
# How many characters of a message are kept to be shown.
_SHOWN = 200
# How many round trips must lie on either side of a percentile.
_BEYOND = 5
# Up to 2 ** 40 ns, 18 minutes.
_DOUBLINGS = 40


class Tally:
    """Counts of messages, and a histogram of round trips in a memory that does not grow."""

    def __init__(self) -> None:
        self.messages = 0
        self.message_bytes = 0
        self.intact = 0
        # The first round trip in seconds: its call makes the connection, so it is none of those in the histogram.
        self.first: float | None = None
        # One message and its reply, to be seen.
        self.example: tuple[str, str] | None = None
        self._buckets = array("Q", bytes(8 * _PER_DOUBLING * _DOUBLINGS))

    def add(self, size: int, nanoseconds: int, *, intact: bool) -> None:
        if self.first is None:
            self.first = nanoseconds / 1e9
        else:
            bucket = int(math.log2(max(nanoseconds, 1)) * _PER_DOUBLING)
            self._buckets[min(bucket, len(self._buckets) - 1)] += 1
        self.message_bytes += size
        self.intact += intact
        self.messages += 1

    def percentile(self, percent: float) -> float | None:
        """
        Return the round trip, in seconds, that *percent* of those after the first did not pass.

        ``None`` when they are too few: where only one or two lie beyond it, they alone would make the figure.
        """
        counted = self.messages - 1
        if counted * min(percent, 100 - percent) / 100 < _BEYOND:
            return None
        wanted = math.ceil(counted * percent / 100)
        seen = 0
        for bucket, count in enumerate(self._buckets):
            seen += count
            if seen >= wanted:
                return 2 ** ((bucket + 0.5) / _PER_DOUBLING) / 1e9
        raise AssertionError("unreachable: the buckets hold every message but the first")


class ClosableClient(ClientTransport, Protocol):
    def close(self) -> None: ...


class Exchange:
    """
    One run through an input, in a thread of its own; one message at a time, so that each round trip is only that.

    It runs from the start of a ``with`` block to its end, which closes the client: so a call that is under way ends,
    too, when the block is left early.
    """

    def __init__(self, client: ClosableClient, source: Input) -> None:
        self._client = client
        self._source = source
        self._stopped = False
        self._failure: Exception | None = None
        self._tally = Tally()
        # Not join(): in Python 3.11 and 3.12 a join that Ctrl-C breaks off takes the thread for ended.
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped = True
        self._client.close()
        self._thread.join()

    @property
    def done(self) -> int:
        """How many messages were answered so far."""
        return self._tally.messages

    def wait(self, seconds: float) -> bool:
        """Wait for the end, at most so long; tell whether it came."""
        return self._ended.wait(seconds)

    def tally(self) -> Tally:
        """Return what came of it all; raise what ended it before its time."""
        if self._failure is not None:
            raise self._failure
        return self._tally

    def _work(self) -> None:
        try:
            for message, size in self._source:
                if self._stopped:
                    return
                start = time.perf_counter_ns()
                reply = self._client.send_message(message)
                self._tally.add(size, time.perf_counter_ns() - start, intact=reply == message)
                if self._tally.example is None and message.strip():
                    self._tally.example = message[:_SHOWN], reply[:_SHOWN]
        except Exception as exc:
            self._failure = exc
        finally:
            self._ended.set()
