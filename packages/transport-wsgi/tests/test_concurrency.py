"""Contexts, several receivers, closing, giving up: what holds when many threads are at it."""

import contextlib
import gc
import logging
import queue
import random
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pytest

from transport_base import TransportClosedError, TransportContextError, TransportTimeoutError
from transport_wsgi import PendingReply, WsgiServerTransport

Ask = Callable[..., tuple[int, dict[str, str], bytes]]
Answering = Callable[..., AbstractContextManager[WsgiServerTransport]]


class Announced:
    """A queue that announces when somebody is about to wait on one of its kind."""

    waits = threading.Semaphore(0)

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.put = self._items.put
        self.qsize = self._items.qsize

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        self.waits.release()
        return self._items.get(block, timeout)


@pytest.fixture(autouse=True)
def nobody_waits_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Announced, "waits", threading.Semaphore(0))


def made_with_announced(**options: Any) -> WsgiServerTransport:
    transport = WsgiServerTransport(queue_class=Announced, **options)
    while Announced.waits.acquire(blocking=False):
        pass  # its constructor has tried a queue
    return transport


def await_waits(count: int) -> None:
    for _ in range(count):
        assert Announced.waits.acquire(timeout=10)


def test_replies_reach_the_requests_that_they_belong_to(ask: Ask, answering: Answering) -> None:
    def talk(number: int) -> None:
        for turn in range(50):
            message = f"{number}/{turn}".encode()
            assert ask(transport, message)[2] == message

    with (
        answering(WsgiServerTransport(), threads=4) as transport,
        ThreadPoolExecutor(16) as pool,
    ):
        for future in [pool.submit(talk, number) for number in range(16)]:
            future.result(60)


def test_contexts_can_be_answered_in_any_order_and_from_any_thread(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    with ThreadPoolExecutor(21) as pool:
        answers = {number: pool.submit(ask, transport, str(number).encode()) for number in range(20)}
        received = [transport.receive_message(timeout=10) for _ in answers]
        random.Random(1).shuffle(received)
        for context, message in received:
            pool.submit(transport.send_reply, context, f"re {message}").result(10)
        for number, answer in answers.items():
            assert answer.result(10)[2] == f"re {number}".encode()


def test_each_message_goes_to_exactly_one_receiver(ask: Ask) -> None:
    transport = WsgiServerTransport()
    taken: queue.SimpleQueue[str] = queue.SimpleQueue()

    def receive() -> None:
        with contextlib.suppress(TransportClosedError):
            while True:
                context, message = transport.receive_message()
                taken.put(message)
                transport.send_reply(context, message)

    with ThreadPoolExecutor(8) as receivers:
        for _ in range(8):
            receivers.submit(receive)
        with ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(ask, transport, str(number).encode()) for number in range(400)]
            assert [int(answer.result(60)[2]) for answer in answers] == list(range(400))
        transport.close()
    assert sorted(int(taken.get(block=False)) for _ in range(400)) == list(range(400))
    assert taken.empty()


def test_a_context_is_answered_exactly_once_when_threads_race(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    start = threading.Barrier(8)

    def reply(context: PendingReply, text: str) -> str | None:
        start.wait(10)
        try:
            transport.send_reply(context, text)
        except TransportContextError:
            return None
        return text

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(9) as pool:
            for _ in range(50):
                answer = pool.submit(ask, transport, b"hello")
                context, _ = transport.receive_message(timeout=10)
                racers = [pool.submit(reply, context, str(number)) for number in range(8)]
                [winner] = [text for racer in racers if (text := racer.result(10)) is not None]
                assert answer.result(10)[2] == winner.encode()
    finally:
        sys.setswitchinterval(interval)


def test_a_second_reply_is_a_context_error_and_nothing_is_sent(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, transport, b"hello")
        context, _ = transport.receive_message(timeout=10)
        transport.send_reply(context, "first")
        with pytest.raises(TransportContextError, match="answered or dropped before"):
            transport.send_reply(context, "second")
        assert answer.result(10)[2] == b"first"


def test_a_context_of_another_server_is_a_context_error_and_stays_open(ask: Ask) -> None:
    transport, other = WsgiServerTransport(reply_timeout=None), WsgiServerTransport()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, transport, b"hello")
        context, _ = transport.receive_message(timeout=10)
        with pytest.raises(TransportContextError, match="expected one that this server gave"):
            other.send_reply(context, "stray")
        transport.send_reply(context, "mine")
        assert answer.result(10)[2] == b"mine"


@pytest.mark.parametrize("context", [None, 42, "context", b"", [], object(), PendingReply()], ids=repr)
def test_what_is_no_context_is_a_context_error(context: Any) -> None:
    with pytest.raises(TransportContextError, match="expected one that this server gave"):
        WsgiServerTransport().send_reply(context, "hello")


def test_the_reply_is_judged_before_the_state_and_that_before_the_context() -> None:
    transport = WsgiServerTransport()
    transport.close()
    with pytest.raises(TypeError, match="reply is of type bytes, expected str"):
        transport.send_reply(PendingReply(), b"hello")  # type: ignore[arg-type]
    with pytest.raises(TransportClosedError):
        transport.send_reply(PendingReply(), "hello")


def test_a_reply_to_a_request_that_gave_up_returns_quietly(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    transport = WsgiServerTransport(reply_timeout=0.2)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, transport, b"hello")
        context, _ = transport.receive_message(timeout=10)
        assert answer.result(10)[0] == 504
        transport.send_reply(context, "too late")
    assert caplog.records[-1].levelno == logging.DEBUG
    with pytest.raises(TransportContextError):
        transport.send_reply(context, "again")


