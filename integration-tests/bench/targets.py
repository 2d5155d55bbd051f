"""What is to be reached, and whether it is."""

import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from . import asyncio_contests, end_to_end_contests, http_contests, memory, wsgi_contests, zmq_contests
from .contest import Table
from .zmq_contests import ECHO, PIPELINED, THREADS

# Memory that counts as none: an allocator's own coming and going, in MiB.
_FLAT = 1.0
_NOT_RUN = "not run"


@dataclass
class Target:
    """A ratio, the least that is wanted of it and the most that is hoped for."""

    name: str
    least: float | None
    most: float | None
    lower_is_better: bool
    unit: str = ""
    measured: float | None = None
    quartiles: tuple[float, float] | None = None
    missing: str = ""

    def verdict(self, bound: float | None) -> str:
        """Tell whether *bound* is reached; "≈" when it lies within what half the rounds have spread over."""
        if bound is None:
            return ""
        if self.measured is None or self.quartiles is None:
            return "missing"
        low, high = self.quartiles
        if low < bound < high:
            return "≈"
        return "yes" if (self.measured <= bound) == self.lower_is_better or self.measured == bound else "no"

    def as_json(self) -> dict[str, Any]:
        if self.measured is None or self.quartiles is None:
            return {**asdict(self), "reached": "missing", "moonshot": "missing"}
        return {
            **asdict(self),
            "measured": round(self.measured, 3),
            "quartiles": [round(quartile, 3) for quartile in self.quartiles],
            "reached": self.verdict(self.least),
            "moonshot": self.verdict(self.most),
        }


def targets(tables: Iterable[Table]) -> list[Target]:
    """Return the targets that *tables* tell about."""
    found = {table.name: table for table in tables}
    zmq, tiny = zmq_contests.OURS.name, zmq_contests.TINYRPC.name

    def at_most(name: str, least: float | None, most: float | None, *path: str) -> Target:
        return _filled(Target(name, least, most, lower_is_better=True), found, lambda a, b: a / b, *path)

    def faster(name: str, least: float | None, most: float | None, *path: str) -> Target:
        return _filled(Target(name, least, most, lower_is_better=False), found, lambda a, b: b / a, *path)

    def limit(table: str) -> Target:
        """Tell how fast the limit is that our transport is measured by: no target, but what a target can ask for."""
        return faster("⤷ raw fixed frames, the limit of that", None, None, table, "32 B", zmq_contests.FIXED.name, tiny)

    every = [
        at_most("ZMQ echo, 32 B: against raw fixed frames", 1.25, 1.10, ECHO, "32 B", zmq, zmq_contests.FIXED.name),
        faster("ZMQ echo, 32 B: faster than tinyrpc with a timeout", 1.25, 1.45, ECHO, "32 B", zmq, tiny),
        limit(ECHO),
        faster("ZMQ echo, 1 MiB: faster than tinyrpc with a timeout", 1.5, 1.9, ECHO, "1 MiB", zmq, tiny),
        faster("ZMQ, 16 threads: faster than tinyrpc with a timeout", 1.7, 2.0, THREADS, "32 B", zmq, tiny),
        limit(THREADS),
        faster("ZMQ server, pipelined: faster than tinyrpc", 2.0, 2.6, PIPELINED, "32 B", zmq, tiny),
        limit(PIPELINED),
        *_http(at_most, faster),
        *_end_to_end(at_most),
        *(
            _filled(
                Target(f"WSGI on {server}: adds, of what tinyrpc adds", 0.5, 0.33, lower_is_better=True),
                found,
                _share,
                wsgi_contests.table_name(server),
                wsgi_contests.case_name(16),
                wsgi_contests.OURS,
                wsgi_contests.TINYRPC,
                wsgi_contests.PLAIN,
            )
            for server in wsgi_contests.SERVERS
        ),
        *_asyncio(at_most),
        _memory(found),
    ]
    return [target for target in every if target.missing != _NOT_RUN]


