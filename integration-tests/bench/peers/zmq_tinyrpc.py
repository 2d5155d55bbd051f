# ruff: noqa: PLC0415  # a peer that is not installed fails alone, and none pays for what another imports
"""The ZMQ transports of tinyrpc. They take bytes; no thread may share a client or answer for another."""

from typing import Any

from . import zmq_wires
from .calls import Run, load


def serve(announce: Any, wire: str = "tcp", *, behind_proxy: bool = False) -> None:
    import zmq
    from tinyrpc.transports.zmq import ZmqServerTransport

    context = zmq.Context.instance()
    context.set(zmq.MAX_SOCKETS, 4000)
    if behind_proxy:
        socket = context.socket(zmq.ROUTER)
        socket.connect(zmq_wires.proxied(announce))
        server = ZmqServerTransport(socket)
    else:
        server = ZmqServerTransport.create(context, zmq_wires.endpoint(wire))
        announce(server.socket.get_string(zmq.LAST_ENDPOINT).rstrip("\0"))
    while True:
        server.send_reply(*server.receive_message())


def serve_in_batches(announce: Any, pending: int) -> None:
    """Receive *pending* messages before the first of them is answered."""
    import zmq
    from tinyrpc.transports.zmq import ZmqServerTransport

    socket = zmq.Context.instance().socket(zmq.ROUTER)
    socket.set(zmq.SNDHWM, 0)
    socket.set(zmq.RCVHWM, 0)
    announce(zmq_wires.bound(socket, "tcp"))
    server = ZmqServerTransport(socket)
    while True:
        for context, message in [server.receive_message() for _ in range(pending)]:
            server.send_reply(context, message)


def client(address: str, threads: int = 1, timeout: float | None = None) -> Run:
    """A client for each thread."""
    import zmq
    from tinyrpc.transports.zmq import ZmqClientTransport

    context = zmq.Context.instance()
    return load(lambda: ZmqClientTransport.create(context, address, timeout).send_message, threads)


def client_inproc(_: None) -> Run:
    """Server and client in one process."""
    from .inproc import beside

    return client(beside(serve, wire="inproc"), timeout=30.0)
