"""What the contract suite does not ask: servers in other processes, what is logged, and a socket that is passed."""

import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest
from echo_servers import ECHO_SERVERS
from hypothesis import given, settings
from hypothesis import strategies as st
from interfaces import Client
from pairs import OpenPair, Pair, pairs_of_this_process
from tasks import DEADLINE, Tasks, tasks

from transport_base import TransportError, TransportTimeoutError, serve
from transport_base.contract import MESSAGES

PAIRS = pairs_of_this_process()

# Seconds for a call that is meant to time out.
SHORT = 0.3


@pytest.fixture(params=list(PAIRS.values()), ids=list(PAIRS))
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with cast("OpenPair", request.param)() as opened:
        yield opened


@pytest.fixture
def running(pair: Pair) -> Iterator[Tasks]:
    with tasks(pair.close) as started:
        yield started


@pytest.fixture(scope="module", params=list(ECHO_SERVERS))
def echo(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Yield a client of a server that answers each message with itself, in a process of its own."""
    with ECHO_SERVERS[request.param]() as client:
        yield client


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_any_message_and_reply_crosses_processes_as_it_was(echo: Client, message: str) -> None:
    assert echo.send_message(message) == message


def arrives_as_it_was(client: Client) -> None:
    @settings(max_examples=50, derandomize=True, deadline=None, database=None)
    @given(st.text())
    def arrives(text: str) -> None:
        assert client.send_message(text) == text

    arrives()


def test_any_text_that_hypothesis_thinks_of_crosses_processes_as_it_was(echo: Client) -> None:
    arrives_as_it_was(echo)


def test_any_text_that_hypothesis_thinks_of_arrives_as_it_was(pair: Pair, running: Tasks) -> None:
    """Also where several servers share the work."""
    workers = pair.more_workers()
    for server in [pair.server, *workers]:
        running.start(serve, server, str)
    arrives_as_it_was(pair.client())
    for worker in workers:
        worker.close()


def test_one_client_of_another_process_serves_many_threads(echo: Client) -> None:
    """Each gets the replies to its own messages."""

    def call(caller: int) -> None:
        for number in range(25):
            message = f"{caller}/{number}" * (1 + number % 3 * 100)
            assert echo.send_message(message) == message

    with tasks() as running:
        for done in [running.start(call, caller) for caller in range(8)]:
            done.result(DEADLINE)


def test_reply_to_a_client_that_has_gone_is_logged_at_debug(
    pair: Pair, running: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    client = pair.client(SHORT)
    call = running.start(client.send_message, "message")
    context, _ = pair.server.receive_message(DEADLINE)
    assert isinstance(call.exception(DEADLINE), TransportTimeoutError)
    client.close()
    with caplog.at_level(logging.DEBUG):
        caplog.clear()
        pair.server.send_reply(context, "too late")
    ours = [record for record in caplog.records if record.name.startswith("transport_")]
    assert all(record.levelno == logging.DEBUG for record in ours)


def test_handler_that_raises_is_logged_and_the_messages_are_not(
    pair: Pair, running: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    """Its traceback is in the log, the message and the reply are not; the client gets an error of ours."""

    def handler(message: str) -> str:
        if message == "bad message":
            raise RuntimeError("handler's own words")
        return "reply"

    serving = running.start(serve, pair.server, handler)
    with pytest.raises(TransportError):
        pair.client(SHORT).send_message("bad message")
    assert pair.client().send_message("good message") == "reply"
    assert not serving.done()
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert errors[0].exc_info is not None
    assert "handler's own words" in caplog.text
    assert "bad message" not in caplog.text.replace('message == "bad message"', "")
    assert "good message" not in caplog.text


def test_handler_that_returns_none_gives_the_empty_reply(
    pair: Pair, running: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    running.start(serve, pair.server, lambda _: None)
    assert pair.client().send_message("a notification") == ""
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("reply", [b"bytes", "\ud800"], ids=["bytes", "lone-surrogate"])
def test_handler_that_returns_an_invalid_reply_is_logged_and_does_not_end_the_loop(
    pair: Pair, running: Tasks, caplog: pytest.LogCaptureFixture, reply: Any
) -> None:
    serving = running.start(serve, pair.server, lambda message: reply if message == "bad" else message)
    with pytest.raises(TransportError):
        pair.client(SHORT).send_message("bad")
    assert pair.client().send_message("good") == "good"
    assert not serving.done()
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1


def test_calls_on_a_passed_socket_take_turns() -> None:
    with PAIRS["zmq-passed-sockets"]() as pair, tasks(pair.close) as running:
        client = pair.client()
        calls = {f"message {number}": running.start(client.send_message, f"message {number}") for number in range(4)}
        for _ in calls:
            context, message = pair.server.receive_message(DEADLINE)
            with pytest.raises(TransportTimeoutError):
                pair.server.receive_message(0.05)
            pair.server.send_reply(context, f"reply to {message}")
        for message, call in calls.items():
            assert call.result(DEADLINE) == f"reply to {message}"
