"""A graceful stop: what has arrived is answered, and close() says when."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import zmq

from transport_base import TransportClosedError, serve
from transport_zmq import ZmqClientTransport, ZmqServerTransport

LIMIT = 10.0  # seconds that no wait here comes near to

Context = zmq.Context[zmq.Socket[bytes]]
Running = Callable[..., AbstractContextManager[list[threading.Thread]]]


@pytest.mark.parametrize("threads", [1, 4])
def test_what_has_arrived_is_answered_before_the_server_closes(
    context: Context, running: Running, threads: int
) -> None:
    with (
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server,
        ZmqClientTransport.create(context, server.endpoint, LIMIT) as client,
    ):
        replies: list[str] = []
        begun = threading.Event()

        def handle(message: str) -> str:
            begun.set()
            threading.Event().wait(0.01)
            return message

        with (
            running(*[lambda n=n: replies.append(client.send_message(str(n))) for n in range(20)]),
            running(lambda: serve(server, handle, threads=threads)),
        ):
            assert begun.wait(LIMIT)
            server.close(drain=LIMIT)
        assert sorted(replies, key=int) == [str(n) for n in range(20)]


def test_the_wait_ends_with_its_time_or_a_second_close(context: Context, running: Running) -> None:
    for cut_short in (False, True):
        with (
            ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server,
            context.socket(zmq.DEALER) as peer,
        ):
            peer.linger = 0
            peer.connect(server.endpoint)
            peer.send_multipart([b"", b"never answered"])
            envelope, _ = server.receive_message(LIMIT)
            with running(lambda server=server, drain=LIMIT * 10 if cut_short else 0.2: server.close(drain)):
                if cut_short:
                    threading.Event().wait(0.1)
                    server.close()
            with pytest.raises(TransportClosedError):
                server.send_reply(envelope, "x")


def test_a_message_that_was_dropped_is_not_waited_for(context: Context, server: ZmqServerTransport) -> None:
    with context.socket(zmq.DEALER) as peer:
        peer.linger = 0
        peer.connect(server.endpoint)
        peer.send_multipart([b"", b"x"])
        envelope, _ = server.receive_message(LIMIT)
        server.drop(envelope)
        server.close(drain=3600)
        with pytest.raises(TransportClosedError):
            server.receive_message()
