"""What a message costs as the work grows: sizes, clients, messages that wait."""

from collections.abc import Iterator
from dataclasses import replace

from . import http_contests, wsgi_contests, zmq_contests
from .contest import Case, Peer, Table, contest

_SIZES = [
    Case("1 B", 1),
    Case("32 B"),
    Case("1 KiB", 2**10),
    Case("32 KiB", 2**15),
    Case("1 MiB", 2**20),
    Case("8 MiB", 2**23, count=3),
    Case("64 MiB", 2**26, count=1),
]
_ZMQ = [zmq_contests.OURS, zmq_contests.MULTIPART, zmq_contests.TINYRPC]

# So many at once take long enough for a round.
_MANY = 10_000

SIZES_ZMQ = "ZMQ, by size"
SIZES_HTTP = "HTTP client, by size"
CLIENTS_ZMQ = "ZMQ server, by clients"
CLIENTS_WSGI = "WSGI, by connections"
PENDING_ZMQ = "ZMQ server, by messages that wait"
PENDING_WSGI = "WSGI, by requests that wait"


def full() -> Iterator[Table]:
    """Yield every table."""
    yield contest(SIZES_ZMQ, "one client, one core", _ZMQ, _SIZES, rounds=3, seconds=0.03)
    yield contest(
        SIZES_HTTP,
        "one client, one core",
        [http_contests.OURS, http_contests.SOCKET, http_contests.SESSION],
        _SIZES,
        rounds=3,
        seconds=0.03,
    )
    yield _merged(
        CLIENTS_ZMQ,
        "32 B, every client has one call under way; one core",
        {str(clients): [_clients(peer, clients) for peer in _ZMQ] for clients in (1, 10, 100, 1000)},
    )
    yield wsgi_contests.on("gevent.pywsgi", [1, 10, 100, 1000], rounds=3, seconds=0.2, name=CLIENTS_WSGI)
    yield _merged(
        PENDING_ZMQ,
        "32 B, all received before the first is answered; one core",
        {str(pending): [_pending(peer, pending) for peer in _ZMQ] for pending in (1, 100, 10_000, 100_000)},
    )
    yield _merged(
        PENDING_WSGI,
        "32 B, greenlets, no web server; one core",
        {
            str(pending): [
                Peer(name, "", "wsgi_pending:client", client_options={"app": app, "pending": pending})
                for name, app in ((wsgi_contests.OURS, "ours"), (wsgi_contests.TINYRPC, "tinyrpc"))
            ]
            for pending in (1, 100, 10_000)
        },
    )


def _merged(name: str, note: str, peers: dict[str, list[Peer]]) -> Table:
    """Return one table of contests whose processes differ from case to case, each named by the unit of its counts."""
    table = Table(name, note)
    for case, of_case in peers.items():
        unit = Case(case, unit=int(case), count=int(case) if int(case) >= _MANY else 0)
        table.cases.update(contest(name, note, of_case, [unit], rounds=3, seconds=0.1).cases)
    return table


def _clients(peer: Peer, clients: int) -> Peer:
    return replace(peer, client="zmq_wires:client_many", client_options={"clients": clients}, text=False)


def _pending(peer: Peer, pending: int) -> Peer:
    module = peer.server.partition(":")[0]
    return replace(
        peer,
        server=f"{module}:serve_in_batches",
        server_options={"pending": pending},
        client="zmq_wires:client_pending",
        client_options={"pending": pending},
        text=False,
    )
