"""Wrong arguments: each is named at construction, with the value seen and the value wanted."""

import copy
import math
import multiprocessing
import pickle
import queue
from collections.abc import Callable
from typing import Any, cast

import pytest

from transport_base import TransportClosedError, TransportTimeoutError
from transport_wsgi import WsgiServerTransport


class Stack:
    """Last in, first out."""

    def __init__(self, maxsize: int = 0) -> None:
        self.maxsize = maxsize
        self._items: list[Any] = []

    def put(self, item: Any) -> None:
        self._items.append(item)

    def get(self, block: bool, timeout: float | None) -> Any:
        return self._items.pop()

    def qsize(self) -> int:
        return len(self._items)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_content_length", "64"),
        ("max_content_length", 1.5),
        ("max_content_length", True),
        ("max_content_length", None),
        ("max_pending", "1"),
        ("max_pending", None),
        ("reply_timeout", "60"),
        ("reply_timeout", False),
        ("allow_origin", 42),
        ("allow_origin", b"https://example.com"),
        ("allow_origin", [b"https://example.com"]),
        ("allow_origin", [None]),
        ("allow_headers", "Authorization"),
        ("allow_headers", None),
        ("allow_headers", [b"Authorization"]),
        ("max_pending_bytes", None),
        ("max_pending_bytes", 1.5),
        ("content_type", None),
        ("content_type", b"text/plain"),
        ("queue_class", None),
        ("queue_class", "queue.Queue"),
        ("queue_class", dict[str, str]),
        ("queue_class", int),
        ("queue_class", WsgiServerTransport()),
    ],
)
def test_an_argument_of_the_wrong_type_is_a_type_error(option: str, value: Any) -> None:
    with pytest.raises(TypeError, match=option) as caught:
        WsgiServerTransport(**{option: value})
    assert "expected" in str(caught.value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_content_length", 0),
        ("max_content_length", -1),
        ("max_pending", 0),
        ("max_pending_bytes", 0),
        ("allow_headers", ["X-Good", "X Bad"]),
        ("allow_headers", [""]),
        ("allow_headers", ["X: y\r\nZ"]),
        ("reply_timeout", 0),
        ("reply_timeout", -1.0),
        ("reply_timeout", math.nan),
        ("content_type", ""),
        ("content_type", "text/plain\r\nX: y"),
        ("content_type", "text/plain\0"),
        ("content_type", "text/plän"),
    ],
)
def test_an_argument_with_a_wrong_value_is_a_value_error(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=option) as caught:
        WsgiServerTransport(**{option: value})
    seen: object = cast("list[object]", value)[-1] if isinstance(value, list) else value
    assert str(seen) in str(caught.value) or repr(seen) in str(caught.value)
    assert "expected" in str(caught.value)


@pytest.mark.parametrize(
    ("queue_class", "words"),
    [
        pytest.param(queue.Queue, "can deadlock in a signal handler, expected queue.SimpleQueue", id="Queue"),
        pytest.param(queue.PriorityQueue, "can deadlock in a signal handler", id="PriorityQueue"),
        pytest.param(queue.LifoQueue, "can deadlock in a signal handler", id="LifoQueue"),
        pytest.param(Stack, "oldest first, expected a queue within one process", id="stack"),
        pytest.param(lambda: Stack(10), "with a maxsize, expected a queue whose put", id="bounded"),
        pytest.param(multiprocessing.Queue, "oldest first, expected a queue within one process", id="multiprocessing"),
    ],
)
def test_queues_that_will_not_do_are_refused_with_the_reason(queue_class: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        WsgiServerTransport(queue_class=queue_class)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"])
def test_a_transport_cannot_be_copied(copied: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="cannot be copied or pickled: make another one"):
        copied(WsgiServerTransport())


def test_a_misspelt_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="max_length"):
        WsgiServerTransport(max_length=5)  # type: ignore[call-arg]


@pytest.mark.parametrize("timeout", [-1, -0.001, math.nan, -math.inf])
def test_receive_message_refuses_a_timeout_that_is_no_time(timeout: float) -> None:
    with pytest.raises(ValueError, match=f"timeout is {timeout}, expected 0 or more"):
        WsgiServerTransport().receive_message(timeout=timeout)


@pytest.mark.parametrize("timeout", ["1", True, [1]])
def test_receive_message_refuses_a_timeout_that_is_no_number(timeout: Any) -> None:
    with pytest.raises(TypeError, match="timeout is of type"):
        WsgiServerTransport().receive_message(timeout=timeout)


@pytest.mark.parametrize("timeout", [0, 0.0, 0.01])
def test_receive_message_times_out_without_a_message(timeout: float) -> None:
    with pytest.raises(TransportTimeoutError, match=f"no message within {timeout} s"):
        WsgiServerTransport().receive_message(timeout=timeout)


@pytest.mark.parametrize("seconds", [math.inf, 1e300, 10**12], ids=["inf", "1e300", "10**12"])
def test_times_beyond_what_a_wait_can_last_are_for_ever(seconds: float) -> None:
    transport = WsgiServerTransport(reply_timeout=seconds)
    transport.close()
    with pytest.raises(TransportClosedError):
        transport.receive_message(timeout=seconds)
