"""Who meets whom over ZeroMQ, and beside it."""

from collections.abc import Iterator
from dataclasses import replace

from .contest import Case, Peer, Table, contest

_SIZES = [Case("32 B"), Case("1 KiB", 1024), Case("64 KiB", 65536), Case("1 MiB", 2**20)]
_NOT_ASCII = [Case("32 B", ascii=False, all_text=True), Case("1 MiB", 2**20, ascii=False, all_text=True)]
_TIMEOUT = {"timeout": 30.0}

OURS = Peer("transport-zmq", "zmq_ours:serve", "zmq_ours:client", text=True)
FIXED = Peer("raw pyzmq, fixed frames (the limit)", "zmq_raw:serve_fixed", "zmq_raw:client")
MULTIPART = Peer("raw pyzmq, multipart", "zmq_raw:serve_multipart", "zmq_raw:client_multipart")
TINYRPC_BARE = Peer("tinyrpc, no timeout", "zmq_tinyrpc:serve", "zmq_tinyrpc:client")
TINYRPC = Peer("tinyrpc, timeout", "zmq_tinyrpc:serve", "zmq_tinyrpc:client", client_options=_TIMEOUT)
ELSE = [
    Peer("TCP with a length", "others:serve_tcp", "others:client_tcp"),
    Peer("pynng", "others:serve_pynng", "others:client_pynng"),
    Peer("rpyc", "others:serve_rpyc", "others:client_rpyc"),
    Peer("Pyro5", "others:serve_pyro5", "others:client_pyro5"),
    Peer("grpcio", "others:serve_grpc", "others:client_grpc"),
    Peer("zerorpc", "others:serve_zerorpc", "others:client_zerorpc"),
]

ECHO = "ZMQ echo"
THREADS = "ZMQ, 16 client threads"
PIPELINED = "ZMQ server, pipelined"


def quick() -> Iterator[Table]:
    """Yield what the targets ask for."""
    yield _echo([OURS, FIXED, TINYRPC], [_SIZES[0], _SIZES[3]], rounds=9)
    yield _threads([OURS, FIXED, TINYRPC], rounds=7)
    yield _pipelined([FIXED, OURS, TINYRPC], rounds=7)


def full() -> Iterator[Table]:
    """Yield every table."""
    yield _echo([OURS, FIXED, MULTIPART, TINYRPC_BARE, TINYRPC, *ELSE], _SIZES, rounds=7)
    yield contest(
        "ZMQ echo of a str that is not ASCII",
        "one core; those that take bytes encode and decode",
        [OURS, MULTIPART, TINYRPC],
        _NOT_ASCII,
        seconds=0.05,
    )
    yield _threads([OURS, FIXED, MULTIPART, TINYRPC_BARE, TINYRPC, *ELSE], rounds=5)
    yield contest(
        "ZMQ, 16 client processes",
        "all cores; µs of the whole for each echo",
        [replace(peer, processes=16) for peer in (OURS, MULTIPART, TINYRPC)],
        _SIZES[:1],
        rounds=5,
        seconds=0.25,
        pinned=False,
    )
    yield _pipelined([FIXED, MULTIPART, OURS, TINYRPC], rounds=7)
    yield contest(
        "ZMQ, who sends the reply",
        "16 client threads, all cores; tinyrpc's and raw sockets are for one thread alone",
        _of_threads(
            [
                OURS,
                replace(OURS, name="transport-zmq, 4 worker threads", server_options={"workers": 4}),
                replace(OURS, name="transport-zmq behind a proxy", server_options={"behind_proxy": True}),
                replace(MULTIPART, name="raw multipart behind a proxy", server_options={"behind_proxy": True}),
                replace(TINYRPC, name="tinyrpc behind a proxy", server_options={"behind_proxy": True}),
            ]
        ),
        _SIZES[:1],
        pinned=False,
        rounds=5,
        seconds=0.15,
    )
    for wire in ("ipc", "inproc"):
        yield contest(
            f"ZMQ echo, {wire}",
            "one core" + ("; server and client are threads of one process" if wire == "inproc" else ""),
            [_on(wire, peer) for peer in (OURS, MULTIPART, TINYRPC)],
            [_SIZES[0], _SIZES[2]],
            seconds=0.05,
        )


def _echo(peers: list[Peer], cases: list[Case], rounds: int) -> Table:
    return contest(ECHO, "tcp, one client, client and server on one core", peers, cases, rounds=rounds, seconds=0.06)


def _threads(peers: list[Peer], rounds: int) -> Table:
    note = "32 B, all cores; µs of the whole for each echo"
    return contest(THREADS, note, _of_threads(peers), _SIZES[:1], rounds=rounds, seconds=0.2, pinned=False)


def _of_threads(peers: list[Peer]) -> list[Peer]:
    return [replace(peer, client_options={**peer.client_options, "threads": 16}) for peer in peers]


def _pipelined(peers: list[Peer], rounds: int) -> Table:
    peers = [replace(peer, client="zmq_wires:client_pipelined", client_options={}, text=False) for peer in peers]
    note = "32 B, 100 messages of one DEALER under way, one core"
    return contest(PIPELINED, note, peers, _SIZES[:1], rounds=rounds, seconds=0.1)


def _on(wire: str, peer: Peer) -> Peer:
    if wire == "inproc":
        module = peer.client.partition(":")[0]
        return replace(peer, server="", client=f"{module}:client_inproc", client_options={})
    return replace(peer, server_options={"wire": wire})
