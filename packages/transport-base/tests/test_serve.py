import logging
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

from transport_base import (
    TransportClosedError,
    TransportConnectionError,
    TransportContextError,
    TransportTimeoutError,
    serve,
)

LIMIT = 10.0  # seconds that no wait here comes near to


class Slot:
    """A context: holds the reply, once there is one."""

    def __init__(self) -> None:
        self.replies: queue.SimpleQueue[str] = queue.SimpleQueue()


class QueueServer:
    """A server transport of the plainest kind; it inherits nothing."""

    def __init__(self) -> None:
        self.inbox: queue.SimpleQueue[tuple[Slot, str] | Exception] = queue.SimpleQueue()
        self.closings = 0

    def receive_message(self) -> tuple[Slot, str]:
        item = self.inbox.get(timeout=LIMIT)
        if isinstance(item, Exception):
            self.inbox.put(item)  # for the next thread that receives
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
        self.closings += 1
        self.inbox.put(TransportClosedError("server was closed, expected an open one"))


class DroppingQueueServer(QueueServer):
    """The same, with a way to give a message up."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped: queue.SimpleQueue[Slot] = queue.SimpleQueue()

    def drop(self, context: Slot) -> None:
        self.dropped.put(context)


class Unsendable(QueueServer):
    """A server whose replies fail."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def send_reply(self, context: Slot, reply: str) -> None:
        raise self.error


@contextmanager
def serving(server: QueueServer, handler: Callable[[str], str | None], **options: Any) -> Generator[threading.Thread]:
    thread = threading.Thread(target=serve, args=(server, handler), kwargs=options)
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


@pytest.mark.parametrize("reply", [b"bytes", 7, "\ud800"], ids=["bytes", "int", "lone-surrogate"])
def test_a_handler_that_returns_an_invalid_reply_is_logged_and_does_not_end_the_loop(
    reply: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = DroppingQueueServer()
    slot = Slot()
    with serving(server, lambda message: reply if message == "bad" else message):
        server.inbox.put((slot, "bad"))
        assert server.dropped.get(timeout=LIMIT) is slot
        assert server.ask("good") == "good"
    (record,) = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], (TypeError, ValueError))


def test_none_from_the_handler_gives_the_empty_reply_at_once() -> None:
    server = DroppingQueueServer()
    with serving(server, lambda _: None):
        assert server.ask("a notification") == ""
    assert server.dropped.empty()


def fail(message: str) -> str:
    raise RuntimeError(message)


def return_no_text(message: str) -> str:
    return "\ud800"


@pytest.mark.parametrize("handler", [fail, return_no_text])
def test_a_failed_message_is_dropped_once(handler: Callable[[str], str]) -> None:
    server = DroppingQueueServer()
    slot = Slot()
    with serving(server, handler):
        server.inbox.put((slot, "x"))
        assert server.dropped.get(timeout=LIMIT) is slot
    assert server.dropped.empty()


