"""
Many threads at once: no message lost, none doubled, no loop dead. With and without the GIL.

Each scenario runs in a process of its own: ``python test_hammer.py ROUNDS SCENARIO``.
"""

import faulthandler
import sys
import threading
from collections import Counter
from collections.abc import Callable

import pytest
import zmq

from transport_base import TransportClosedError, TransportContextError, serve
from transport_zmq import Envelope, ZmqClientTransport, ZmqServerTransport

LIMIT = 60.0  # seconds that no wait here comes near to

Context = zmq.Context[zmq.Socket[bytes]]


def in_threads(*targets: Callable[[], object]) -> None:
    """Run each target in a thread of its own; raise what one of them raises."""
    failures: list[BaseException] = []

    def run(target: Callable[[], object]) -> None:
        try:
            target()
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=run, args=[target]) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
        if failures:
            raise failures[0]
        assert not thread.is_alive(), "a thread hangs"


def echo(passed: bool, one_way: bool = False) -> None:
    """4 serving loops and 8 calling threads."""
    loops, callers, calls = 4, 8, 500 if not passed else 250
    handled: Counter[str] = Counter()
    count = threading.Lock()
    with zmq.Context() as servers, zmq.Context() as clients:
        server = ZmqServerTransport.create(servers, "tcp://127.0.0.1:*")
        socket = None
        if passed:
            socket = clients.socket(zmq.REQ)
            socket.set(zmq.LINGER, 0)
            socket.connect(server.endpoint)
            client = ZmqClientTransport(socket, LIMIT)
        else:
            client = ZmqClientTransport.create(clients, server.endpoint, LIMIT)
        left = iter(range(callers - 1))
        all_handled = threading.Event()

        def handle(message: str) -> str:
            with count:
                handled[message] += 1
                if len(handled) == callers * calls:
                    all_handled.set()
            return message

        def call(number: int) -> None:
            try:
                for turn in range(calls):
                    message = f"{number}/{turn}"
                    if one_way and turn % 2:
                        client.send_message(message, expect_reply=False)
                    else:
                        assert client.send_message(message) == message
            finally:
                with count:
                    last = next(left, None) is None
                if last:
                    all_handled.wait(LIMIT)
                    server.close()

        in_threads(
            *[lambda: serve(server, handle)] * loops, *[lambda number=number: call(number) for number in range(callers)]
        )
        client.close()
        if socket is not None:
            socket.close()
    assert len(handled) == callers * calls
    assert set(handled.values()) == {1}


def replies_from_others() -> None:
    """One thread receives and others reply, in whatever order."""
    repliers, callers, calls = 4, 8, 300
    with zmq.Context() as servers, zmq.Context() as clients:
        server = ZmqServerTransport.create(servers, "tcp://127.0.0.1:*")
        client = ZmqClientTransport.create(clients, server.endpoint, LIMIT)
        received: list[tuple[Envelope, str]] = []
        some = threading.Condition()
        done = threading.Barrier(callers)

        def receive() -> None:
            try:
                while True:
                    pair = server.receive_message()
                    with some:
                        received.append(pair)
                        some.notify()
            except TransportClosedError:
                with some:
                    received.extend([(Envelope(), "")] * repliers)
                    some.notify_all()

        def reply() -> None:
            while True:
                with some:
                    assert some.wait_for(lambda: received, LIMIT)
                    envelope, message = received.pop()
                if not message:
                    return
                server.send_reply(envelope, message)

        def call(number: int) -> None:
            for turn in range(calls):
                assert client.send_message(f"{number}/{turn}") == f"{number}/{turn}"
            if done.wait(LIMIT) == 0:
                server.close()

        in_threads(receive, *[reply] * repliers, *[lambda number=number: call(number) for number in range(callers)])
        client.close()


def answers_once() -> None:
    """Several threads answer the same context at the same time: one of them does."""
    threads, messages = 4, 500
    with (
        zmq.Context() as context,
        # No reply of them is dropped, though the peer reads late.
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*", socket_options={zmq.SNDHWM: 0}) as server,
        context.socket(zmq.DEALER) as peer,
    ):
        peer.set(zmq.LINGER, 0)
        peer.set(zmq.RCVTIMEO, int(LIMIT * 1000))
        peer.connect(server.endpoint)
        envelopes: list[Envelope] = []
        for _ in range(messages):
            peer.send_multipart([b"", b"x"])
            envelopes.append(server.receive_message(LIMIT)[0])
        answered: list[int] = []
        start = threading.Barrier(threads)

        def answer() -> None:
            start.wait(LIMIT)
            for number, envelope in enumerate(envelopes):
                try:
                    server.send_reply(envelope, f"{number}")
                except TransportContextError:
                    continue
                answered.append(number)

        in_threads(*[answer] * threads)
        assert sorted(answered) == list(range(messages))
        received = [int(peer.recv_multipart()[-1]) for _ in range(messages)]
        assert sorted(received) == list(range(messages))
        assert not peer.poll(100)  # a second reply would have been right behind


def closed_under_many_calls() -> None:
    """A client that is closed while 400 calls wait: each ends with TransportClosedError, and close() with nothing."""
    calls = 400
    with zmq.Context() as servers, zmq.Context() as clients:
        server = ZmqServerTransport.create(servers, "tcp://127.0.0.1:*")
        client = ZmqClientTransport.create(clients, server.endpoint, LIMIT)
        asked = threading.Barrier(2)

        def call() -> None:
            try:
                client.send_message("x")
            except TransportClosedError:
                return
            raise AssertionError("a reply from nobody")

        def receive() -> None:
            for _ in range(calls // 2):  # the others are on their way
                server.receive_message(LIMIT)
            asked.wait(LIMIT)

        def close() -> None:
            asked.wait(LIMIT)
            client.close()

        in_threads(receive, close, *[call] * calls)
        server.close()


SCENARIOS: dict[str, tuple[int, Callable[[], object]]] = {
    "echo": (1, lambda: echo(passed=False)),
    "echo, half of it one way": (1, lambda: echo(passed=False, one_way=True)),
    "echo by a passed socket": (1, lambda: echo(passed=True)),
    "replies from other threads": (1, replies_from_others),
    "a context answered once": (3, answers_once),
    "closed under many calls": (4, closed_under_many_calls),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_many_threads_lose_nothing(trial: Callable[..., None], scenario: str) -> None:
    trial(__file__, SCENARIOS[scenario][0], scenario)


if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        faulthandler.dump_traceback_later(90, exit=True)
        SCENARIOS[sys.argv[2]][1]()
