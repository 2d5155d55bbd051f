"""
The contract: each sentence of it that no single wire owns is a test here, and every pair passes them all.

Nothing here knows what is between client and server, or whether threads are greenlets.
"""

import logging
import pickle
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_all
from contextlib import ExitStack
from typing import Any, cast

import pytest
from echo_servers import ECHO_SERVERS
from hypothesis import given, settings
from hypothesis import strategies as st
from interfaces import Client
from pairs import OpenPair, Pair, pairs_of_this_process
from tasks import DEADLINE, Tasks, tasks

from transport_base import (
    TransportClosedError,
    TransportContextError,
    TransportError,
    TransportTimeoutError,
    serve,
)

PAIRS = pairs_of_this_process()

# Seconds that a call may take beyond its timeout, and until close() has woken all that wait.
GRACE = 1.0

# Seconds for a call that is meant to time out, once its message has arrived.
SHORT = 0.3

MESSAGES = {
    "empty": "",
    "nul": "\0",
    "nul-within": "before\0after",
    "crlf": "\r\n",
    "cr": "\r",
    "lf": "\n",
    "lines": "one\ntwo\r\nthree\n",
    "blanks": "  \t ",
    "bom": "\ufeffafter a byte order mark",
    "astral": "\U0001d11e\U0001f600",
    "combining": "e\u0301 is not \u00e9",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "looks-like-http": "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "1-MiB": "x" * 2**20,
    "1-MiB-astral": "\U0001f600" * 2**18,
}

NO_TEXT = {"none": None, "bytes": b"bytes", "bytearray": bytearray(b"x"), "number": 1, "list": ["text"]}

LONE_SURROGATES = {"high": "\ud800", "low": "a\udfff", "reversed": "\udc00\ud800 text"}


def no_text() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("value", NO_TEXT.values(), ids=NO_TEXT)


def lone_surrogates() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("text", LONE_SURROGATES.values(), ids=LONE_SURROGATES)


@pytest.fixture(params=list(PAIRS.values()), ids=list(PAIRS))
def open_pair(request: pytest.FixtureRequest) -> OpenPair:
    return cast("OpenPair", request.param)


@pytest.fixture
def pair(open_pair: OpenPair) -> Iterator[Pair]:
    before = set(threading.enumerate())
    with open_pair() as opened:
        yield opened
    # Each pair ends with a look at what it has left. (Who logs in a greenlet gets an entry as a "Dummy" thread.)
    for thread in set(threading.enumerate()) - before:
        if not thread.name.startswith("Dummy"):
            thread.join(DEADLINE)
            assert not thread.is_alive(), f"{thread.name} left behind"


@pytest.fixture
def running(pair: Pair) -> Iterator[Tasks]:
    with tasks(pair.close) as started:
        yield started


