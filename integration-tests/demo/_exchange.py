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
# Up to 2 ** 40 ns, 18 minutes.
_DOUBLINGS = 40

# A message from this size on goes alone, so that memory is that of one large message, whatever the number of threads.
_LARGE_BYTES = 1024 * 1024


class Tally:
    """Counts of messages, and a histogram of round trips in a memory that does not grow."""

    def __init__(self) -> None:
        self.messages = 0
        self.message_bytes = 0
        self.intact = 0
        self._buckets = array("Q", bytes(8 * _PER_DOUBLING * _DOUBLINGS))

    def add(self, size: int, nanoseconds: int, *, intact: bool) -> None:
        bucket = int(math.log2(max(nanoseconds, 1)) * _PER_DOUBLING)
        self._buckets[min(bucket, len(self._buckets) - 1)] += 1
        self.message_bytes += size
        self.intact += intact
        self.messages += 1

    def merge(self, other: "Tally") -> None:
        self.messages += other.messages
        self.message_bytes += other.message_bytes
        self.intact += other.intact
        for bucket, count in enumerate(other._buckets):
            self._buckets[bucket] += count

    def percentile(self, percent: float) -> float | None:
        """Return the round trip, in seconds, that *percent* of all did not pass; ``None`` when there was none."""
        if not self.messages:
            return None
        wanted = math.ceil(self.messages * percent / 100)
        seen = 0
        for bucket, count in enumerate(self._buckets):
            seen += count
            if seen >= wanted:
                return 2 ** ((bucket + 0.5) / _PER_DOUBLING) / 1e9
        raise AssertionError("unreachable: the buckets hold every message")


class ClosableClient(ClientTransport, Protocol):
    def close(self) -> None: ...


class Exchange:
    """
    One run through an input, by several threads that share one client.

    It runs from the start of a ``with`` block to its end, which closes the client: so calls that are under way end,
    too, when the block is left early.
    """

    def __init__(self, client: ClosableClient, source: Input, *, threads: int) -> None:
        self._client = client
        self._messages = iter(source)
        self._taking = threading.Lock()
        self._stopped = False
        self._failure: Exception | None = None
        self._tallies = [Tally() for _ in range(threads)]
        self._threads = [threading.Thread(target=self._work, args=(tally,), daemon=True) for tally in self._tallies]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped = True
        self._client.close()
        for thread in self._threads:
            thread.join()

    @property
    def done(self) -> int:
        """How many messages were answered so far."""
        return sum(tally.messages for tally in self._tallies)

    def wait(self, seconds: float) -> bool:
        """Wait for the end, at most so long; tell whether it came."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def tally(self) -> Tally:
        """Return what came of it all; raise what ended it before its time."""
        if self._failure is not None:
            raise self._failure
        total = Tally()
        for tally in self._tallies:
            total.merge(tally)
        return total

    def _work(self, tally: Tally) -> None:
        try:
            while not self._stopped:
                with self._taking:
                    taken = next(self._messages, None)
                    if taken is None:
                        return
                    if taken[1] >= _LARGE_BYTES:
                        self._send(tally, *taken)
                        continue
                self._send(tally, *taken)
        except Exception as exc:
            # What fails once the run is stopped, by the first failure or by the client's end, tells nothing.
            if not self._stopped:
                self._failure = exc
                self._stopped = True

    def _send(self, tally: Tally, message: str, size: int) -> None:
        start = time.perf_counter_ns()
        reply = self._client.send_message(message)
        tally.add(size, time.perf_counter_ns() - start, intact=reply == message)
