"""Clients that call all the time, and what they saw."""

import statistics
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import zmq
from interfaces import Client

from transport_base import TransportError
from transport_http import HttpPostClientTransport
from transport_zmq import ZmqClientTransport

CLIENTS = 16
# What a client waits for a reply.
TIMEOUT = 1.0


@dataclass
class Seen:
    """What became of the calls."""

    calls_per_second: float
    median_ms: float
    p99_ms: float
    lost: int
    # How many of them failed after the first two seconds that followed a fault.
    lost_later: int = 0

    def as_json(self) -> dict[str, float]:
        return {name: float(f"{value:.3g}") for name, value in asdict(self).items()}


@contextmanager
def client_of(address: str) -> Generator[Client]:
    if address.startswith("http"):
        with HttpPostClientTransport(address, timeout=TIMEOUT) as client:
            yield client
    else:
        with zmq.Context() as context, ZmqClientTransport.create(context, address, TIMEOUT) as client:
            yield client


def until_ready(client: Client, workers: int) -> None:
    """Call until each of the workers has answered."""
    seen: set[str] = set()
    end = time.monotonic() + 60

    def call() -> None:
        try:
            seen.add(client.send_message("ready?"))
        except TransportError:
            time.sleep(0.05)

    while len(seen) < workers:
        assert time.monotonic() < end, seen
        threads = [threading.Thread(target=call) for _ in range(4 * workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def measure(client: Client, seconds: float, fault: Callable[[], None] | None = None) -> Seen:
    """Call from many threads for *seconds*; have *fault* happen after one of them."""
    begin = time.monotonic()
    end = begin + seconds
    took: list[float] = []
    lost: list[float] = []

    def call() -> None:
        while (start := time.monotonic()) < end:
            try:
                client.send_message("hello")
            except TransportError:
                lost.append(time.monotonic() - begin)
            else:
                took.append(time.monotonic() - start)

    threads = [threading.Thread(target=call) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    if fault is not None:
        time.sleep(1)
        fault()
    for thread in threads:
        thread.join()
    spent = time.monotonic() - begin
    cuts = statistics.quantiles(took, n=100)
    later = sum(1 for at in lost if at > 3) if fault else 0
    return Seen(len(took) / spent, 1000 * cuts[49], 1000 * cuts[98], len(lost), later)
