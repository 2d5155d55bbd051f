"""One client and the ways in which a call can end."""

import pickle
import socket as sockets
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pytest
import zmq

from transport_base import (
    TransportClosedError,
    TransportConnectionError,
    TransportProtocolError,
    TransportTimeoutError,
    serve,
)
from transport_zmq import ZmqClientTransport, ZmqServerTransport

LIMIT = 10.0  # seconds that no wait here comes near to

Context = zmq.Context[zmq.Socket[bytes]]
Running = Callable[..., AbstractContextManager[list[threading.Thread]]]
Connect = Callable[..., ZmqClientTransport]


@pytest.fixture(params=["create", "passed"])
def connect(request: pytest.FixtureRequest, context: Context) -> Generator[Connect]:
    """Makes clients in each of the two ways."""
    with context.socket(zmq.REQ) as socket:
        socket.linger = 0

        def connect(endpoint: str, timeout: float | None = LIMIT) -> ZmqClientTransport:
            if request.param == "create":
                return ZmqClientTransport.create(context, endpoint, timeout)
            socket.connect(endpoint)
            return ZmqClientTransport(socket, timeout)

        yield connect


def free_endpoint() -> str:
    with sockets.create_server(("127.0.0.1", 0)) as socket:
        return f"tcp://127.0.0.1:{socket.getsockname()[1]}"


@pytest.mark.parametrize(
    "message",
    ["", "\0", "a\r\nb\n", "\ufeffbom", "grüße", "𝄞🜨", "x" * 199_999, "é" * 200_000, "x" * 2**20],
    ids=["empty", "nul", "line-ends", "bom", "latin", "astral", "below-large", "large-not-ascii", "1-MiB"],
)
def test_a_message_comes_back_as_it_was(connect: Connect, echo: ZmqServerTransport, message: str) -> None:
    with connect(echo.endpoint) as client:
        assert client.send_message(message) == message


@pytest.mark.parametrize("expect_reply", [True, False], ids=["request", "one-way"])
def test_what_is_no_message_is_refused_before_it_is_sent(
    connect: Connect, echo: ZmqServerTransport, expect_reply: bool
) -> None:
    with connect(echo.endpoint) as client:
        values: list[Any] = [b"bytes", None, 7, ["list"]]
        for value in values:
            with pytest.raises(TypeError, match="expected str"):
                client.send_message(value, expect_reply=expect_reply)
        with pytest.raises(ValueError, match="message has a lone surrogate at index 0"):
            client.send_message("\ud800", expect_reply=expect_reply)
        assert client.send_message("and on") == "and on"


def test_a_call_without_reply_times_out_and_the_next_one_works(
    connect: Connect, server: ZmqServerTransport, running: Running
) -> None:
    with connect(server.endpoint, 0.2) as client:
        with pytest.raises(TransportTimeoutError, match=r"no reply from tcp://.* within 0\.2 s; the server may have"):
            client.send_message("one")
        late, text = server.receive_message(LIMIT)
        assert text == "one"
        with running(lambda: serve(server, lambda message: message)):
            server.send_reply(late, "the late reply")
            assert [client.send_message(text) for text in ("two", "three")] == ["two", "three"]
            server.close()


def test_a_call_without_a_server_times_out_and_says_that_nothing_was_sent(context: Context) -> None:
    with ZmqClientTransport.create(context, free_endpoint(), 0.1) as client:
        for _ in range(3):
            with pytest.raises(
                TransportConnectionError, match=r"no connection to .* within 0\.1 s; the message was not sent"
            ) as caught:
                client.send_message("x")
            assert isinstance(caught.value, TransportTimeoutError)
            assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
        with pytest.raises(TransportTimeoutError, match=r"no connection to .*; the message was not sent"):
            client.send_message("x", expect_reply=False)


def test_a_reply_arrives_even_if_the_server_closes_right_behind_it(context: Context, running: Running) -> None:
    for _ in range(50):
        with ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server:

            def answer_and_go() -> None:
                envelope, text = server.receive_message(LIMIT)  # ends within this turn of the loop
                server.send_reply(envelope, text)
                server.close()

            with running(answer_and_go), ZmqClientTransport.create(context, server.endpoint, LIMIT) as client:
                assert client.send_message("x") == "x"


def test_a_message_whose_call_timed_out_is_not_delivered_later(context: Context, running: Running) -> None:
    endpoint = free_endpoint()
    with ZmqClientTransport.create(context, endpoint, 0.05) as client:
        for number in range(10):
            with pytest.raises(TransportTimeoutError):
                client.send_message(f"stale {number}")
            with pytest.raises(TransportTimeoutError):
                client.send_message(f"stale {number}", expect_reply=False)
        with ZmqServerTransport.create(context, endpoint) as server:
            fresh = ZmqClientTransport.create(context, endpoint, LIMIT)
            with fresh, running(lambda: fresh.send_message("fresh")):
                envelope, text = server.receive_message(LIMIT)
                server.send_reply(envelope, "")
            assert text == "fresh"
            with pytest.raises(TransportTimeoutError):
                server.receive_message(0.3)


