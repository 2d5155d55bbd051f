"""One server: threads, contexts, peers of every kind."""

import errno
import logging
import queue
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
import zmq

from transport_base import TransportClosedError, TransportContextError, TransportTimeoutError, serve
from transport_zmq import Envelope, ZmqClientTransport, ZmqServerTransport

LIMIT = 10.0  # seconds that no wait here comes near to

Context = zmq.Context[zmq.Socket[bytes]]
Running = Callable[..., AbstractContextManager[list[threading.Thread]]]


def dealer(context: Context, endpoint: str) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.rcvtimeo = int(LIMIT * 1000)
    socket.connect(endpoint)
    return socket


def test_endpoint_has_the_port_that_the_system_picked(server: ZmqServerTransport) -> None:
    assert server.endpoint.startswith("tcp://127.0.0.1:")
    assert not server.endpoint.endswith("*")


@pytest.mark.parametrize(
    "envelope",
    [[], [b""], [b"\1\2\3\4", b""], [b"hop", b"", b"hop 2", b""], [b"no", b"delimiter"]],
    ids=["bare", "req", "correlated", "proxies", "no-delimiter"],
)
def test_every_frame_before_the_last_is_the_return_address(
    context: Context, server: ZmqServerTransport, envelope: list[bytes]
) -> None:
    with dealer(context, server.endpoint) as peer:
        peer.send_multipart([*envelope, "grüße".encode()])
        address, text = server.receive_message(LIMIT)
        assert text == "grüße"
        server.send_reply(address, "zurück")
        assert peer.recv_multipart() == [*envelope, "zurück".encode()]


