"""Coroutines on both sides: our transports by way of threads, beside libraries that are native to asyncio."""

import time
from collections.abc import Iterator
from dataclasses import replace

from .contest import Case, Peer, Table, contest, tell
from .processes import Child, ChildError
from .statistics import Row

OURS = Peer(
    "transport-zmq, serve_async and threads", "asyncio_calls:serve_ours", "asyncio_calls:client_ours", text=True
)
ZMQ = Peer("zmq.asyncio, raw frames", "asyncio_calls:serve_zmq", "asyncio_calls:client_zmq")
GRPC = Peer("grpc.aio", "asyncio_calls:serve_grpc", "asyncio_calls:client_grpc")
AIOHTTP = Peer("aiohttp", "end_to_end:serve_aiohttp", "asyncio_calls:client_aiohttp")
OURS_HTTP = Peer(
    "transport-http and threads, on waitress",
    "wsgi_servers:serve",
    "asyncio_calls:client_ours_http",
    {"server": "waitress", "app": "ours"},
    text=True,
)

AT_ONCE = [1, 16, 64, 1000]


def table_name(at_once: int) -> str:
    return f"asyncio, {at_once} call{'s' * (at_once > 1)} at once"


def quick() -> Iterator[Table]:
    """Yield what the targets ask for."""
    yield _at_once(64, [OURS, ZMQ, GRPC])


def full() -> Iterator[Table]:
    """Yield every table."""
    for at_once in AT_ONCE:
        yield _at_once(at_once, [OURS, ZMQ, GRPC, OURS_HTTP, AIOHTTP])
    every = replace(OURS, name="transport-zmq, 1 000 threads", client_options={"limit": 1000})
    yield _memory(1000, [OURS, every, ZMQ, GRPC, OURS_HTTP, AIOHTTP])


def _at_once(at_once: int, peers: list[Peer]) -> Table:
    return contest(
        table_name(at_once),
        "32 B, client and server on one core; µs of the whole for each call",
        [replace(peer, client_options={"threads": at_once}) for peer in peers],
        [Case("32 B")],
        rounds=5,
        seconds=0.2,
    )


def _memory(at_once: int, peers: list[Peer]) -> Table:
    """Return how much more a client holds after so many calls at once than after one."""
    started = time.monotonic()
    case = f"{at_once} calls at once"
    table = Table(
        "Memory of asyncio clients", "MiB more than after one call", "MiB", {case: [Row(p.name) for p in peers]}
    )
    for peer in peers:
        try:
            one, many = (_resident(peer, number) for number in (1, at_once))
            table.row(case, peer.name).samples.append(many - one)
        except ChildError as exc:
            table.row(case, peer.name).missing = str(exc)
    tell(table, time.monotonic() - started)
    return table


def _resident(peer: Peer, at_once: int) -> float:
    server = Child("server", peer.server, peer.server_options)
    try:
        address = server.wait_until_ready().address
        options = {**peer.client_options, "threads": at_once}
        client = Child("client", peer.client, options, address=address)
        try:
            client.wait_until_ready().ask(size=32, ascii=True, text=peer.text, count=at_once)
            return client.resident()
        finally:
            client.stop()
    finally:
        server.stop()
