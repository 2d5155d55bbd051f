"""No call returns the reply of another one, whatever a peer sends, and however often."""

import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager

import pytest
import zmq

from transport_base import TransportTimeoutError
from transport_zmq import ZmqClientTransport

Context = zmq.Context[zmq.Socket[bytes]]
Running = Callable[..., AbstractContextManager[list[threading.Thread]]]

CALLS = 20


@pytest.fixture
def peer(context: Context) -> Generator[zmq.Socket[bytes]]:
    """A server of raw frames."""
    with context.socket(zmq.ROUTER) as socket:
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.RCVTIMEO, 10_000)
        socket.bind("tcp://127.0.0.1:*")
        yield socket


def endpoint_of(peer: zmq.Socket[bytes]) -> str:
    return peer.get_string(zmq.LAST_ENDPOINT)


@pytest.fixture(params=["created", "passed"])
def client(request: pytest.FixtureRequest, context: Context, peer: zmq.Socket[bytes]) -> Generator[ZmqClientTransport]:
    if request.param == "created":
        with ZmqClientTransport.create(context, endpoint_of(peer), 10) as client:
            yield client
    else:
        with context.socket(zmq.REQ) as socket:
            socket.set(zmq.LINGER, 0)
            socket.connect(endpoint_of(peer))
            with ZmqClientTransport(socket, 10) as client:
                yield client


@pytest.mark.parametrize("times", [2, 3])
def test_a_reply_that_comes_more_than_once_is_returned_once(
    client: ZmqClientTransport, peer: zmq.Socket[bytes], running: Running, times: int
) -> None:
    def answer() -> None:
        for _ in range(CALLS):
            frames = peer.recv_multipart()
            for _ in range(times):
                peer.send_multipart(frames)

    with running(answer):
        assert [client.send_message(f"{number}") for number in range(CALLS)] == [f"{number}" for number in range(CALLS)]


def test_a_reply_that_comes_again_during_the_next_call_is_thrown_away(
    client: ZmqClientTransport, peer: zmq.Socket[bytes], running: Running
) -> None:
    def answer() -> None:
        before: list[bytes] = []
        for _ in range(CALLS):
            frames = peer.recv_multipart()
            for reply in (before, frames):
                if reply:
                    peer.send_multipart(reply)
            before = frames

    with running(answer):
        assert [client.send_message(f"{number}") for number in range(CALLS)] == [f"{number}" for number in range(CALLS)]


def test_a_proxy_that_tries_again_does_no_harm(context: Context, peer: zmq.Socket[bytes], running: Running) -> None:
    with context.socket(zmq.ROUTER) as front, context.socket(zmq.DEALER) as back:
        for socket in (front, back):
            socket.set(zmq.LINGER, 0)
            socket.set(zmq.RCVTIMEO, 10_000)
        front.bind("tcp://127.0.0.1:*")
        back.connect(endpoint_of(peer))

        def forward() -> None:
            for _ in range(CALLS):
                frames = front.recv_multipart()
                for _ in range(2):
                    back.send_multipart(frames)
                for _ in range(2):
                    front.send_multipart(back.recv_multipart())

        def answer() -> None:
            for _ in range(2 * CALLS):
                peer.send_multipart(peer.recv_multipart())

        with (
            running(forward, answer),
            ZmqClientTransport.create(context, endpoint_of(front), 10) as client,
        ):
            for number in range(CALLS):
                assert client.send_message(f"{number}") == f"{number}"


def test_a_reply_to_a_call_that_timed_out_reaches_no_later_call(
    context: Context, peer: zmq.Socket[bytes], running: Running
) -> None:
    with ZmqClientTransport.create(context, endpoint_of(peer), 10) as client:
        with (
            ZmqClientTransport.create(context, endpoint_of(peer), 0.05) as hasty,
            pytest.raises(TransportTimeoutError),
        ):
            hasty.send_message("late")
        late = peer.recv_multipart()

        def answer() -> None:
            frames = peer.recv_multipart()
            peer.send_multipart(late)
            peer.send_multipart(frames)

        with running(answer):
            assert client.send_message("in time") == "in time"


def test_a_reply_that_belongs_to_no_call_is_thrown_away(
    client: ZmqClientTransport, peer: zmq.Socket[bytes], running: Running
) -> None:
    def answer() -> None:
        routing_id, *rest = peer.recv_multipart()
        peer.send_multipart([routing_id, b"1234", b"", b"of another call"])
        peer.send_multipart([routing_id, b"", b"of no call"])
        peer.send_multipart([routing_id, *rest])

    with running(answer):
        assert client.send_message("mine") == "mine"


def test_a_peer_that_expects_one_delimiter_is_served_with_correlation_switched_off(
    context: Context, peer: zmq.Socket[bytes], running: Running
) -> None:
    def answer() -> None:
        routing_id, delimiter, message = peer.recv_multipart()
        assert delimiter == b""
        peer.send_multipart([routing_id, b"", message])

    options = {zmq.REQ_CORRELATE: 0, zmq.REQ_RELAXED: 0}
    with (
        ZmqClientTransport.create(context, endpoint_of(peer), 10, socket_options=options) as client,
        running(answer),
    ):
        assert client.send_message("x") == "x"
