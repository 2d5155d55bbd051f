# ruff: noqa: PLC0415  # a peer that is not installed fails alone, and none pays for what another imports
"""What all that speak ZeroMQ share here: endpoints, proxies, and a load of DEALER sockets."""

import os
import threading
from typing import Any

from .calls import Run


def endpoint(wire: str) -> str:
    """Return an address to bind to. The ipc one is in Linux's abstract namespace: it leaves no file behind."""
    return {
        "tcp": "tcp://127.0.0.1:*",
        "ipc": f"ipc://@bench-{os.getpid()}",
        "inproc": "inproc://bench",
    }[wire]


def bound(socket: Any, wire: str) -> str:
    import zmq

    socket.bind(endpoint(wire))
    return str(socket.get_string(zmq.LAST_ENDPOINT)).rstrip("\0")


def proxied(announce: Any) -> str:
    """Run libzmq's proxy in a thread; announce its front and return its back, for a worker to connect to."""
    import zmq

    context = zmq.Context.instance()
    front, back = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    address = bound(front, "tcp")
    behind = bound(back, "tcp")
    threading.Thread(target=zmq.proxy, args=(front, back), daemon=True).start()
    announce(address)
    return behind


def client_pipelined(address: str, window: int = 100) -> Run:
    """Keep *window* messages on the way, by one DEALER socket: a load that the server alone limits."""
    import zmq

    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.connect(address)

    def run(message: bytes, count: int) -> None:
        first = min(window, count)
        for _ in range(first):
            socket.send(b"", zmq.SNDMORE)
            socket.send(message)
        for _ in range(count - first):
            socket.recv()
            socket.recv()
            socket.send(b"", zmq.SNDMORE)
            socket.send(message)
        for _ in range(first):
            socket.recv()
            last = socket.recv()
        if last != message:
            raise AssertionError("the reply is not the message")

    return run


def client_pending(address: str, pending: int) -> Run:
    """Send *pending* messages before the first reply is read; *count* is a multiple of that."""
    import zmq

    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.set(zmq.SNDHWM, 0)
    socket.set(zmq.RCVHWM, 0)
    socket.connect(address)

    def run(message: bytes, count: int) -> None:
        for _ in range(count // pending):
            for _ in range(pending):
                socket.send(b"", zmq.SNDMORE)
                socket.send(message)
            for _ in range(pending):
                socket.recv()
                socket.recv()

    return run


def client_many(address: str, clients: int) -> Run:
    """Make *clients* connections; every one of them has one call under way at a time."""
    import zmq

    context = zmq.Context.instance()
    context.set(zmq.MAX_SOCKETS, max(1023, 2 * clients))
    sockets = [context.socket(zmq.REQ) for _ in range(clients)]
    for socket in sockets:
        socket.connect(address)

    def run(message: bytes, count: int) -> None:
        for _ in range(max(1, count // clients)):
            for socket in sockets:
                socket.send(message)
            for socket in sockets:
                socket.recv()

    return run


def client_passing(address: str) -> Run:
    """Open a connection for each call and close it after."""
    import zmq

    context = zmq.Context.instance()

    def run(message: bytes, count: int) -> None:
        for _ in range(count):
            with context.socket(zmq.REQ) as socket:
                socket.linger = 0
                socket.connect(address)
                socket.send(message)
                socket.recv()

    return run
