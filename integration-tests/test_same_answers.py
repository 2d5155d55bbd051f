"""
Each distribution checks seconds and text by code of its own. Here they are held to the same answers, in the same words.

What is called in these tests is told in :data:`SECONDS` and :data:`TEXTS`: whoever adds an argument of seconds to a
transport adds it there.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
import zmq
from interfaces import Client, Server
from tasks import DEADLINE, tasks
from web_servers import waitress_server

from transport_base import TransportTimeoutError, serve
from transport_http import HttpPostClientTransport
from transport_wsgi import WsgiServerTransport
from transport_zmq import ZmqClientTransport, ZmqServerTransport


@dataclass
class World:
    """One server of each wire, where to find it, and a client of each."""

    context: "zmq.Context[zmq.Socket[bytes]]"
    zmq_server: ZmqServerTransport
    zmq_client: ZmqClientTransport
    wsgi_server: WsgiServerTransport
    http_client: HttpPostClientTransport
    url: str

    def wire(self, name: str) -> tuple[Server[Any], Client]:
        if name == "zmq":
            return self.zmq_server, self.zmq_client
        return self.wsgi_server, self.http_client


@pytest.fixture
def world() -> Iterator[World]:
    with ExitStack() as opened:
        context = opened.enter_context(zmq.Context())
        zmq_server = opened.enter_context(ZmqServerTransport.create(context, "tcp://127.0.0.1:*"))
        zmq_client = opened.enter_context(ZmqClientTransport.create(context, zmq_server.endpoint, DEADLINE))
        wsgi_server = WsgiServerTransport()
        url = opened.enter_context(waitress_server(wsgi_server))
        opened.enter_context(wsgi_server)
        http_client = opened.enter_context(HttpPostClientTransport(url, timeout=DEADLINE))
        yield World(context, zmq_server, zmq_client, wsgi_server, http_client, url)


@dataclass
class Seconds:
    """A call that takes seconds."""

    call: Callable[[World, Any], object]
    name: str = "timeout"
    # What it takes in place of seconds.
    or_none: bool = True


def _made_by_zmq(world: World, timeout: Any) -> object:
    with ZmqClientTransport.create(world.context, world.zmq_server.endpoint, timeout) as client:
        return client.send_message("message")


def _around_a_socket(world: World, timeout: Any) -> object:
    with world.context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(world.zmq_server.endpoint)
        with ZmqClientTransport(socket, timeout) as client:
            return client.send_message("message")


def _made_by_http(world: World, timeout: Any) -> object:
    with HttpPostClientTransport(world.url, timeout=timeout) as client:
        return client.send_message("message")


def _made_by_wsgi(_: World, reply_timeout: Any) -> object:
    return WsgiServerTransport(reply_timeout=reply_timeout)


# Calls that a server answers.
SENDING = {
    "zmq-create": Seconds(_made_by_zmq),
    "zmq-socket": Seconds(_around_a_socket),
    "zmq-send": Seconds(lambda world, timeout: world.zmq_client.send_message("message", timeout=timeout)),
    "http-create": Seconds(_made_by_http),
    "http-send": Seconds(lambda world, timeout: world.http_client.send_message("message", timeout=timeout)),
}
RECEIVING = {
    "zmq-receive": Seconds(lambda world, timeout: world.zmq_server.receive_message(timeout)),
    "wsgi-receive": Seconds(lambda world, timeout: world.wsgi_server.receive_message(timeout)),
}
CLOSING = {
    "zmq-close": Seconds(lambda world, drain: world.zmq_server.close(drain), "drain", or_none=False),
    "wsgi-close": Seconds(lambda world, drain: world.wsgi_server.close(drain), "drain", or_none=False),
}
SECONDS = {**SENDING, **RECEIVING, **CLOSING, "wsgi-create": Seconds(_made_by_wsgi, "reply_timeout")}


def each(calls: dict[str, Seconds]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("seconds", calls.values(), ids=calls)


NOT_SECONDS = ["1", b"1", True, False, [1], object(), 1j, Decimal(1), Fraction(1, 2), timedelta(seconds=1)]


@each(SECONDS)
@pytest.mark.parametrize("value", NOT_SECONDS, ids=lambda value: f"{type(value).__name__}-{value!s:.10}")
def test_what_is_not_a_number_of_seconds_is_a_type_error(seconds: Seconds, value: Any, world: World) -> None:
    """Also numbers that the waits below do not take, and bool, which is hardly ever meant."""
    with pytest.raises(TypeError) as caught:
        seconds.call(world, value)
    wanted = "a number of seconds or None" if seconds.or_none else "a number of seconds"
    assert str(caught.value) == f"{seconds.name} is of type {type(value).__name__}, expected {wanted}"


@each(CLOSING)
def test_none_is_refused_as_a_time_to_drain(seconds: Seconds, world: World) -> None:
    """It could mean at once as well as for ever."""
    with pytest.raises(TypeError, match=r"^drain is of type NoneType, expected a number of seconds$"):
        seconds.call(world, None)


@each(SECONDS)
@pytest.mark.parametrize("value", [-1, -0.001, -1e300, -math.inf, math.nan], ids=repr)
def test_seconds_out_of_range_are_a_value_error(seconds: Seconds, value: float, world: World) -> None:
    with pytest.raises(ValueError, match=f"^{seconds.name} is ") as caught:
        seconds.call(world, value)
    wanted = "0 or more seconds, or None" if seconds.or_none else "0 or more seconds"
    assert str(caught.value) == f"{seconds.name} is {value}, expected {wanted}"


@each(CLOSING)
@pytest.mark.parametrize("value", ["1", -1], ids=repr)
def test_a_wrong_time_to_drain_leaves_the_server_open(seconds: Seconds, value: Any, world: World) -> None:
    with pytest.raises((TypeError, ValueError)):
        seconds.call(world, value)
    for server in (world.zmq_server, world.wsgi_server):
        with pytest.raises(TransportTimeoutError):
            server.receive_message(0)


# More than fits into milliseconds in a C int (24 days), nanoseconds in 64 bits (292 years), or a float.
VAST = {"24-days": 2**31 / 1000, "292-years": 2**63 / 10**9, "1e300": 1e300, "10**400": 10**400, "inf": math.inf}


def vast(**more: Any) -> pytest.MarkDecorator:
    values: dict[str, Any] = {**VAST, **more}
    return pytest.mark.parametrize("value", values.values(), ids=values)


@pytest.fixture
def answered(world: World) -> Iterator[World]:
    with tasks(world.zmq_server.close, world.wsgi_server.close) as running:
        running.start(serve, world.zmq_server, str)
        running.start(serve, world.wsgi_server, str)
        yield world


@vast(none=None)
@each(SENDING)
def test_a_call_may_last_for_ever(seconds: Seconds, value: Any, answered: World) -> None:
    assert seconds.call(answered, value) == "message"


@vast(none=None)
@each(RECEIVING)
def test_receiving_may_last_for_ever(seconds: Seconds, value: Any, world: World) -> None:
    with tasks(world.zmq_server.close, world.wsgi_server.close) as running:
        received: Future[Any] = running.start(lambda: seconds.call(world, value))
        world.zmq_client.send_message("message", expect_reply=False)
        world.http_client.send_message("message", expect_reply=False)
        assert received.result(DEADLINE)[1] == "message"


@vast()
@pytest.mark.parametrize("wire", ["zmq", "wsgi"])
def test_draining_may_last_for_ever(wire: str, value: Any, world: World) -> None:
    server, client = world.wire(wire)
    with tasks(server.close) as running:
        call: Future[str] = running.start(client.send_message, "message")
        context, _ = server.receive_message(DEADLINE)
        closed = running.start(lambda: CLOSING[f"{wire}-close"].call(world, value))
        server.send_reply(context, "reply")
        assert call.result(DEADLINE) == "reply"
        closed.result(DEADLINE)


# Text


def _replied(wire: str) -> Callable[[World, Any], object]:
    def call(world: World, reply: Any) -> None:
        server, client = world.wire(wire)
        with tasks(server.close) as running:
            running.start(client.send_message, "message")
            context, _ = server.receive_message(DEADLINE)
            try:
                server.send_reply(context, reply)
            finally:
                server.send_reply(context, "can still be answered")

    return call


TEXTS: dict[str, tuple[str, Callable[[World, Any], object]]] = {
    "zmq-send": ("message", lambda world, message: world.zmq_client.send_message(message)),
    "zmq-one-way": ("message", lambda world, message: world.zmq_client.send_message(message, expect_reply=False)),
    "http-send": ("message", lambda world, message: world.http_client.send_message(message)),
    "http-one-way": ("message", lambda world, message: world.http_client.send_message(message, expect_reply=False)),
    "zmq-reply": ("reply", _replied("zmq")),
    "wsgi-reply": ("reply", _replied("wsgi")),
}
each_text = pytest.mark.parametrize(("name", "call"), TEXTS.values(), ids=TEXTS)


class Text:
    """Neither a ``str`` nor bytes, though it can be encoded."""

    def encode(self) -> bytes:
        return b"text"


@each_text
@pytest.mark.parametrize(
    "value",
    [None, b"text", bytearray(b"text"), memoryview(b"text"), 1, ["text"], Text()],
    ids=lambda it: type(it).__name__,
)
def test_what_is_not_text_is_a_type_error(
    name: str, call: Callable[[World, Any], object], value: Any, world: World
) -> None:
    with pytest.raises(TypeError) as caught:
        call(world, value)
    assert str(caught.value) == f"{name} is of type {type(value).__name__}, expected str"


@each_text
@pytest.mark.parametrize(
    ("text", "index"),
    [("\ud800", 0), ("a\udfff", 1), ("\U0001f600 \udc00\ud800", 2), ("x" * 2**20 + "\ud800", 2**20)],
    ids=["high", "low", "reversed", "far"],
)
def test_text_without_a_utf8_form_is_a_value_error(
    name: str, call: Callable[[World, Any], object], text: str, index: int, world: World
) -> None:
    with pytest.raises(ValueError, match="lone surrogate") as caught:
        call(world, text)
    assert str(caught.value) == f"{name} has a lone surrogate at index {index}, expected text with a UTF-8 form"
    # The text itself, which may be confidential, is in the cause alone.
    assert isinstance(caught.value.__cause__, UnicodeEncodeError)
