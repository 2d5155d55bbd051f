"""
A peer that goes away, at any moment, ends no process: not between two frames of what it has sent either.

Each scenario runs in a process of its own: ``python test_vanishing_peers.py ROUNDS SCENARIO``.
"""

import faulthandler
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

import pytest
import zmq

from transport_base import (
    TransportClosedError,
    TransportConnectionError,
    TransportError,
    TransportProtocolError,
    TransportTimeoutError,
    serve,
)
from transport_zmq import ZmqClientTransport, ZmqServerTransport

LIMIT = 20.0  # seconds that no wait here comes near to

Context = zmq.Context[zmq.Socket[bytes]]
BoundT = TypeVar("BoundT")


def free_endpoint() -> str:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        return f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"


@contextmanager
def calling(client: ZmqClientTransport, call: Callable[[], object], threads: int) -> Generator[None]:
    """Have *threads* call again and again until the end of the block, which closes *client*."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            while True:
                with suppress(TransportTimeoutError, TransportProtocolError):
                    call()
        except TransportClosedError:
            pass
        except BaseException as exc:
            failures.append(exc)

    workers = [threading.Thread(target=run) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        client.close()
        for worker in workers:
            worker.join(LIMIT)
    assert not any(worker.is_alive() for worker in workers), "a thread is still inside its client"
    if failures:
        raise failures[0]


def retried(bind: Callable[[], BoundT]) -> BoundT:
    """Return what *bind* returns, once libzmq has closed the listener before, which it does in the background."""
    end = time.monotonic() + LIMIT
    while True:
        try:
            return bind()
        except (TransportConnectionError, zmq.ZMQError):
            if time.monotonic() > end:
                raise
            time.sleep(0.001)


def restart(context: Context, endpoint: str, messages: int) -> None:
    """Serve *messages* of them at *endpoint*, and stop."""
    with retried(lambda: ZmqServerTransport.create(context, endpoint)) as server:
        left = iter(range(messages - 1))

        def handle(message: str) -> str:
            if next(left, None) is None:
                server.close()
            return message

        serve(server, handle)


def restarts(rounds: int, one_way: bool) -> None:
    endpoint = free_endpoint()
    with zmq.Context() as servers, zmq.Context() as clients:
        client = ZmqClientTransport.create(clients, endpoint, 1)
        with calling(client, lambda: client.send_message("x", expect_reply=not one_way), 2):
            for _ in range(rounds):
                restart(servers, endpoint, 100 if one_way else 20)


def many_frames(rounds: int, one_way: bool) -> None:
    """A server whose every answer has a great many frames, and that hangs up with them on their way."""
    endpoint = free_endpoint()
    with zmq.Context() as servers, zmq.Context() as clients:
        client = ZmqClientTransport.create(clients, endpoint, 1)
        with calling(client, lambda: client.send_message("x", expect_reply=not one_way), 2):
            for _ in range(rounds):
                with servers.socket(zmq.ROUTER) as socket:
                    socket.set(zmq.LINGER, 0)
                    socket.set(zmq.RCVTIMEO, int(LIMIT * 1000))
                    retried(partial(socket.bind, endpoint))
                    for _ in range(2):
                        envelope = socket.recv_multipart()[:-1]
                        socket.send_multipart([*envelope, *[b"y"] * 30_000])


def many_frames_to_a_passed_socket(rounds: int) -> None:
    endpoint = free_endpoint()
    with zmq.Context() as servers, zmq.Context() as clients, clients.socket(zmq.REQ) as passed:
        passed.set(zmq.LINGER, 0)
        passed.connect(endpoint)
        client = ZmqClientTransport(passed, 1)
        with calling(client, lambda: client.send_message("x"), 2):
            for _ in range(rounds):
                with servers.socket(zmq.ROUTER) as socket:
                    socket.set(zmq.LINGER, 0)
                    socket.set(zmq.RCVTIMEO, int(LIMIT * 1000))
                    retried(partial(socket.bind, endpoint))
                    envelope = socket.recv_multipart()[:-1]
                    socket.send_multipart([*envelope, *[b"y"] * 30_000])


def clients_that_vanish(rounds: int) -> None:
    """Clients that send a great many frames, or read none of a great many replies, and hang up."""
    with zmq.Context() as servers, zmq.Context() as clients:
        server = ZmqServerTransport.create(servers, "tcp://127.0.0.1:*")
        failures: list[BaseException] = []

        def loop() -> None:
            try:
                serve(server, lambda message: message * 10_000)
            except BaseException as exc:
                failures.append(exc)

        loops = [threading.Thread(target=loop) for _ in range(3)]
        for thread in loops:
            thread.start()
        try:
            for _ in range(rounds):
                for frames in [b"y"] * 2_000, [b"", b"y"]:
                    with clients.socket(zmq.DEALER) as socket:
                        socket.set(zmq.LINGER, 0)
                        socket.connect(server.endpoint)
                        for _ in range(20):
                            socket.send_multipart(frames)
            with ZmqClientTransport.create(clients, server.endpoint, LIMIT) as client:
                assert client.send_message("x") == "x" * 10_000
        finally:
            server.close()
            for thread in loops:
                thread.join(LIMIT)
        if failures:
            raise failures[0]


SCENARIOS: dict[str, tuple[int, Callable[[int], object]]] = {
    "a server that restarts, one-way messages": (12, lambda rounds: restarts(rounds, one_way=True)),
    "a server that restarts, requests": (6, lambda rounds: restarts(rounds, one_way=False)),
    "a reply of many frames to one-way messages": (2, lambda rounds: many_frames(rounds, one_way=True)),
    "a reply of many frames to requests": (2, lambda rounds: many_frames(rounds, one_way=False)),
    "a reply of many frames to a passed socket": (2, many_frames_to_a_passed_socket),
    "clients that vanish": (5, clients_that_vanish),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_peer_that_vanishes_does_not_abort_the_process(trial: Callable[..., None], scenario: str) -> None:
    trial(__file__, SCENARIOS[scenario][0], scenario)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(90, exit=True)
    try:
        SCENARIOS[sys.argv[2]][1](int(sys.argv[1]))
    except TransportError as error:
        sys.exit(f"{type(error).__name__}: {error}")
