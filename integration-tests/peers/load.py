"""Clients that keep calling while something happens to the server, and a count of what became of their calls."""

import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from interfaces import Client
from tasks import DEADLINE

from transport_base import TransportConnectionError, TransportError, TransportTimeoutError
from transport_http import HttpStatusError


class Load:
    """
    Threads that call one after the other, with an upper-case service at the other end.

    A call is *answered*; or *refused*, where it is certain that no handler has seen it, so that it can be made again;
    or *unclear*, where it may have been handled and its reply is missing. (A client that sends on an idle connection
    just as the server closes it can't know.) A wrong reply ends the test.
    """

    def __init__(self, client: Client, threads: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self.errors: list[str] = []
        self.unclear: list[str] = []
        self._client = client
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(threads)]

    def _call(self, thread: int) -> None:
        number = 0
        while not self._stop.is_set():
            message = f"message {thread} {number}"
            number += 1
            outcome = self._outcome(message)
            if outcome == "unclear":
                self.unclear.append(message)
            with self._changed:
                self.outcomes[outcome] += 1
                self._changed.notify_all()
            if outcome != "answered":
                self._stop.wait(0.01)  # a server that is not there refuses faster than any other answers

    def _outcome(self, message: str) -> str:
        try:
            reply = self._client.send_message(message)
        except TransportError as exc:
            if refused(exc):
                return "refused"
            self.errors.append(f"{type(exc).__name__}: {exc} (from {exc.__cause__!r})")
            return "unclear"
        if reply != message.upper():
            self.errors.append(f"{message!r} was answered with {reply!r}")
            return "wrong"
        return "answered"

    def until(self, outcome: str, count: int) -> None:
        """Wait until there are *count* more calls with this outcome."""
        with self._changed:
            wanted = self.outcomes[outcome] + count
            enough = self._changed.wait_for(lambda: self.outcomes[outcome] >= wanted, DEADLINE)
        assert enough, (self.outcomes, self.errors[-3:])

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def failed(self) -> int:
        """Return how many calls were not answered."""
        return self.outcomes["unclear"] + self.outcomes["refused"]

    def lost(self, handled: list[str]) -> set[str]:
        """Return the messages that were handled and whose replies did not arrive."""
        return set(self.unclear) & set(handled)

    def finish(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(DEADLINE)
        assert not any(thread.is_alive() for thread in self._threads)
        assert not self.outcomes["wrong"], self.errors


def refused(error: TransportError) -> bool:
    """Tell whether it is certain that no handler has seen the message."""
    if isinstance(error, HttpStatusError):
        # 503 with Retry-After is what the transport says of a message that nobody has received, or a proxy of a server
        # that it did not reach.
        return error.status_code == 503
    return (
        isinstance(error, TransportConnectionError)
        and not isinstance(error, TransportTimeoutError)
        and ("refused" in str(error) or "not sent" in str(error))
    )


@contextmanager
def load(client: Client, threads: int = 8) -> Generator[Load]:
    """Keep calling until the end of the block."""
    running = Load(client, threads)
    running.start()
    try:
        yield running
    finally:
        running.finish()