@pytest.mark.parametrize("handler", [fail, return_no_text])
def test_on_error_makes_the_reply_of_a_failed_handler(
    handler: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    server = DroppingQueueServer()
    seen: list[tuple[str, Exception]] = []

    def on_error(message: str, exception: Exception) -> str:
        seen.append((message, exception))
        return "failed"

    with serving(server, handler, on_error=on_error):
        assert server.ask("x") == "failed"
    assert server.dropped.empty()
    ((message, exception),) = seen
    assert message == "x"
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is exception


def raise_too(message: str, exception: Exception) -> str:
    raise KeyError(message)


def return_bytes(message: str, exception: Exception) -> Any:
    return b"bytes"


@pytest.mark.parametrize("on_error", [raise_too, return_bytes])
def test_a_message_is_dropped_when_on_error_fails_too(
    on_error: Callable[[str, Exception], str], caplog: pytest.LogCaptureFixture
) -> None:
    server = DroppingQueueServer()
    slot = Slot()
    with serving(server, fail, on_error=on_error):
        server.inbox.put((slot, "x"))
        assert server.dropped.get(timeout=LIMIT) is slot
        server.inbox.put((slot, "y"))
        assert server.dropped.get(timeout=LIMIT) is slot
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 4


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


@pytest.mark.parametrize("error", [TransportContextError("made up"), TransportConnectionError("made up")])
def test_an_error_of_the_server_as_it_replies_reaches_the_caller(error: Exception) -> None:
    server = Unsendable(error)
    server.inbox.put((Slot(), "x"))
    with pytest.raises(type(error)):
        serve(server, str.upper)


def test_a_server_that_was_closed_before_the_reply_ends_the_loop() -> None:
    server = Unsendable(TransportClosedError("made up"))
    server.inbox.put((Slot(), "x"))
    serve(server, str.upper)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_what_is_meant_to_end_the_program_ends_the_loop_and_drops_its_message(
    interrupt: type[BaseException], threads: int
) -> None:
    def handler(message: str) -> str:
        raise interrupt

    server = DroppingQueueServer()
    slot = Slot()
    server.inbox.put((slot, "x"))
    with pytest.raises(interrupt):
        serve(server, handler, threads=threads)
    assert server.dropped.get(timeout=LIMIT) is slot


def test_several_threads_handle_messages_side_by_side() -> None:
    """Each handler waits for the others."""
    server = QueueServer()
    together = threading.Barrier(4, timeout=LIMIT)

    def handler(message: str) -> str:
        together.wait()
        return message

    slots = [Slot() for _ in range(4)]
    with serving(server, handler, threads=4):
        for number, slot in enumerate(slots):
            server.inbox.put((slot, str(number)))
        assert [slot.replies.get(timeout=LIMIT) for slot in slots] == ["0", "1", "2", "3"]


def test_closing_the_server_ends_and_joins_every_thread() -> None:
    server = QueueServer()
    before = set(threading.enumerate())
    with serving(server, str.upper, threads=5):
        assert server.ask("x") == "X"
    assert set(threading.enumerate()) == before
    assert server.closings == 1  # another would cut short a close that drains


def test_a_failure_in_one_thread_ends_them_all_and_is_raised() -> None:
    server = QueueServer()
    server.inbox.put(TransportContextError("made up"))
    before = set(threading.enumerate())
    with pytest.raises(TransportContextError, match="made up"):
        serve(server, str.upper, threads=3)
    assert set(threading.enumerate()) == before


def test_a_failure_in_another_thread_than_the_callers_is_raised() -> None:
    server = QueueServer()
    caller = threading.get_ident()
    other_failed = threading.Event()

    def handler(message: str) -> str:
        if threading.get_ident() == caller:
            server.inbox.put((Slot(), message))  # until another thread gets it
            return message
        other_failed.set()
        raise SystemExit(3)

    server.inbox.put((Slot(), "x"))
    with pytest.raises(SystemExit) as raised:
        serve(server, handler, threads=2)
    assert other_failed.is_set()
    assert raised.value.code == 3


INTERRUPTED = """
import queue, signal, threading
from transport_base import TransportClosedError, serve

class Server:
    def __init__(self):
        self.inbox = queue.SimpleQueue()
    def receive_message(self):
        item = self.inbox.get()
        if item is None:
            self.inbox.put(None)
            raise TransportClosedError("closed")
        return item
    def send_reply(self, context, reply): ...
    def close(self):
        self.inbox.put(None)

signal.signal(signal.SIGINT, signal.default_int_handler)
server = Server()
together = threading.Barrier(3)

def handler(message):
    together.wait(10)
    if threading.current_thread() is threading.main_thread():
        signal.raise_signal(signal.SIGINT)
    return message

for number in range(3):
    server.inbox.put((number, "x"))
try:
    serve(server, handler, threads=3)
except KeyboardInterrupt:
    print("interrupted", threading.active_count())
"""


def test_ctrl_c_in_the_calling_thread_ends_and_joins_every_thread() -> None:
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.stderr) == ("interrupted 1\n", "")


class Endless:
    """A server that can't be closed."""

    def receive_message(self) -> tuple[int, str]:
        raise NotImplementedError

    def send_reply(self, context: int, reply: str) -> None:
        raise NotImplementedError


def test_several_threads_need_a_server_that_can_be_closed() -> None:
    with pytest.raises(TypeError, match=r"server of type Endless has no close\(\), expected one to end 2 threads"):
        serve(Endless(), str.upper, threads=2)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("threads", "error", "words"),
    [
        (0, ValueError, "threads is 0, expected 1 or more"),
        (-1, ValueError, "threads is -1, expected 1 or more"),
        (True, TypeError, "threads is of type bool, expected int"),
        (2.0, TypeError, "threads is of type float, expected int"),
    ],
)
def test_a_wrong_number_of_threads_is_an_error(threads: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        serve(QueueServer(), str.upper, threads=threads)
