import logging
import queue
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest

from transport_base import TransportClosedError, TransportContextError, TransportTimeoutError, serve

LIMIT = 10.0  # seconds that no wait here comes near to


class Slot:
    """A context: holds the reply, once there is one."""

    def __init__(self) -> None:
        self.replies: queue.SimpleQueue[str] = queue.SimpleQueue()


class QueueServer:
    """A server transport of the plainest kind; it inherits nothing."""

    def __init__(self) -> None:
        self.inbox: queue.SimpleQueue[tuple[Slot, str] | Exception] = queue.SimpleQueue()

    def receive_message(self) -> tuple[Slot, str]:
        item = self.inbox.get(timeout=LIMIT)
        if isinstance(item, Exception):
            raise item
        return item

    def send_reply(self, context: Slot, reply: str) -> None:
        str.encode(reply)  # TypeError or ValueError
        context.replies.put(reply)

    def ask(self, message: str) -> str:
        slot = Slot()
        self.inbox.put((slot, message))
        return slot.replies.get(timeout=LIMIT)

    def close(self) -> None:
        self.inbox.put(TransportClosedError("server was closed, expected an open one"))


@contextmanager
def serving(server: QueueServer, handler: Callable[[str], str]) -> Generator[threading.Thread]:
    thread = threading.Thread(target=serve, args=(server, handler))
    thread.start()
    try:
        yield thread
    finally:
        server.close()
        thread.join(LIMIT)
        assert not thread.is_alive()


def test_every_message_gets_its_reply() -> None:
    server = QueueServer()
    with serving(server, str.upper):
        assert [server.ask(word) for word in ("a", "", "ß")] == ["A", "", "SS"]


def test_closing_the_server_ends_the_loop() -> None:
    server = QueueServer()
    with serving(server, str.upper) as thread:
        server.close()
        thread.join(LIMIT)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "error", [ValueError("odd"), TransportClosedError("another transport's"), TransportTimeoutError("of a call within")]
)
def test_a_handler_that_raises_is_logged_and_does_not_end_the_loop(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(message: str) -> str:
        if message == "bad":
            raise error
        return message

    server = QueueServer()
    with caplog.at_level(logging.DEBUG), serving(server, handler):
        server.inbox.put((Slot(), "bad"))
        assert server.ask("good") == "good"
    (record,) = caplog.records
    assert record.name == "transport_base._serve"
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize("reply", [None, b"bytes", 7, "\ud800"], ids=["none", "bytes", "int", "lone-surrogate"])
def test_a_handler_that_returns_no_message_is_logged_and_does_not_end_the_loop(
    reply: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = QueueServer()
    with serving(server, lambda message: reply if message == "bad" else message):
        server.inbox.put((Slot(), "bad"))
        assert server.ask("good") == "good"
    assert "invalid reply" in caplog.text


def fail(message: str) -> str:
    raise RuntimeError(message)


def return_no_text(message: str) -> str:
    return "\ud800"


@pytest.mark.parametrize("handler", [fail, return_no_text])
def test_the_context_of_a_failed_message_is_let_go_at_once(
    handler: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    """That is how a transport learns that no reply will come, even while a log handler keeps the traceback."""
    server = QueueServer()
    slot = Slot()
    gone = threading.Event()
    weakref.finalize(slot, gone.set)
    with serving(server, handler):
        server.inbox.put((slot, "x"))
        del slot
        assert gone.wait(LIMIT)


def test_the_text_of_a_message_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    def handler(message: str) -> str:
        raise RuntimeError("handler is out of order")

    server = QueueServer()
    with caplog.at_level(logging.DEBUG), serving(server, handler):
        server.inbox.put((Slot(), "a secret"))
    assert "handler is out of order" in caplog.text
    assert "a secret" not in caplog.text


def test_an_error_of_the_server_itself_reaches_the_caller() -> None:
    server = QueueServer()
    server.inbox.put(TransportContextError("made up"))
    with pytest.raises(TransportContextError):
        serve(server, str.upper)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_what_is_meant_to_end_the_program_ends_the_loop(interrupt: type[BaseException]) -> None:
    def handler(message: str) -> str:
        raise interrupt

    server = QueueServer()
    server.inbox.put((Slot(), "x"))
    with pytest.raises(interrupt):
        serve(server, handler)


def test_the_context_is_let_go_even_while_what_ended_the_loop_is_kept() -> None:
    """As a future keeps it, with its traceback."""

    def handler(message: str) -> str:
        raise SystemExit

    server = QueueServer()
    slot = Slot()
    gone = threading.Event()
    weakref.finalize(slot, gone.set)
    server.inbox.put((slot, "x"))
    del slot
    with pytest.raises(SystemExit) as kept:
        serve(server, handler)
    assert gone.is_set()
    assert kept.tb is not None
