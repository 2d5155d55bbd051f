# ruff: noqa: PLC0415  # a peer that is not installed fails alone, and none pays for what another imports
"""Our ZMQ transports."""

import queue
import threading
from typing import Any

from . import zmq_wires
from .calls import Run, load


def serve(announce: Any, wire: str = "tcp", workers: int = 0, *, behind_proxy: bool = False) -> None:
    """Echo; the replies are sent by the thread that receives, or by so many *workers*."""
    import zmq

    from transport_base import serve as serve_messages
    from transport_zmq import ZmqServerTransport

    context = zmq.Context.instance()
    context.set(zmq.MAX_SOCKETS, 4000)
    if behind_proxy:
        server = ZmqServerTransport.create(context, zmq_wires.proxied(announce), bind=False)
    else:
        server = ZmqServerTransport.create(context, zmq_wires.endpoint(wire))
        announce(server.endpoint)
    if not workers:
        serve_messages(server, lambda message: message)
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def work() -> None:
        while True:
            server.send_reply(*messages.get())

    for _ in range(workers):
        threading.Thread(target=work, daemon=True).start()
    while True:
        messages.put(server.receive_message())


def serve_in_batches(announce: Any, pending: int) -> None:
    """Receive *pending* messages before the first of them is answered."""
    import zmq

    from transport_zmq import ZmqServerTransport

    server = ZmqServerTransport.create(
        zmq.Context.instance(), "tcp://127.0.0.1:*", socket_options={zmq.SNDHWM: 0, zmq.RCVHWM: 0}
    )
    announce(server.endpoint)
    while True:
        for context, message in [server.receive_message() for _ in range(pending)]:
            server.send_reply(context, message)


def client(address: str, threads: int = 1) -> Run:
    """One client for all threads, with a timeout."""
    import zmq

    from transport_zmq import ZmqClientTransport

    transport = ZmqClientTransport.create(zmq.Context.instance(), address, 30.0)
    return load(lambda: transport.send_message, threads, shared=True, takes=str)


def client_inproc(_: None) -> Run:
    """Server and client in one process."""
    from .inproc import beside

    return client(beside(serve, wire="inproc"))