@pytest.fixture(scope="module", params=[*PAIRS, *ECHO_SERVERS])
def echo(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Yield a client of a server that answers each message with itself, maybe in a process of its own."""
    with ExitStack() as opened:
        if request.param in ECHO_SERVERS:
            yield opened.enter_context(ECHO_SERVERS[request.param]())
            return
        pair = opened.enter_context(PAIRS[request.param]())
        workers = [pair.server, *pair.more_workers()]
        running = opened.enter_context(tasks(pair.close, *[worker.close for worker in workers]))
        for worker in workers:
            running.start(serve, worker, str)
        yield pair.client()


def asked(running: Tasks, pair: Pair, client: Client, message: str = "message") -> tuple["Future[str]", Any]:
    """Send *message* in a task; return the call, and the context that the server has got."""
    call: Future[str] = running.start(client.send_message, message)
    context, received = pair.server.receive_message(DEADLINE)
    assert received == message
    return call, context


def works(running: Tasks, pair: Pair, client: Client) -> None:
    """Show that *client* gets the reply to its message, and no other."""
    call, context = asked(running, pair, client, "still there?")
    pair.server.send_reply(context, "still here")
    assert call.result(DEADLINE) == "still here"


# --- messages


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_any_message_and_reply_arrives_as_it_was(echo: Client, message: str) -> None:
    assert echo.send_message(message) == message


def test_any_text_that_hypothesis_thinks_of_arrives_as_it_was(echo: Client) -> None:
    @settings(max_examples=50, derandomize=True, deadline=None, database=None)
    @given(st.text())
    def arrives(text: str) -> None:
        assert echo.send_message(text) == text

    arrives()


@no_text()
def test_message_that_is_no_str_is_a_type_error_and_is_not_sent(pair: Pair, running: Tasks, value: Any) -> None:
    client = pair.client()
    for expect_reply in (True, False):
        with pytest.raises(TypeError, match="str"):
            client.send_message(value, expect_reply=expect_reply)
    works(running, pair, client)


@lone_surrogates()
def test_message_without_utf8_form_is_a_value_error_and_is_not_sent(pair: Pair, running: Tasks, text: str) -> None:
    client = pair.client()
    for expect_reply in (True, False):
        with pytest.raises(ValueError, match=r"."):
            client.send_message(text, expect_reply=expect_reply)
    works(running, pair, client)


@no_text()
def test_reply_that_is_no_str_is_a_type_error_and_can_be_given_again(pair: Pair, running: Tasks, value: Any) -> None:
    call, context = asked(running, pair, pair.client())
    with pytest.raises(TypeError, match="str"):
        pair.server.send_reply(context, value)
    pair.server.send_reply(context, "right")
    assert call.result(DEADLINE) == "right"


@lone_surrogates()
def test_reply_without_utf8_form_is_a_value_error_and_can_be_given_again(pair: Pair, running: Tasks, text: str) -> None:
    call, context = asked(running, pair, pair.client())
    with pytest.raises(ValueError, match=r"."):
        pair.server.send_reply(context, text)
    pair.server.send_reply(context, "right")
    assert call.result(DEADLINE) == "right"


def test_one_client_serves_many_threads(echo: Client) -> None:
    """Each gets the replies to its own messages."""

    def call(caller: int) -> None:
        for number in range(25):
            message = f"{caller}/{number}" * (1 + number % 3 * 100)
            assert echo.send_message(message) == message

    with tasks() as running:
        for done in [running.start(call, caller) for caller in range(8)]:
            done.result(DEADLINE)


# --- contexts and replies


def test_context_is_answered_exactly_once(pair: Pair, running: Tasks) -> None:
    """A second reply is an error, reaches nobody, and disturbs no later call."""
    client = pair.client()
    call, context = asked(running, pair, client)
    pair.server.send_reply(context, "first")
    with pytest.raises(TransportContextError):
        pair.server.send_reply(context, "second")
    assert call.result(DEADLINE) == "first"
    works(running, pair, client)
    with pytest.raises(TransportContextError):
        pair.server.send_reply(context, "third")


def test_only_one_of_many_threads_answers_a_context(pair: Pair, running: Tasks) -> None:
    call, context = asked(running, pair, pair.client())
    replies = [running.start(pair.server.send_reply, context, f"reply {number}") for number in range(8)]
    wait_for_all(replies, DEADLINE)
    given_by = [number for number, reply in enumerate(replies) if reply.exception(DEADLINE) is None]
    assert len(given_by) == 1
    assert call.result(DEADLINE) == f"reply {given_by[0]}"
    assert {type(reply.exception()) for reply in replies} == {type(None), TransportContextError}


def test_context_of_another_server_is_an_error_and_nothing_is_sent(
    pair: Pair, running: Tasks, open_pair: OpenPair
) -> None:
    call, context = asked(running, pair, pair.client())
    with open_pair() as other, tasks(other.close), pytest.raises(TransportContextError):
        other.server.send_reply(context, "not mine")
    pair.server.send_reply(context, "mine")
    assert call.result(DEADLINE) == "mine"


@pytest.mark.parametrize("context", [None, 42, object(), "context", []], ids=repr)
def test_object_that_is_no_context_is_a_context_error(pair: Pair, context: Any) -> None:
    with pytest.raises(TransportContextError):
        pair.server.send_reply(context, "reply")


def test_contexts_are_answered_in_any_order(pair: Pair, running: Tasks) -> None:
    calls: dict[str, Future[str]] = {}
    contexts: dict[str, Any] = {}
    for number in range(6):
        message = f"message {number}"
        calls[message], contexts[message] = asked(running, pair, pair.client(), message)
    for message, context in reversed(contexts.items()):
        pair.server.send_reply(context, f"reply to {message}")
    for message, call in calls.items():
        assert call.result(DEADLINE) == f"reply to {message}"


def test_replies_come_from_any_thread_while_another_waits_for_messages(pair: Pair, running: Tasks) -> None:
    contexts = [asked(running, pair, pair.client(), f"message {number}") for number in range(4)]
    waiting = running.start(pair.server.receive_message)
    replies = [
        running.start(pair.server.send_reply, context, f"reply {number}")
        for number, (_, context) in enumerate(contexts)
    ]
    for number, (call, _) in enumerate(contexts):
        assert call.result(DEADLINE) == f"reply {number}"
    assert [reply.result(DEADLINE) for reply in replies] == [None] * 4
    assert not waiting.done()
    last = running.start(pair.client().send_message, "for the one that waits")
    context, message = waiting.result(DEADLINE)
    assert message == "for the one that waits"
    pair.server.send_reply(context, "at last")
    assert last.result(DEADLINE) == "at last"


def test_reply_to_a_client_that_has_gone_is_no_error(
    pair: Pair, running: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    client = pair.client(SHORT)
    call, context = asked(running, pair, client)
    assert isinstance(call.exception(DEADLINE), TransportTimeoutError)
    client.close()
    with caplog.at_level(logging.DEBUG):
        caplog.clear()
        pair.server.send_reply(context, "too late")
    ours = [record for record in caplog.records if record.name.startswith("transport_")]
    assert all(record.levelno == logging.DEBUG for record in ours)
    works(running, pair, pair.client())


# --- clients


def test_call_without_a_reply_ends_in_time(pair: Pair) -> None:
    client = pair.client(SHORT)
    start = time.monotonic()
    with pytest.raises(TransportTimeoutError) as caught:
        client.send_message("message")
    assert time.monotonic() - start < SHORT + GRACE
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, TransportError)


def test_client_works_again_after_a_timeout(pair: Pair, running: Tasks) -> None:
    client = pair.client(SHORT)
    call, _ = asked(running, pair, client)
    assert isinstance(call.exception(DEADLINE), TransportTimeoutError)
    works(running, pair, client)


def test_late_reply_is_not_taken_for_the_next_one(pair: Pair, running: Tasks) -> None:
    client = pair.client(SHORT)
    late: list[Any] = []
    for _ in range(2):
        call, context = asked(running, pair, client, "slow")
        assert isinstance(call.exception(DEADLINE), TransportTimeoutError)
        late.append(context)
    call, context = asked(running, pair, client, "quick")
    for slow in late:
        pair.server.send_reply(slow, "reply to slow")
    pair.server.send_reply(context, "reply to quick")
    assert call.result(DEADLINE) == "reply to quick"
    works(running, pair, client)


def test_message_is_delivered_once(pair: Pair, running: Tasks) -> None:
    """Nothing tries a message again, however long its reply takes."""
    client = pair.client(SHORT)
    call, _ = asked(running, pair, client, "once")
    assert isinstance(call.exception(DEADLINE), TransportTimeoutError)
    with pytest.raises(TransportTimeoutError):
        pair.server.receive_message(0.2)


# --- one-way messages


def test_one_way_message_arrives_and_gives_nothing(pair: Pair, running: Tasks) -> None:
    client = pair.client()
    sending = running.start(client.send_message, "one way", expect_reply=False)
    _, message = pair.server.receive_message(DEADLINE)
    assert message == "one way"
    assert sending.result(DEADLINE) is None


@pytest.mark.parametrize("replies", [True, False], ids=["answered", "unanswered"])
def test_one_way_messages_do_not_disturb_later_calls(pair: Pair, running: Tasks, replies: bool) -> None:
    client = pair.client()
    for number in range(5):
        sending = running.start(client.send_message, f"one way {number}", expect_reply=False)
        context, message = pair.server.receive_message(DEADLINE)
        assert message == f"one way {number}"
        assert sending.result(DEADLINE) is None
        if replies:
            pair.server.send_reply(context, "nobody wants to know")
    works(running, pair, client)
    works(running, pair, client)


def test_one_way_message_needs_nobody_that_receives(pair: Pair) -> None:
    client = pair.client()
    for _ in range(3):
        client.send_message("one way", expect_reply=False)
    assert [pair.server.receive_message(DEADLINE)[1] for _ in range(3)] == ["one way"] * 3


def test_close_right_after_a_one_way_message_still_delivers_it(pair: Pair) -> None:
    for number in range(10):
        client = pair.client()
        client.send_message(f"one way {number}", expect_reply=False)
        client.close()
    arrived = {pair.server.receive_message(DEADLINE)[1] for _ in range(10)}
    assert arrived == {f"one way {number}" for number in range(10)}


# --- concurrency


def test_each_message_goes_to_exactly_one_of_several_receivers(pair: Pair, running: Tasks) -> None:
    received: list[str] = []

    def receive_and_answer() -> None:
        try:
            while True:
                context, message = pair.server.receive_message()
                received.append(message)
                pair.server.send_reply(context, f"reply to {message}")
        except TransportClosedError:
            return

    receivers = [running.start(receive_and_answer) for _ in range(4)]

    def call(client: Client, caller: int) -> None:
        for number in range(20):
            message = f"{caller}/{number}"
            assert client.send_message(message) == f"reply to {message}"

    callers = [running.start(call, pair.client(), caller) for caller in range(4)]
    for caller in callers:
        caller.result(DEADLINE)
    assert Counter(received) == {f"{caller}/{number}": 1 for caller in range(4) for number in range(20)}
    pair.server.close()
    for receiver in receivers:
        receiver.result(DEADLINE)


def test_calls_of_one_client_run_side_by_side(pair: Pair, running: Tasks) -> None:
    """The server holds four calls at once before it answers the first (a passed socket: they take turns)."""
    client = pair.client()
    calls = {f"message {number}": running.start(client.send_message, f"message {number}") for number in range(4)}
    contexts: dict[str, Any] = {}
    if pair.takes_turns:
        for _ in calls:
            context, message = pair.server.receive_message(DEADLINE)
            with pytest.raises(TransportTimeoutError):
                pair.server.receive_message(0.05)
            pair.server.send_reply(context, f"reply to {message}")
    else:
        while len(contexts) < 4:
            context, message = pair.server.receive_message(DEADLINE)
            contexts[message] = context
        for message, context in contexts.items():
            pair.server.send_reply(context, f"reply to {message}")
    for message, call in calls.items():
        assert call.result(DEADLINE) == f"reply to {message}"


def test_close_from_another_thread_wakes_every_receiver(pair: Pair, running: Tasks) -> None:
    receivers = [running.start(pair.server.receive_message) for _ in range(3)]
    # Shows that they wait, one of them inside the wire: it can take this message.
    client = pair.client()
    sending = running.start(client.send_message, "for one of them")
    taken = take_first(receivers)
    pair.server.send_reply(taken[0], "reply")
    sending.result(DEADLINE)
    receivers.append(running.start(pair.server.receive_message))
    start = time.monotonic()
    pair.server.close()
    ends = [receiver.exception(DEADLINE) for receiver in receivers]
    assert time.monotonic() - start < GRACE
    assert [type(end) for end in ends] == [TransportClosedError] * 3


def take_first(receivers: "list[Future[tuple[Any, str]]]") -> tuple[Any, str]:
    """Wait for one of *receivers* to have a message; take it from the list."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        for receiver in receivers:
            if receiver.done():
                receivers.remove(receiver)
                return receiver.result()
        time.sleep(0.001)
    raise AssertionError("nobody received the message")


def test_close_from_another_thread_wakes_every_caller(pair: Pair, running: Tasks) -> None:
    client = pair.client()
    calls = [running.start(client.send_message, f"message {number}") for number in range(3)]
    # Held, because a server may notify the client of a context that was dropped.
    contexts = [pair.server.receive_message(DEADLINE) for _ in range(1 if pair.takes_turns else 3)]
    start = time.monotonic()
    client.close()
    ends = [call.exception(DEADLINE) for call in calls]
    assert time.monotonic() - start < GRACE
    assert [type(end) for end in ends] == [TransportClosedError] * 3
    assert contexts


# --- receiving


def test_receiving_ends_in_time_when_no_message_comes(pair: Pair) -> None:
    for timeout in (0, 0.0, 0.1):
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError):
            pair.server.receive_message(timeout)
        assert timeout <= time.monotonic() - start + 0.02
        assert time.monotonic() - start < timeout + GRACE