def _http(at_most: Callable[..., Target], faster: Callable[..., Target]) -> Iterator[Target]:
    h = http_contests
    ours, small = h.OURS.name, "32 B"
    yield at_most("HTTP client, 32 B: against a raw socket", 3.0, 2.2, h.CALL, small, ours, h.SOCKET.name)
    yield faster("HTTP client, 32 B: faster than http.client", 2.5, 4.0, h.CALL, small, ours, h.STDLIB.name)
    yield faster("HTTP client, 32 B: faster than PoolManager", 5.0, 8.0, h.CALL, small, ours, h.MANAGER.name)
    yield faster("HTTP client, 32 B: faster than aiohttp", 5.0, 6.0, h.CALL, small, ours, h.AIOHTTP.name)
    yield at_most("HTTP client, 1 MiB: against a raw socket", 1.3, 1.1, h.CALL, "1 MiB", ours, h.SOCKET.name)
    yield at_most("HTTP client, TLS: against raw TLS", 2.5, 2.0, h.TLS, small, ours, h.SOCKET.name)
    yield at_most("HTTP client, 16 threads: against a raw socket", None, 3.0, h.THREADS, small, ours, h.SOCKET.name)
    yield faster("HTTP client, 16 threads: ahead of http.client", 1.0, None, h.THREADS, small, ours, h.STDLIB.name)
    yield faster("HTTP client, 16 threads: ahead of aiohttp", 1.0, None, h.THREADS, small, ours, h.AIOHTTP.name)


def _end_to_end(at_most: Callable[..., Target]) -> Iterator[Target]:
    call, threads, small = end_to_end_contests.CALL, end_to_end_contests.THREADS, "32 B"
    yield at_most("End to end, waitress: against xmlrpc", 0.8, 0.5, call, small, "ours on waitress", "xmlrpc")
    yield at_most("End to end, waitress: against aiohttp", 0.6, 0.5, call, small, "ours on waitress", "aiohttp")
    yield at_most("End to end, uWSGI: against xmlrpc", 0.3, 0.2, call, small, "ours on uWSGI", "xmlrpc")
    yield at_most("End to end, uWSGI: against Pyro5", 1.0, 0.8, call, small, "ours on uWSGI", "Pyro5")
    yield at_most("End to end, 1 MiB, uWSGI: against grpcio", 1.0, 0.8, call, "1 MiB", "ours on uWSGI", "grpcio")
    yield at_most(
        "End to end, 16 threads, granian: against aiohttp", 1.0, 0.8, threads, small, "ours on granian", "aiohttp"
    )


def _asyncio(at_most: Callable[..., Target]) -> Iterator[Target]:
    c = asyncio_contests
    for at_once in c.AT_ONCE:
        table = c.table_name(at_once)
        yield at_most(f"{table}: against zmq.asyncio", 1.2, 1.0, table, "32 B", c.OURS.name, c.ZMQ.name)
        yield at_most(f"{table}: against grpc.aio", 1.0, None, table, "32 B", c.OURS.name, c.GRPC.name)


def _share(ours: float, tinyrpc: float, plain: float) -> float:
    # Every transport adds more than a twentieth: a round that shows less was disturbed.
    return (ours - plain) / max(tinyrpc - plain, plain / 20)


def _filled(target: Target, found: dict[str, Table], ratio: Callable[..., float], *path: str) -> Target:
    """Take the ratio round by round: what disturbs a round disturbs all peers in it."""
    table, case, *names = path
    if table not in found:
        target.missing = _NOT_RUN
        return target
    rows = [found[table].row(case, name) for name in names]
    for row in rows:
        if not row.samples:
            target.missing = f"{row.name}: {row.missing}"
            return target
    ratios = [ratio(*samples) for samples in zip(*(row.samples for row in rows), strict=True)]
    target.measured = statistics.median(ratios)
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    target.quartiles = (low, high)
    return target


def _memory(found: dict[str, Table]) -> Target:
    target = Target("ZMQ server's memory: growth from 10 000 to 100 000 messages of 64 KiB", 5, _FLAT, True, " MiB")
    if memory.MESSAGES not in found:
        target.missing = _NOT_RUN
        return target
    sizes = [rows[0].samples for rows in found[memory.MESSAGES].cases.values()]
    if not all(sizes):
        target.missing = next(iter(found[memory.MESSAGES].cases.values()))[0].missing
        return target
    target.measured = sizes[-1][0] - sizes[0][0]
    target.quartiles = (target.measured, target.measured)
    return target
