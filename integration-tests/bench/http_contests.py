"""Who meets whom as a client over HTTP."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .contest import Case, Peer, Table, contest

_CASES = [Case("32 B"), Case("64 KiB", 65536), Case("1 MiB", 2**20)]


def _peer(name: str, function: str, *, text: bool = False) -> Peer:
    return Peer(name, "http_server:serve", f"http_clients:{function}", text=text)


OURS = _peer("transport-http", "client_ours", text=True)
SOCKET = _peer("raw socket (the limit)", "client_socket")
STDLIB = _peer("http.client", "client_stdlib")
POOL = _peer("urllib3 pool", "client_urllib3_pool")
MANAGER = _peer("urllib3 PoolManager", "client_urllib3")
SESSION = _peer("requests.Session.post", "client_session")
REQUESTS = _peer("requests.post", "client_requests")
HTTPX = _peer("httpx.Client", "client_httpx")
AIOHTTP = _peer("aiohttp", "client_aiohttp")
TINYRPC = _peer("tinyrpc", "client_tinyrpc")
NIQUESTS = _peer("niquests.Session", "client_niquests")

CALL, TLS, THREADS = "HTTP client", "HTTP client, TLS", "HTTP client, 16 threads"


def quick() -> Iterator[Table]:
    """Yield what the targets ask for."""
    peers = [OURS, SOCKET, STDLIB, MANAGER, SESSION, HTTPX, AIOHTTP, TINYRPC]
    yield _call(peers, [_CASES[0], _CASES[2]], rounds=7)
    yield from _tls([OURS, SOCKET])
    yield _threads([OURS, SOCKET, STDLIB, AIOHTTP])


def full(niquests: str) -> Iterator[Table]:
    """Yield every table; *niquests* is the interpreter of its environment, for it replaces urllib3."""
    apart = replace(NIQUESTS, python=niquests)
    yield _call(
        [OURS, SOCKET, STDLIB, POOL, MANAGER, HTTPX, SESSION, REQUESTS, TINYRPC, AIOHTTP, apart], _CASES, rounds=5
    )
    yield contest(
        "HTTP client, 1000 environment variables",
        "32 B, one core; requests looks for proxies among them on each call",
        [replace(peer, variables=1000) for peer in (OURS, MANAGER, HTTPX, SESSION, REQUESTS, TINYRPC, apart)],
        _CASES[:1],
        rounds=5,
        seconds=0.06,
    )
    yield from _tls([OURS, SOCKET, STDLIB, POOL, HTTPX, SESSION, REQUESTS, TINYRPC, AIOHTTP, apart])
    yield _threads([OURS, SOCKET, STDLIB, POOL, MANAGER, HTTPX, SESSION, TINYRPC, AIOHTTP, apart])


def _tls(peers: list[Peer]) -> Iterator[Table]:
    with _certificate() as (own, authority):
        yield contest(
            TLS,
            "32 B, one core",
            [
                replace(peer, server_options={"certificate": own}, client_options={"verify": authority})
                for peer in peers
            ],
            _CASES[:1],
            rounds=5,
            seconds=0.06,
        )


def _threads(peers: list[Peer]) -> Table:
    return contest(
        THREADS,
        "32 B, all cores; µs of the whole for each call; aiohttp has 16 tasks",
        [replace(peer, client_options={"threads": 16}) for peer in peers],
        _CASES[:1],
        rounds=5,
        seconds=0.15,
        pinned=False,
    )


def _call(peers: list[Peer], cases: list[Case], rounds: int) -> Table:
    note = "one fixed keep-alive server, one client, both on one core, 30 environment variables"
    return contest(CALL, note, peers, cases, rounds=rounds, seconds=0.06)


@contextlib.contextmanager
def _certificate() -> Iterator[tuple[str, str]]:
    """Yield the files of a new certificate for localhost, with its key, and of the authority that signed it."""
    import trustme  # noqa: PLC0415  # only the full run needs it

    with tempfile.TemporaryDirectory() as folder:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(Path(folder, "authority.pem")))
        own = authority.issue_cert("localhost")
        own.private_key_and_cert_chain_pem.write_to_path(str(Path(folder, "own.pem")))
        yield str(Path(folder, "own.pem")), str(Path(folder, "authority.pem"))
