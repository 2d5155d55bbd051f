"""A graceful stop: what has arrived is handed out and answered, nothing new is let in."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pytest

from transport_base import TransportClosedError, serve
from transport_wsgi import WsgiServerTransport

Ask = Callable[..., tuple[int, dict[str, str], bytes]]
Answering = Callable[..., AbstractContextManager[WsgiServerTransport]]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.001)


def refuses(ask: Ask, transport: WsgiServerTransport) -> bool:
    return ask(transport, b"late", HTTP_PREFER="respond-async")[0] == 503


def test_what_has_arrived_is_received_and_answered(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    with ThreadPoolExecutor(12) as pool:
        answers = [pool.submit(ask, transport, str(number).encode()) for number in range(10)]
        in_hand, message = transport.receive_message(timeout=10)
        closing = pool.submit(transport.close, 30)
        until(lambda: refuses(ask, transport))
        serve(transport, lambda text: text)  # ends when all is received
        assert not closing.done()
        transport.send_reply(in_hand, message)
        closing.result(10)
        assert sorted(int(answer.result(10)[2]) for answer in answers) == list(range(10))
    with pytest.raises(TransportClosedError):
        transport.receive_message()


def test_new_requests_are_refused_with_retry_after_while_draining(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(ask, transport, b"x")
        context, _ = transport.receive_message(timeout=10)
        closing = pool.submit(transport.close, 30)
        until(lambda: refuses(ask, transport))
        status, headers, _ = ask(transport, b"late")
        assert (status, headers["Retry-After"]) == (503, "1")
        transport.send_reply(context, "x")
        closing.result(10)


def test_receivers_that_wait_end_as_soon_as_nothing_is_left_to_receive(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    with ThreadPoolExecutor(4) as pool:
        answer = pool.submit(ask, transport, b"x")
        context, _ = transport.receive_message(timeout=10)
        receivers = [pool.submit(transport.receive_message) for _ in range(2)]
        closing = pool.submit(transport.close, 30)
        for receiver in receivers:
            assert isinstance(receiver.exception(10), TransportClosedError)
        transport.send_reply(context, "done")
        closing.result(10)
        assert answer.result(10)[2] == b"done"


def test_a_one_way_message_is_waited_for_as_well(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    assert ask(transport, b"x", HTTP_PREFER="respond-async")[0] == 202
    with ThreadPoolExecutor(1) as pool:
        context, _ = transport.receive_message(timeout=10)
        closing = pool.submit(transport.close, 30)
        until(lambda: refuses(ask, transport))
        assert not closing.done()
        transport.drop(context)
        closing.result(10)


def test_a_forgotten_one_way_message_is_waited_for_no_longer_than_a_reply(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=0.01)
    for _ in range(3):
        assert ask(transport, b"x", HTTP_PREFER="respond-async")[0] == 202
        transport.receive_message(timeout=10)
    until(lambda: ask(transport, b"y")[0] == 504)
    assert ask(transport, b"x", HTTP_PREFER="respond-async")[0] == 202
    context, _ = transport.receive_message(timeout=10)
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(transport.close, 30)
        until(lambda: refuses(ask, transport))
        transport.send_reply(context, "x")
        closing.result(10)


def test_when_the_time_is_up_each_request_learns_what_became_of_its_message(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    with ThreadPoolExecutor(2) as pool:
        in_hand = pool.submit(ask, transport, b"in hand")
        transport.receive_message(timeout=10)
        unreceived = pool.submit(ask, transport, b"unreceived")
        assert ask(transport, b"", HTTP_PREFER="respond-async")[0] == 202
        transport.close(drain=0.05)
        status, headers, body = in_hand.result(10)
        assert (status, "Retry-After" in headers, b"may have been handled" in body) == (503, False, True)
        status, headers, body = unreceived.result(10)
        assert (status, "Retry-After" in headers, b"may have been handled" in body) == (503, True, False)


def test_a_second_close_cuts_the_wait_short(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(ask, transport, b"x")
        transport.receive_message(timeout=10)
        closing = pool.submit(transport.close, 1e9)
        until(lambda: refuses(ask, transport))
        transport.close()
        closing.result(10)
        assert answer.result(10)[0] == 503


def test_draining_with_nothing_to_wait_for_returns_at_once() -> None:
    transport = WsgiServerTransport()
    transport.close(drain=1e9)
    transport.close(drain=1e9)


@pytest.mark.parametrize("stop", range(20))
def test_no_call_is_lost_by_a_stop_under_load(ask: Ask, answering: Answering, stop: int) -> None:
    """Each request gets its reply, or a status that says that its message was never received."""
    handled: list[str] = []

    def handler(message: str) -> str:
        handled.append(message)
        return message

    transport = WsgiServerTransport(reply_timeout=None)
    start = threading.Barrier(9)

    def talk(number: int) -> tuple[list[str], list[tuple[int, bool]]]:
        answered: list[str] = []
        start.wait(10)
        for turn in range(1000):
            status, headers, body = ask(transport, f"{number}/{turn}".encode(), validated=False)
            if status != 200:
                return answered, [(status, "Retry-After" in headers)]
            answered.append(body.decode())
        return answered, []

    with answering(transport, handler, threads=3), ThreadPoolExecutor(8) as pool:
        talks = [pool.submit(talk, number) for number in range(8)]
        start.wait(10)
        until(lambda: len(handled) > 5 * stop)
        transport.close(drain=30)
        results = [talking.result(30) for talking in talks]
    assert {outcome for _, outcomes in results for outcome in outcomes} <= {(503, True)}
    assert sorted(message for answered, _ in results for message in answered) == sorted(handled)


@pytest.mark.parametrize(
    ("drain", "error", "words"),
    [
        (-1, ValueError, "drain is -1, expected 0 or more seconds"),
        (float("nan"), ValueError, "drain is nan, expected 0 or more seconds"),
        ("5", TypeError, "drain is of type str, expected a number of seconds"),
        (None, TypeError, "drain is of type NoneType, expected a number of seconds"),
        (True, TypeError, "drain is of type bool, expected a number of seconds"),
    ],
)
def test_a_wrong_drain_is_an_error_and_closes_nothing(ask: Ask, drain: Any, error: type[Exception], words: str) -> None:
    transport = WsgiServerTransport()
    with pytest.raises(error, match=words):
        transport.close(drain)
    assert ask(transport, b"x", HTTP_PREFER="respond-async")[0] == 202