@pytest.mark.parametrize(
    "frames",
    [[b"", b"\xff"], [b"", b"\xed\xa0\x80"], [b"x"] * 40_000 + [b"end"], [b"y" * 70_000, b"end"]],
    ids=["not-utf-8", "surrogate", "many-frames", "large-envelope"],
)
def test_what_is_no_message_is_dropped_with_a_warning(
    context: Context, server: ZmqServerTransport, frames: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    with dealer(context, server.endpoint) as peer:
        peer.send_multipart(frames)
        peer.send_multipart([b"", b"good"])
        assert server.receive_message(LIMIT)[1] == "good"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "dropped a message" in caplog.text


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:*", "inproc://bounded"], ids=["tcp", "inproc"])
def test_what_is_too_large_is_not_delivered(context: Context, endpoint: str) -> None:
    with ZmqServerTransport.create(context, endpoint, max_message_bytes=100) as server:
        with dealer(context, server.endpoint) as peer:
            peer.send_multipart([b"", b"x" * 101])
            with pytest.raises(TransportTimeoutError):
                server.receive_message(0.2)
        with dealer(context, server.endpoint) as peer:
            peer.send_multipart([b"", b"x" * 100])
            assert server.receive_message(LIMIT)[1] == "x" * 100


def test_a_frame_that_looks_like_the_bell_is_a_message(context: Context, server: ZmqServerTransport) -> None:
    with dealer(context, server.endpoint) as peer:
        for text in (b"", b"x" * 16):
            peer.send(text)
            assert server.receive_message(LIMIT)[1] == text.decode()


def test_a_context_is_answered_exactly_once(context: Context, server: ZmqServerTransport, running: Running) -> None:
    with dealer(context, server.endpoint) as peer:
        peer.send_multipart([b"", b"x"])
        envelope, _ = server.receive_message(LIMIT)
        outcomes: queue.SimpleQueue[str] = queue.SimpleQueue()
        start = threading.Barrier(8)

        def reply() -> None:
            start.wait(LIMIT)
            try:
                server.send_reply(envelope, "once")
                outcomes.put("sent")
            except TransportContextError:
                outcomes.put("refused")

        with running(*[reply] * 8):
            pass
        assert sorted(outcomes.get() for _ in range(8)) == ["refused"] * 7 + ["sent"]
        assert peer.recv_multipart() == [b"", b"once"]
        peer.rcvtimeo = 100
        with pytest.raises(zmq.Again):
            peer.recv()


def test_a_context_of_another_server_is_refused_and_stays_good(context: Context, server: ZmqServerTransport) -> None:
    with ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as other, dealer(context, server.endpoint) as peer:
        peer.send_multipart([b"", b"x"])
        envelope, _ = server.receive_message(LIMIT)
        with pytest.raises(TransportContextError):
            other.send_reply(envelope, "not mine")
        server.send_reply(envelope, "mine")
        assert peer.recv_multipart() == [b"", b"mine"]


@pytest.mark.parametrize("value", [None, 42, [b"id", b""], "x"], ids=["none", "int", "list", "str"])
def test_what_is_no_context_is_refused(server: ZmqServerTransport, value: Any) -> None:
    with pytest.raises(TransportContextError, match="expected an envelope that this server gave"):
        server.send_reply(value, "x")


def test_what_is_no_reply_is_refused_and_leaves_the_context_good(context: Context, server: ZmqServerTransport) -> None:
    with dealer(context, server.endpoint) as peer:
        peer.send_multipart([b"", b"x"])
        envelope, _ = server.receive_message(LIMIT)
        values: list[Any] = [b"bytes", None, 7]
        for value in values:
            with pytest.raises(TypeError, match="expected str"):
                server.send_reply(envelope, value)
        with pytest.raises(ValueError, match="lone surrogate at index 0"):
            server.send_reply(envelope, "\udfff")
        server.send_reply(envelope, "good")
        assert peer.recv_multipart() == [b"", b"good"]


def test_a_reply_from_another_thread_wakes_the_one_that_waits(
    context: Context, server: ZmqServerTransport, running: Running
) -> None:
    """Nothing else arrives that could do it."""
    with dealer(context, server.endpoint) as peer:
        peer.send_multipart([b"", b"x"])
        envelope, _ = server.receive_message(LIMIT)

        def wait() -> None:
            with pytest.raises(TransportClosedError):
                server.receive_message()

        with running(wait):
            time.sleep(0.1)  # to let it wait inside libzmq; the promise holds either way
            server.send_reply(envelope, "from outside")
            assert peer.recv_multipart() == [b"", b"from outside"]
            server.close()


def test_many_receivers_and_repliers_share_one_server(
    context: Context, server: ZmqServerTransport, running: Running
) -> None:
    """3 threads receive, 5 others reply out of order, 12 clients ask: nothing is lost, doubled or crossed."""
    work: queue.SimpleQueue[tuple[Envelope, str] | None] = queue.SimpleQueue()
    received: list[str] = []

    def receive() -> None:
        try:
            while True:
                envelope, text = server.receive_message()
                received.append(text)
                work.put((envelope, text))
        except TransportClosedError:
            pass

    def reply() -> None:
        think = random.Random(1)
        while (item := work.get()) is not None:
            time.sleep(think.random() / 1000)
            envelope, text = item
            server.send_reply(envelope, text + "!")

    with ZmqClientTransport.create(context, server.endpoint, LIMIT) as client:

        def ask(name: int) -> None:
            for n in range(100):
                assert client.send_message(f"{name}-{n}") == f"{name}-{n}!"

        with running(receive, receive, receive, reply, reply, reply, reply, reply):
            try:
                with running(*[partial(ask, name) for name in range(12)]):
                    pass
            finally:
                for _ in range(5):
                    work.put(None)
                server.close()
    assert sorted(received) == sorted(f"{name}-{n}" for name in range(12) for n in range(100))


def test_a_wait_ends_with_its_timeout(server: ZmqServerTransport) -> None:
    for timeout in (0, 0.01, 0.6):
        with pytest.raises(TransportTimeoutError, match=f"within {timeout} s"):
            server.receive_message(timeout)


def test_a_wait_behind_another_ends_with_its_timeout(server: ZmqServerTransport, running: Running) -> None:
    def wait() -> None:
        with pytest.raises(TransportClosedError):
            server.receive_message()

    with running(wait, wait):
        with pytest.raises(TransportTimeoutError):
            server.receive_message(0.2)
        server.close()


def test_a_client_that_is_gone_is_no_error(
    context: Context, server: ZmqServerTransport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with dealer(context, server.endpoint) as peer:
        for _ in range(500):
            peer.send_multipart([b"", b"one"])
        envelopes = [server.receive_message(LIMIT)[0] for _ in range(500)]
    for envelope in envelopes:  # the first of them go out before libzmq has noticed
        server.send_reply(envelope, "to nobody")
        if caplog.records:
            break
        time.sleep(0.01)
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("DEBUG", "dropped a reply: its client is gone")
    ]


def test_closing_returns_when_the_socket_is_closed(context: Context, running: Running) -> None:
    for _ in range(20):
        server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
        waiting = threading.Event()

        def wait(server: ZmqServerTransport = server, waiting: threading.Event = waiting) -> None:
            waiting.set()
            with pytest.raises(TransportClosedError):
                server.receive_message()

        with running(wait):
            assert waiting.wait(LIMIT)
            server.close()
            # libzmq lets go of the address by itself, soon after.
            assert server._router._socket.closed  # pyright: ignore[reportPrivateUsage]


def test_a_client_that_does_not_read_blocks_no_other(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    options = {zmq.SNDHWM: 2, zmq.SNDBUF: 4096}
    with (
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*", socket_options=options) as server,
        dealer(context, server.endpoint) as deaf,
    ):
        deaf.rcvhwm = 1
        for _ in range(40):
            deaf.send_multipart([b"", b"x"])
            envelope, _ = server.receive_message(LIMIT)
            server.send_reply(envelope, "y" * 1_000_000)
        assert "has not read the ones before it" in caplog.text
        with dealer(context, server.endpoint) as good:
            good.send_multipart([b"", b"x"])
            envelope, _ = server.receive_message(LIMIT)
            server.send_reply(envelope, "served")
            assert good.recv_multipart() == [b"", b"served"]


def test_closing_wakes_every_waiting_thread(server: ZmqServerTransport, running: Running) -> None:
    def wait() -> None:
        with pytest.raises(TransportClosedError, match=r"server at tcp://.* was closed"):
            server.receive_message()

    with running(*[wait] * 5):
        server.close()


def test_a_closed_server_says_so(context: Context, server: ZmqServerTransport) -> None:
    with dealer(context, server.endpoint) as peer:
        peer.send_multipart([b"", b"x"])
        envelope, _ = server.receive_message(LIMIT)
        server.close()
        server.close()
        with pytest.raises(TransportClosedError):
            server.receive_message()
        with pytest.raises(TransportClosedError):
            server.send_reply(envelope, "x")


def test_the_server_can_be_closed_in_the_handler(
    context: Context, server: ZmqServerTransport, running: Running
) -> None:
    def handler(message: str) -> str:
        server.close()
        return message

    with dealer(context, server.endpoint) as peer, running(lambda: serve(server, handler)):
        peer.send_multipart([b"", b"x"])


def test_the_server_can_be_closed_by_a_signal_handler_while_it_waits(server: ZmqServerTransport) -> None:
    def close(_number: int, _frame: object) -> None:
        server.close()

    before = signal.signal(signal.SIGUSR1, close)
    main = threading.get_ident()
    timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(TransportClosedError):
            server.receive_message(LIMIT)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


def test_replies_given_before_closing_are_still_sent(context: Context, server: ZmqServerTransport) -> None:
    with dealer(context, server.endpoint) as peer:
        for _ in range(50):
            peer.send_multipart([b"", b"x"])
        for envelope, _ in [server.receive_message(LIMIT) for _ in range(50)]:
            server.send_reply(envelope, "y" * 10_000)
        server.close()
        assert [peer.recv_multipart()[1] for _ in range(50)] == [b"y" * 10_000] * 50


def test_a_passed_socket_is_set_back_and_left_open(context: Context) -> None:
    with context.socket(zmq.ROUTER) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        socket.rcvtimeo, socket.sndtimeo = 4321, 1234
        with ZmqServerTransport(socket) as server:
            assert server.endpoint == f"tcp://127.0.0.1:{port}"
            with dealer(context, server.endpoint) as peer:
                peer.send_multipart([b"", b"x"])
                envelope, _ = server.receive_message(LIMIT)
                server.send_reply(envelope, "y")
                assert peer.recv_multipart() == [b"", b"y"]
        assert (socket.rcvtimeo, socket.sndtimeo) == (4321, 1234)
        with dealer(context, f"tcp://127.0.0.1:{port}") as peer:
            peer.send_multipart([b"", b"still mine"])
            assert socket.recv_multipart()[1:] == [b"", b"still mine"]


def test_a_context_that_is_terminated_ends_the_wait(running: Running) -> None:
    context: Context = zmq.Context()
    server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
    with pytest.raises(TransportTimeoutError):
        server.receive_message(0)

    def wait() -> None:
        with pytest.raises(TransportClosedError):
            server.receive_message()

    with running(wait):
        context.term()  # returns only when every socket was closed
    with pytest.raises(TransportClosedError):
        server.receive_message()


def test_workers_behind_a_proxy_share_the_messages(context: Context, running: Running) -> None:
    front, back = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    front.bind("tcp://127.0.0.1:*")
    back.bind("tcp://127.0.0.1:*")
    control, other_end = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    control.bind("inproc://control")
    other_end.connect("inproc://control")
    endpoints = [socket.get_string(zmq.LAST_ENDPOINT) for socket in (front, back)]
    workers = [ZmqServerTransport.create(context, endpoints[1], bind=False) for _ in range(2)]
    handled: list[set[str]] = [set(), set()]

    def work(index: int) -> None:
        def handler(message: str) -> str:
            handled[index].add(message)
            return message.upper()

        serve(workers[index], handler)

    def proxy() -> None:
        zmq.proxy_steerable(front, back, None, control)
        for socket in (front, back, control):
            socket.close(0)

    with running(proxy, lambda: work(0), lambda: work(1)):
        with ZmqClientTransport.create(context, endpoints[0], LIMIT) as client:
            for n in range(50):
                assert client.send_message(f"m{n}") == f"M{n}"
        for worker in workers:
            worker.close()
        other_end.send(b"TERMINATE")
    other_end.close(0)
    assert handled[0].isdisjoint(handled[1])
    assert len(handled[0] | handled[1]) == 50
    assert all(handled)


class Interrupt(BaseException):
    """What Ctrl-C raises, by another name."""


class InterruptedSocket(zmq.Socket[bytes]):
    """Interrupts the caller right after a chosen number of frames has gone through."""

    frames_left: int = -1

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def recv(self, *args: Any, **kwargs: Any) -> Any:
        frame = super().recv(*args, **kwargs)  # pyright: ignore[reportUnknownVariableType]
        self._count()
        return frame  # pyright: ignore[reportUnknownVariableType]

    def send(self, *args: Any, **kwargs: Any) -> Any:
        result = super().send(*args, **kwargs)  # pyright: ignore[reportUnknownVariableType]
        self._count()
        return result  # pyright: ignore[reportUnknownVariableType]

    def _count(self) -> None:
        self.frames_left -= 1
        if self.frames_left == 0:
            raise Interrupt


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_an_interrupt_between_two_frames_does_not_garble_the_messages_after(context: Context, frames: int) -> None:
    with InterruptedSocket(context, zmq.ROUTER) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        with ZmqServerTransport(socket) as server, dealer(context, f"tcp://127.0.0.1:{port}") as peer:
            peer.send_multipart([b"hop", b"", b"one"])
            socket.frames_left = frames
            with pytest.raises(Interrupt):
                server.receive_message(LIMIT)
            peer.send_multipart([b"hop", b"", b"two"])
            envelope, text = server.receive_message(LIMIT)
            assert text == "two"
            socket.frames_left = frames
            with pytest.raises(Interrupt):
                server.send_reply(envelope, "2")
            peer.send_multipart([b"hop", b"", b"three"])
            envelope, text = server.receive_message(LIMIT)
            server.send_reply(envelope, "3")
            assert [peer.recv_multipart() for _ in range(2)] == [[b"hop", b"", b"2"], [b"hop", b"", b"3"]]


def test_a_socket_that_is_closed_under_the_server_is_reported(context: Context) -> None:
    with context.socket(zmq.ROUTER) as socket:
        socket.bind("tcp://127.0.0.1:*")
        with ZmqServerTransport(socket) as server:
            socket.close(0)
            with pytest.raises(TransportClosedError) as info:
                server.receive_message(0)
            assert isinstance(info.value.__cause__, zmq.ZMQError)
            assert info.value.__cause__.errno == errno.ENOTSOCK
