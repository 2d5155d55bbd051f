"""Wrong arguments: each is named at construction, with the value seen and the value wanted."""

import math
from typing import Any

import pytest

from transport_base import TransportClosedError, TransportTimeoutError
from transport_wsgi import WsgiServerTransport


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
    assert str(value) in str(caught.value) or repr(value) in str(caught.value)
    assert "expected" in str(caught.value)


def test_a_misspelt_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="max_length"):
        WsgiServerTransport(max_length=5)  # type: ignore[call-arg]


@pytest.mark.parametrize("timeout", [-1, -0.001, math.nan, -math.inf])
def test_receive_message_refuses_a_timeout_that_is_no_time(timeout: float) -> None:
    with pytest.raises(ValueError, match=f"timeout is {timeout}, expected 0 or more"):
        WsgiServerTransport().receive_message(timeout=timeout)


@pytest.mark.parametrize("timeout", ["1", True, [1]])
def test_receive_message_refuses_a_timeout_that_is_no_number(timeout: Any) -> None:
    with pytest.raises(TypeError, match="timeout is a"):
        WsgiServerTransport().receive_message(timeout=timeout)


@pytest.mark.parametrize("timeout", [0, 0.0, 0.01])
def test_receive_message_tells_that_no_message_came_in_time(timeout: float) -> None:
    with pytest.raises(TransportTimeoutError, match=f"no message within {timeout} seconds"):
        WsgiServerTransport().receive_message(timeout=timeout)


@pytest.mark.parametrize("seconds", [math.inf, 1e300, 10**12], ids=["inf", "1e300", "10**12"])
def test_times_beyond_what_a_wait_can_last_are_for_ever(seconds: float) -> None:
    transport = WsgiServerTransport(reply_timeout=seconds)
    transport.close()
    with pytest.raises(TransportClosedError):
        transport.receive_message(timeout=seconds)