def test_a_timeout_of_0_does_not_wait(connect: Connect, server: ZmqServerTransport) -> None:
    with connect(server.endpoint, 0) as client, pytest.raises(TransportTimeoutError):
        client.send_message("x")


def test_a_call_ends_when_its_time_is_up_however_often_it_looks_up(
    connect: Connect, server: ZmqServerTransport
) -> None:
    """The time does not start again with each wait within a call."""
    with connect(server.endpoint, 1.2) as client:
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError):
            client.send_message("x")
        assert 1.2 <= time.monotonic() - start < LIMIT


def test_closing_the_client_wakes_its_calls(connect: Connect, server: ZmqServerTransport, running: Running) -> None:
    with connect(server.endpoint, None) as client:
        ended: list[Exception] = []

        def call() -> None:
            try:
                client.send_message("x")
            except TransportClosedError as error:
                ended.append(error)

        with running(call, call, call):
            server.receive_message(LIMIT)
            client.close()
        assert len(ended) == 3


def test_a_closed_client_says_so(connect: Connect, echo: ZmqServerTransport) -> None:
    client = connect(echo.endpoint)
    client.close()
    client.close()
    for expect_reply in (True, False):
        with pytest.raises(TransportClosedError, match=r"client of tcp://.* was closed"):
            client.send_message("x", expect_reply=expect_reply)


def test_a_passed_socket_is_set_back_and_left_open(context: Context, echo: ZmqServerTransport) -> None:
    with context.socket(zmq.REQ) as socket:
        socket.connect(echo.endpoint)
        socket.rcvtimeo, socket.sndtimeo = 1234, 4321
        with ZmqClientTransport(socket, LIMIT) as client:
            assert client.send_message("x") == "x"
            assert socket.rcvtimeo != 1234
        assert (socket.rcvtimeo, socket.sndtimeo) == (1234, 4321)
        socket.send(b"still mine")
        assert socket.recv() == b"still mine"


def test_a_call_waits_for_its_turn_on_a_passed_socket_no_longer_than_its_time(
    context: Context, server: ZmqServerTransport, running: Running
) -> None:
    def call() -> None:
        with pytest.raises(TransportTimeoutError):
            client.send_message("x")

    with context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(server.endpoint)
        with ZmqClientTransport(socket, 0.3) as client, running(call, call, call):
            call()


def test_calls_of_many_threads_run_side_by_side(context: Context, server: ZmqServerTransport, running: Running) -> None:
    """None is answered before all have arrived."""
    with ZmqClientTransport.create(context, server.endpoint, LIMIT) as client:
        replies: list[str] = []
        with running(*[lambda n=n: replies.append(client.send_message(str(n))) for n in range(20)]):
            waiting = [server.receive_message(LIMIT) for _ in range(20)]
            for envelope, text in reversed(waiting):
                server.send_reply(envelope, text)
        assert sorted(replies, key=int) == [str(n) for n in range(20)]


def test_more_calls_at_once_than_sockets_are_kept(
    context: Context, server: ZmqServerTransport, running: Running
) -> None:
    with ZmqClientTransport.create(context, server.endpoint, LIMIT) as client:
        for _ in range(2):
            with running(*[lambda: client.send_message("x") for _ in range(80)]):
                for envelope, text in [server.receive_message(LIMIT) for _ in range(80)]:
                    server.send_reply(envelope, text)


@pytest.mark.parametrize("answered", [True, False], ids=["server-replies-all-the-same", "server-does-not-reply"])
def test_a_one_way_message_needs_no_reply_and_disturbs_no_call(
    connect: Connect, server: ZmqServerTransport, answered: bool, running: Running
) -> None:
    with connect(server.endpoint) as client:
        seen: list[str] = []

        def loop() -> None:
            while len(seen) < 40:
                envelope, text = server.receive_message(LIMIT)
                seen.append(text)
                if answered or text.startswith("request"):
                    server.send_reply(envelope, text)

        with running(loop):
            for n in range(20):
                assert client.send_message(f"one-way {n}", expect_reply=False) is None
                assert client.send_message(f"request {n}") == f"request {n}"
        assert sorted(seen) == sorted(f"{kind} {n}" for kind in ("one-way", "request") for n in range(20))


def test_closing_right_after_a_one_way_message_still_delivers_it(context: Context, server: ZmqServerTransport) -> None:
    for n in range(20):
        with ZmqClientTransport.create(context, server.endpoint, LIMIT) as client:
            client.send_message(str(n), expect_reply=False)
    assert sorted(int(server.receive_message(LIMIT)[1]) for _ in range(20)) == list(range(20))


