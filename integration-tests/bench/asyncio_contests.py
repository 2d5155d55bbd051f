"""Coroutines on both sides: our transports by way of threads, beside libraries that are native to asyncio."""

from collections.abc import Iterator
from dataclasses import replace

from .contest import Case, Peer, Table, contest

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


def _at_once(at_once: int, peers: list[Peer]) -> Table:
    return contest(
        table_name(at_once),
        "32 B, client and server on one core; µs of the whole for each call",
        [replace(peer, client_options={"threads": at_once}) for peer in peers],
        [Case("32 B")],
        rounds=5,
        seconds=0.2,
    )
