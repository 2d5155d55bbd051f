"""Whole calls over HTTP: our client and our WSGI transport, beside other ways to get a message across and back."""

from collections.abc import Iterator
from dataclasses import replace

from .contest import Case, Peer, Table, contest


def _pair(name: str, app: str, server: str, client: str, *, text: bool = False) -> Peer:
    return Peer(name, "wsgi_servers:serve", f"http_clients:{client}", {"server": server, "app": app}, text=text)


CALL, THREADS = "HTTP to WSGI and back", "HTTP to WSGI and back, 16 threads"

_PEERS = [
    _pair("ours on waitress", "ours", "waitress", "client_ours", text=True),
    _pair("ours on gevent.pywsgi", "ours", "gevent.pywsgi", "client_ours", text=True),
    _pair("ours on uWSGI", "ours", "uWSGI", "client_ours", text=True),
    _pair("ours on granian", "ours", "granian", "client_ours", text=True),
    _pair("tinyrpc on waitress", "tinyrpc", "waitress", "client_tinyrpc"),
    _pair("tinyrpc on gevent.pywsgi", "tinyrpc", "gevent.pywsgi", "client_tinyrpc"),
    Peer("xmlrpc", "end_to_end:serve_xmlrpc", "end_to_end:client_xmlrpc", text=True),
    Peer("aiohttp", "end_to_end:serve_aiohttp", "http_clients:client_aiohttp"),
    Peer("Pyro5", "others:serve_pyro5", "others:client_pyro5"),
    Peer("grpcio", "others:serve_grpc", "others:client_grpc"),
]


def full() -> Iterator[Table]:
    """Yield every table."""
    yield contest(
        CALL,
        "one client, client and server on one core",
        _PEERS,
        [Case("32 B"), Case("64 KiB", 65536), Case("1 MiB", 2**20)],
        rounds=5,
    )
    yield contest(
        THREADS,
        "32 B, all cores; µs of the whole for each call",
        [replace(peer, client_options={"threads": 16}) for peer in _PEERS],
        [Case("32 B")],
        rounds=5,
        seconds=0.2,
        pinned=False,
    )