def test_receiving_works_after_it_timed_out(pair: Pair, running: Tasks) -> None:
    with pytest.raises(TransportTimeoutError):
        pair.server.receive_message(0.01)
    works(running, pair, pair.client())


@pytest.mark.parametrize("timeout", [-1, -0.5, float("nan")], ids=repr)
def test_timeout_out_of_range_is_a_value_error(pair: Pair, timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        pair.server.receive_message(timeout)


# --- closing


def test_closed_server_refuses_every_call(pair: Pair, running: Tasks) -> None:
    _, context = asked(running, pair, pair.client(SHORT))
    pair.server.close()
    for _ in range(2):
        with pytest.raises(TransportClosedError):
            pair.server.receive_message()
        with pytest.raises(TransportClosedError):
            pair.server.receive_message(0)
        with pytest.raises(TransportClosedError):
            pair.server.send_reply(context, "too late")


def test_closed_client_refuses_every_call(pair: Pair) -> None:
    client = pair.client()
    client.close()
    for expect_reply in (True, False):
        with pytest.raises(TransportClosedError):
            client.send_message("too late", expect_reply=expect_reply)


def test_closing_again_does_nothing(pair: Pair) -> None:
    client = pair.client()
    for _ in range(3):
        client.close()
        pair.server.close()


def test_closing_from_several_threads_at_once_is_safe(pair: Pair, running: Tasks) -> None:
    client = pair.client()
    closing: list[Callable[[], None]] = [client.close, pair.server.close] * 4
    closed = [running.start(close) for close in closing]
    assert [done.result(DEADLINE) for done in closed] == [None] * 8


def test_leaving_a_with_block_closes(pair: Pair) -> None:
    client = pair.client()
    with pair.server as server, client as entered:
        assert server is pair.server
        assert entered is client
    with pytest.raises(TransportClosedError):
        pair.server.receive_message(0)
    with pytest.raises(TransportClosedError):
        client.send_message("too late")


def test_client_outlives_the_other_clients(pair: Pair, running: Tasks) -> None:
    stays, leaves = pair.client(), pair.client()
    works(running, pair, leaves)
    leaves.close()
    works(running, pair, stays)


# --- serve


def test_handler_that_raises_is_logged_and_does_not_end_the_loop(
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


def test_serve_ends_when_the_server_is_closed_from_outside(pair: Pair, running: Tasks) -> None:
    serving = [running.start(serve, pair.server, str) for _ in range(3)]
    assert pair.client().send_message("message") == "message"
    pair.server.close()
    assert [loop.result(DEADLINE) for loop in serving] == [None] * 3


def test_serve_ends_when_the_handler_closes_the_server(pair: Pair, running: Tasks) -> None:
    def handler(message: str) -> str:
        pair.server.close()
        return message

    serving = running.start(serve, pair.server, handler)
    with pytest.raises(TransportError):
        pair.client(SHORT).send_message("close!")
    assert serving.result(DEADLINE) is None


# --- errors


def test_errors_survive_pickle(pair: Pair, running: Tasks) -> None:
    """Type, arguments and words stay, so that they cross process boundaries."""
    call, context = asked(running, pair, pair.client(SHORT))
    caught = [call.exception(DEADLINE)]
    with pytest.raises(TransportContextError) as wrong:
        pair.server.send_reply(cast("Any", None), "reply")
    with pytest.raises(TransportTimeoutError) as nothing:
        pair.server.receive_message(0)
    pair.close()
    with pytest.raises(TransportClosedError) as receiving:
        pair.server.receive_message()
    with pytest.raises(TransportClosedError) as replying:
        pair.server.send_reply(context, "reply")
    with pytest.raises(TransportClosedError) as sending:
        pair.clients[0].send_message("message")
    for error in [*caught, *[each.value for each in (wrong, nothing, receiving, replying, sending)]]:
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert str(copy) == str(error)
        assert isinstance(copy, TransportError)
