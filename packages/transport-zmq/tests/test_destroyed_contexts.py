"""
A transport may be closed, and its context destroyed or terminated, at any moment: no abort, no hang, no foreign error.

Each scenario runs in a process of its own: ``python test_destroyed_contexts.py ROUNDS SIDE MADE STATE END``.
"""

import faulthandler
import gc
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from transport_base import TransportClosedError
from transport_zmq import ZmqClientTransport, ZmqServerTransport

LIMIT = 20.0  # seconds that no wait here comes near to
THREADS = 8

Context = zmq.Context[zmq.Socket[bytes]]


class Peer:
    """A server of raw frames, on a context of its own."""

    def __init__(self) -> None:
        self.context: Context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.set(zmq.LINGER, 0)
        self.endpoint = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while True:
            frames = self.socket.recv_multipart()
            if frames[-1] == b"stop":
                self.socket.close()
                return
            self.socket.send_multipart(frames)

    def stop(self) -> None:
        with self.context.socket(zmq.DEALER) as socket:
            socket.connect(self.endpoint)
            socket.send_multipart([b"", b"stop"])
            self.thread.join(LIMIT)
        self.context.destroy()


class Users:
    """Threads that use a transport until it is closed."""

    def __init__(self, number: int, use: Callable[[], object], *, wait: bool = True) -> None:
        self._use = use
        self._started = threading.Semaphore(0)
        self.failures: list[BaseException] = []
        self.threads = [threading.Thread(target=self._run) for _ in range(number)]
        for thread in self.threads:
            thread.start()
        for _ in self.threads if wait else ():
            assert self._started.acquire(timeout=LIMIT)

    def _run(self) -> None:
        first = True
        try:
            while True:
                self._use()
                if first:
                    self._started.release()
                    first = False
        except TransportClosedError:
            pass
        except BaseException as exc:
            self.failures.append(exc)
        finally:
            if first:
                self._started.release()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(LIMIT)
            assert not thread.is_alive(), "a thread is still inside its transport"
        if self.failures:
            raise self.failures[0]


def end(context: Context, how: str) -> None:
    if how == "destroy":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            context.destroy()
    else:
        context.term()


def client_round(peer: Peer, made: str, state: str, how: str) -> None:
    context: Context = zmq.Context()
    passed = None if made == "created" else context.socket(zmq.REQ)
    if passed is None:
        client = ZmqClientTransport.create(context, peer.endpoint)
    else:
        passed.set(zmq.LINGER, 0)
        passed.connect(peer.endpoint)
        client = ZmqClientTransport(passed)

    def use(client: ZmqClientTransport = client) -> None:
        client.send_message("x", expect_reply=state != "used-one-way")

    use()
    users = Users({"idle": 0, "closed-one-user": 1}.get(state, THREADS), use)
    finish(context, client, passed, users, state, how)


def server_round(made: str, state: str, how: str) -> None:
    context: Context = zmq.Context()
    passed = None if made == "created" else context.socket(zmq.ROUTER)
    if passed is None:
        server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
    else:
        passed.set(zmq.LINGER, 0)
        passed.bind("tcp://127.0.0.1:*")
        server = ZmqServerTransport(passed)

    def use(server: ZmqServerTransport = server) -> None:
        envelope, message = server.receive_message()
        server.send_reply(envelope, message)

    other: Context = zmq.Context()
    client = ZmqClientTransport.create(other, server.endpoint)
    busy = state != "idle"
    callers = Users(THREADS if busy else 0, lambda: client.send_message("x"), wait=False)
    users = Users(4 if busy else 0, use)
    finish(context, server, passed, users, state, how)
    client.close()
    callers.join()
    other.term()


def finish(
    context: Context,
    transport: ZmqClientTransport | ZmqServerTransport,
    passed: zmq.Socket[bytes] | None,
    users: Users,
    state: str,
    how: str,
) -> None:
    if state.startswith("closed"):
        transport.close()
    if passed is not None and how == "term":
        # It waits until the socket's owner has closed that.
        ending = threading.Thread(target=end, args=[context, how])
        ending.start()
        users.join()
        transport.close()
        passed.close()
        ending.join(LIMIT)
        assert not ending.is_alive(), "zmq.Context.term() hangs"
        return
    if passed is not None:
        passed.close()
    end(context, how)
    users.join()


def forgotten_round(peer: Peer, side: str, how: str) -> None:
    context: Context = zmq.Context()
    if side == "client":
        ZmqClientTransport.create(context, peer.endpoint).send_message("x")
    else:
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
    gc.collect()
    end(context, how)


def interrupt_round(peer: Peer) -> None:
    """Ctrl-C in the main thread, while others share a client."""
    users: Any = None
    try:
        with zmq.Context() as context, ZmqClientTransport.create(context, peer.endpoint) as client:
            users = Users(4, lambda: client.send_message("x"))
            signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        pass
    users.join()


def main(rounds: int, side: str, made: str, state: str, how: str) -> None:
    faulthandler.dump_traceback_later(LIMIT * 3, exit=True)
    peer = Peer()
    for _ in range(rounds):
        if state == "forgotten":
            forgotten_round(peer, side, how)
        elif side == "client":
            client_round(peer, made, state, how)
        elif side == "server":
            server_round(made, state, how)
        else:
            interrupt_round(peer)
        faulthandler.dump_traceback_later(LIMIT * 3, exit=True)
    peer.stop()


SCENARIOS = [
    # As the README has it: `with` around both, which closes the client and destroys the context right after.
    "client created closed destroy",
    "client created closed-one-user destroy",
    "client created closed term",
    "client passed closed destroy",
    "client passed closed-one-user destroy",
    # Nobody closes the transport.
    "client created used destroy",
    "client created used-one-way destroy",
    "client created idle destroy",
    "client created forgotten destroy",
    "client created used term",
    "client created used-one-way term",
    "client created forgotten term",
    "client passed used term",
    "server created closed destroy",
    "server created closed term",
    "server passed closed destroy",
    "server created used destroy",
    "server created idle destroy",
    "server created forgotten destroy",
    "server created used term",
    "server created forgotten term",
    "server passed used term",
    "interrupt created used destroy",
]


@pytest.mark.parametrize("scenario", [pytest.param(words, id=words.replace(" ", "-")) for words in SCENARIOS])
def test_a_context_may_end_at_any_moment(trial: Callable[..., None], scenario: str) -> None:
    trial(__file__, 6, *scenario.split())


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