def test_a_message_whose_request_gave_up_is_not_delivered(ask: Ask) -> None:
    transport = WsgiServerTransport(reply_timeout=0.01)
    assert ask(transport, b"stale")[0] == 504
    assert ask(transport, b"fresh", HTTP_PREFER="respond-async")[0] == 202
    assert transport.receive_message(timeout=10)[1] == "fresh"
    with pytest.raises(TransportTimeoutError):
        transport.receive_message(timeout=0.01)


def test_requests_that_gave_up_leave_nothing_behind_without_any_receiver(ask: Ask) -> None:
    """A service whose receiving loop has died must not fill the memory."""
    inboxes: list[queue.SimpleQueue[Any]] = []

    def queue_class() -> queue.SimpleQueue[Any]:
        made: queue.SimpleQueue[Any] = queue.SimpleQueue()
        inboxes.append(made)
        del inboxes[1:]
        return made

    transport = WsgiServerTransport(reply_timeout=0.0001, max_pending=5, queue_class=queue_class)
    assert ask(transport, b"kept", HTTP_PREFER="respond-async")[0] == 202
    for _ in range(300):
        assert ask(transport, b"hello", validated=False)[0] == 504
    assert inboxes[0].qsize() < 100
    assert transport.receive_message(timeout=0)[1] == "kept"


def test_nothing_is_kept_of_requests_that_are_over(ask: Ask, answering: Answering) -> None:
    with answering(WsgiServerTransport()) as transport:
        for _ in range(100):
            ask(transport, b"hello")
        before = len(gc.get_objects())
        for _ in range(1000):
            ask(transport, b"hello")
        gc.collect()
        assert len(gc.get_objects()) < before + 500


def test_closing_wakes_waiting_requests_and_receivers(ask: Ask) -> None:
    transport = made_with_announced(reply_timeout=None)
    with ThreadPoolExecutor(16) as pool:
        received = [pool.submit(ask, transport, b"hello") for _ in range(4)]
        contexts = [transport.receive_message(timeout=10)[0] for _ in received]
        await_waits(8)
        receivers = [pool.submit(transport.receive_message) for _ in range(4)]
        await_waits(4)
        transport.close()
        for answer in received:
            status, headers, body = answer.result(10)
            assert status == 503
            assert "Retry-After" not in headers
            assert b"may have been handled" in body
        for receiver in receivers:
            assert isinstance(receiver.exception(10), TransportClosedError)
    with pytest.raises(TransportClosedError):
        transport.send_reply(contexts[0], "too late")


def test_closing_wakes_requests_that_nobody_has_received(ask: Ask) -> None:
    transport = made_with_announced(reply_timeout=None)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, transport, b"hello") for _ in range(4)]
        await_waits(4)
        transport.close()
        for answer in answers:
            status, headers, _ = answer.result(10)
            assert (status, headers["Retry-After"]) == (503, "1")


def test_a_closed_server_refuses_everything(ask: Ask) -> None:
    with WsgiServerTransport(max_pending=1) as transport:
        assert ask(transport, b"hello", HTTP_PREFER="respond-async")[0] == 202
    transport.close()
    for timeout in (None, 0, 5):
        with pytest.raises(TransportClosedError):
            transport.receive_message(timeout=timeout)
    for prefer in ("respond-async", "wait=1"):
        status, headers, _ = ask(transport, b"hello", HTTP_PREFER=prefer)
        assert status == 503
        assert headers["Retry-After"] == "1"


def test_closing_while_requests_pour_in_leaves_none_waiting(ask: Ask) -> None:
    for seed in range(20):
        transport = WsgiServerTransport(reply_timeout=None)
        start = threading.Barrier(9)

        def pour(transport: WsgiServerTransport = transport, start: threading.Barrier = start) -> list[int]:
            start.wait(10)
            return [ask(transport, b"hello", validated=False)[0] for _ in range(20)]

        def answer(transport: WsgiServerTransport = transport, seed: int = seed) -> None:
            with contextlib.suppress(TransportClosedError):
                for _ in range(seed):
                    transport.send_reply(transport.receive_message()[0], "hello")

        with ThreadPoolExecutor(9) as pool:
            pourers = [pool.submit(pour) for _ in range(8)]
            answerer = pool.submit(answer)
            start.wait(10)
            answerer.result(10)
            transport.close()
            for pourer in pourers:
                assert set(pourer.result(10)) <= {200, 503}


def test_a_handler_may_close_the_server(ask: Ask, answering: Answering) -> None:
    transport = WsgiServerTransport(reply_timeout=None)

    def handler(message: str) -> str:
        transport.close()
        return message

    with answering(transport, handler, threads=3):
        assert ask(transport, b"hello")[0] == 503


def test_close_can_interrupt_any_step_of_a_request(ask: Ask) -> None:
    """A signal handler runs in whatever the main thread does, also while that holds the lock."""

    def closed_at_step(number: int) -> bool:
        steps = 0

        class Closing(Announced):
            def get(self, block: bool = True, timeout: float | None = None) -> Any:
                # Reached before the step was: no step is left to close in. (The constructor gets without blocking.)
                if block and steps < number:
                    transport.close()
                return super().get(block, timeout)

        def trace(frame: Any, event: str, arg: Any) -> Any:
            nonlocal steps
            if "transport_wsgi" not in frame.f_code.co_filename:
                return None
            if event == "line":
                steps += 1
                if steps == number:
                    transport.close()
            return trace

        transport = WsgiServerTransport(reply_timeout=10, queue_class=Closing)
        previous = sys.gettrace()
        sys.settrace(trace)
        try:
            status = ask(transport, b"hello", validated=False)[0]
        finally:
            sys.settrace(previous)
        assert status == 503, f"closed at step {number}"
        return steps >= number

    last = 1
    while closed_at_step(last):
        last += 1
        assert last < 500
    assert last > 20