def test_one_way_messages_of_a_thread_keep_their_order(context: Context, server: ZmqServerTransport) -> None:
    with ZmqClientTransport.create(context, server.endpoint, LIMIT) as client:
        for n in range(200):
            client.send_message(str(n), expect_reply=False)
        assert [int(server.receive_message(LIMIT)[1]) for _ in range(200)] == list(range(200))


def answer_once(context: Context, frames: list[bytes]) -> tuple[str, Callable[[], None]]:
    """Return the endpoint of a ROUTER that answers one request with *frames* behind the envelope."""
    socket = context.socket(zmq.ROUTER)
    socket.bind("tcp://127.0.0.1:*")
    socket.rcvtimeo = int(LIMIT * 1000)

    def run() -> None:
        with socket:
            envelope = socket.recv_multipart()[:-1]
            socket.send_multipart([*envelope, *frames])

    return socket.get_string(zmq.LAST_ENDPOINT), run


@pytest.mark.parametrize(
    ("frames", "words"),
    [([b"\xff\xfe"], "byte 0xff at 0, expected UTF-8"), ([b"a", b"b"], "several frames, expected 1")],
    ids=["not-utf-8", "two-frames"],
)
def test_an_invalid_reply_is_an_error(context: Context, frames: list[bytes], words: str, running: Running) -> None:
    endpoint, run = answer_once(context, frames)
    with (
        running(run),
        ZmqClientTransport.create(context, endpoint, LIMIT) as client,
        pytest.raises(TransportProtocolError, match=words),
    ):
        client.send_message("x")


def test_a_reply_over_the_limit_never_arrives(context: Context, server: ZmqServerTransport, running: Running) -> None:
    def answer() -> None:
        serve(server, lambda message: message * 2)

    with (
        running(answer),
        server,
        ZmqClientTransport.create(context, server.endpoint, 0.5, max_message_bytes=1000) as client,
    ):
        assert client.send_message("x" * 500, timeout=LIMIT) == "x" * 1000
        with pytest.raises(TransportTimeoutError):
            client.send_message("x" * 501)
        assert client.send_message("and on", timeout=LIMIT) == "and onand on"


def test_a_message_over_the_limit_is_refused_before_it_is_sent(context: Context, echo: ZmqServerTransport) -> None:
    with ZmqClientTransport.create(context, echo.endpoint, LIMIT, max_message_bytes=1000) as client:
        for expect_reply in (True, False):
            with pytest.raises(ValueError, match="message has 1001 bytes, expected at most 1000"):
                client.send_message("x" * 1001, expect_reply=expect_reply)
            with pytest.raises(ValueError, match="message has 1002 bytes"):
                client.send_message("ß" * 501, expect_reply=expect_reply)
        assert client.send_message("ß" * 500) == "ß" * 500


def test_a_server_that_is_there_and_does_not_answer_may_have_handled_it(
    context: Context, server: ZmqServerTransport
) -> None:
    with ZmqClientTransport.create(context, server.endpoint, 1) as client:
        with pytest.raises(TransportTimeoutError, match="the server may have handled the message") as caught:
            client.send_message("x")
        assert not isinstance(caught.value, TransportConnectionError)


def test_after_a_server_has_gone_it_is_not_sent_again(context: Context) -> None:
    """A socket that had a connection can't tell; the next call has one that never had."""
    endpoint = free_endpoint()
    with ZmqClientTransport.create(context, endpoint, LIMIT) as client:
        with ZmqServerTransport.create(context, endpoint) as server, ThreadPoolExecutor(1) as pool:
            reply = pool.submit(client.send_message, "x")
            server.send_reply(server.receive_message(LIMIT)[0], "y")
            assert reply.result(LIMIT) == "y"
        with pytest.raises(TransportTimeoutError):
            client.send_message("x", timeout=0.1)
        with pytest.raises(TransportConnectionError, match="was not sent"):
            client.send_message("x", timeout=0.1)


def test_a_context_that_is_destroyed_ends_the_calls(server: ZmqServerTransport, running: Running) -> None:
    context: Context = zmq.Context()
    client = ZmqClientTransport.create(context, server.endpoint, LIMIT)
    ended = threading.Event()

    def call() -> None:
        with pytest.raises(TransportClosedError):
            client.send_message("x")
        ended.set()

    with running(call):
        server.receive_message(LIMIT)
        context.term()
    assert ended.is_set()
    with pytest.raises(TransportClosedError):
        client.send_message("x")


def test_a_server_that_comes_later_is_found(context: Context, running: Running) -> None:
    endpoint = free_endpoint()
    with ZmqClientTransport.create(context, endpoint, LIMIT) as client:
        replies: list[str] = []
        with (
            running(lambda: replies.append(client.send_message("early"))),
            ZmqServerTransport.create(context, endpoint) as server,
        ):
            envelope, text = server.receive_message(LIMIT)
            server.send_reply(envelope, text)
        assert replies == ["early"]
