"""What a server holds after much work, and what an import costs."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from . import wrk
from .contest import Peer, Table, tell
from .processes import CORE, Child, ChildError, environment
from .statistics import Row
from .zmq_contests import OURS, TINYRPC

MESSAGES = "Memory of a ZMQ server over 100 000 messages of 64 KiB"
_STEPS = 10
_IMPORTS = [
    "nothing",
    "zmq",
    "requests",
    "werkzeug",
    "transport_base",
    "transport_zmq",
    "transport_http",
    "transport_wsgi",
    "tinyrpc.transports.zmq",
    "tinyrpc.transports.http",
    "tinyrpc.transports.wsgi",
]
_MEASURE = """
import sys, time
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4 / 1024
before, start = resident(), time.perf_counter()
if sys.argv[1] != "nothing":
    __import__(sys.argv[1])
print((time.perf_counter() - start) * 1000, resident() - before)
"""


def quick() -> Iterator[Table]:
    """Yield what the targets ask for."""
    yield _over_messages([OURS])


def full() -> Iterator[Table]:
    """Yield every table."""
    yield _over_messages([OURS, TINYRPC])
    yield _over(
        "Memory of a ZMQ server over 10 000 clients that come and go",
        "MiB after so many clients; one core",
        [OURS],
        10_000,
        lambda address: _ordering(address, "zmq_wires:client_passing", 32),
    )
    yield _over(
        "Memory of a WSGI server over 100 000 messages of 64 KiB",
        "transport-wsgi on gevent.pywsgi; MiB after so many messages; wrk, 16 connections",
        [_wsgi("gevent.pywsgi")],
        100_000,
        lambda address: lambda count: wrk.send(address, count, 65536),
    )
    yield _over(
        "Memory of a WSGI server over 10 000 clients that come and go",
        "transport-wsgi on gevent.pywsgi; MiB after so many connections; wrk, 16 at a time",
        [_wsgi("gevent.pywsgi")],
        10_000,
        lambda address: lambda count: wrk.send(address, count, 32, close=True),
    )
    yield from _imports()


def _over_messages(peers: list[Peer]) -> Table:
    return _over(
        MESSAGES,
        "MiB after so many messages; 10 of one DEALER under way; one core",
        peers,
        100_000,
        lambda address: _ordering(address, "zmq_wires:client_pipelined", 65536, window=10),
    )


def _wsgi(server: str) -> Peer:
    return Peer("transport-wsgi", "wsgi_servers:serve", "", {"server": server, "app": "ours"})


@contextlib.contextmanager
def _client(address: object, does: str, **options: int) -> Iterator[Child]:
    child = Child("client", does, options, address=address)
    try:
        yield child.wait_until_ready()
    finally:
        child.stop()


def _ordering(address: object, does: str, size: int, **options: int) -> Callable[[int], None]:
    def send(count: int) -> None:
        with _client(address, does, **options) as client:
            client.ask(size=size, ascii=True, text=False, count=count)

    return send


def _over(name: str, note: str, peers: list[Peer], total: int, sender: Callable[[Any], Callable[[int], None]]) -> Table:
    """Return the memory of each server at rest, after each tenth of the work."""
    started = time.monotonic()
    each = total // _STEPS
    table = Table(name, note, "MiB", {str(each * (n + 1)): [Row(peer.name) for peer in peers] for n in range(_STEPS)})
    for peer in peers:
        server = Child("server", peer.server, peer.server_options, core=CORE)
        try:
            send = sender(server.wait_until_ready().address)
            for case in table.cases:
                send(each)
                table.row(case, peer.name).samples.append(server.resident())
        except ChildError as exc:
            for case in table.cases:
                table.row(case, peer.name).missing = str(exc)
        finally:
            server.stop()
    tell(table, time.monotonic() - started)
    return table


def _imports() -> Iterator[Table]:
    started = time.monotonic()
    times = Table("Import time", "fresh interpreters, files cached", "ms", {"import": [Row(name) for name in _IMPORTS]})
    sizes = Table("Memory of an import", "on top of the interpreter", "MiB", {"import": [Row(n) for n in _IMPORTS]})
    for number in range(6):
        for name in _IMPORTS:
            done = subprocess.run(
                ["taskset", "-c", str(CORE), sys.executable, "-c", _MEASURE, name],
                env=environment(),
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            if done.returncode:
                times.row("import", name).missing = sizes.row("import", name).missing = "can't be imported"
            elif number:  # the first round fills the caches
                spent, size = map(float, done.stdout.split())
                times.row("import", name).samples.append(spent)
                sizes.row("import", name).samples.append(size)
    tell(times, time.monotonic() - started)
    tell(sizes, 0)
    yield times
    yield sizes
