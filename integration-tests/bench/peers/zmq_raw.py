# ruff: noqa: PLC0415  # a peer that is not installed fails alone, and none pays for what another imports
"""Bare pyzmq: what is left when there are no checks at all, and what most people write."""

from typing import Any

from . import zmq_wires
from .calls import Run, load


def serve_fixed(announce: Any) -> None:
    """Take every message for three frames. The limit, and unsafe: an odd peer desyncs it for good."""
    import zmq

    socket = zmq.Context.instance().socket(zmq.ROUTER)
    announce(zmq_wires.bound(socket, "tcp"))
    more = zmq.SNDMORE
    while True:
        peer = socket.recv()
        socket.recv()
        message = socket.recv()
        socket.send(peer, more)
        socket.send(b"", more)
        socket.send(message)


def serve_multipart(announce: Any, wire: str = "tcp", *, behind_proxy: bool = False) -> None:
    import zmq

    context = zmq.Context.instance()
    context.set(zmq.MAX_SOCKETS, 4000)
    socket = context.socket(zmq.ROUTER)
    if behind_proxy:
        socket.connect(zmq_wires.proxied(announce))
    else:
        announce(zmq_wires.bound(socket, wire))
    while True:
        socket.send_multipart(socket.recv_multipart())


def serve_in_batches(announce: Any, pending: int) -> None:
    """Receive *pending* messages before the first of them is answered."""
    import zmq

    socket = zmq.Context.instance().socket(zmq.ROUTER)
    socket.set(zmq.SNDHWM, 0)
    socket.set(zmq.RCVHWM, 0)
    announce(zmq_wires.bound(socket, "tcp"))
    while True:
        for message in [socket.recv_multipart() for _ in range(pending)]:
            socket.send_multipart(message)


def client(address: str, threads: int = 1) -> Run:
    """A REQ socket for each thread, no timeout."""
    import zmq

    def connect() -> Any:
        socket = zmq.Context.instance().socket(zmq.REQ)
        socket.connect(address)
        send, recv = socket.send, socket.recv

        def call(message: bytes) -> bytes:
            send(message)
            return bytes(recv())

        return call

    return load(connect, threads)


def client_multipart(address: str, threads: int = 1) -> Run:
    import zmq

    def connect() -> Any:
        socket = zmq.Context.instance().socket(zmq.REQ)
        socket.connect(address)

        def call(message: bytes) -> bytes:
            socket.send_multipart([message])
            return bytes(socket.recv_multipart()[0])

        return call

    return load(connect, threads)


def client_inproc(_: None) -> Run:
    """Server and client in one process."""
    from .inproc import beside

    return client_multipart(beside(serve_multipart, wire="inproc"))
