"""
``python one_message_each.py FRONT BACK…``: a proxy that gives a worker its next message when it has answered the last.

libzmq's own proxy deals messages out in turn, so they queue behind a worker that is slow while others have nothing to
do. Here each worker has a DEALER socket, and an endpoint, of its own, and one message under way. The workers stay as
they are: ``python -m transport_zmq serve BACK MODULE:FUNCTION --connect``.
"""

import sys
import time

import zmq

# Seconds after which a worker that has not answered may get another message: it may have been restarted.
PATIENCE = 30


def balance(front: zmq.Socket[bytes], workers: list[zmq.Socket[bytes]]) -> None:
    """Pass messages between *front*, a ROUTER socket, and *workers*, DEALER sockets, for ever."""
    poller = zmq.Poller()
    for worker in workers:
        poller.register(worker, zmq.POLLIN)
    busy: dict[zmq.Socket[bytes], float] = {}
    while True:
        now = time.monotonic()
        # POLLOUT: a worker is connected. Whoever has waited longest comes first.
        free = [each for each in workers if busy.get(each, 0) <= now and each.poll(0, zmq.POLLOUT)]
        poller.register(front, zmq.POLLIN if free else 0)
        for socket, _ in poller.poll(100):  # looks in between which workers have come
            if socket is front:
                free[0].send_multipart(front.recv_multipart(), zmq.NOBLOCK)
                busy[free[0]] = now + PATIENCE
                workers.append(workers.pop(workers.index(free[0])))
            else:
                front.send_multipart(socket.recv_multipart())
                busy.pop(socket, None)


def main(front_endpoint: str, back_endpoints: list[str]) -> None:
    """Bind the sockets and pass messages until Ctrl-C."""
    context = zmq.Context()
    front = context.socket(zmq.ROUTER)
    front.bind(front_endpoint)
    workers: list[zmq.Socket[bytes]] = []
    for endpoint in back_endpoints:
        worker = context.socket(zmq.DEALER)
        # A worker that is stopped, or whose host is gone, answers no heartbeat and counts as not connected.
        worker.set(zmq.HEARTBEAT_IVL, 200)
        worker.set(zmq.HEARTBEAT_TIMEOUT, 600)
        worker.bind(endpoint)
        workers.append(worker)
    balance(front, workers)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
