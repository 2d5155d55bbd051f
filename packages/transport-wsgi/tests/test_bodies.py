"""What a request's body may be, and what becomes of those that are no message."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from transport_base import TransportTimeoutError
from transport_wsgi import WsgiServerTransport

Ask = Callable[..., tuple[int, dict[str, str], bytes]]
Answering = Callable[..., AbstractContextManager[WsgiServerTransport]]


class Unread(io.BytesIO):
    """A body that nobody may read."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError("the body was read")


class Breaking(io.BytesIO):
    """A body whose connection breaks."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise ConnectionResetError("gone")


class Crumbs(io.BytesIO):
    """A body that comes in small pieces."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(3)


def nothing_is_left(transport: WsgiServerTransport) -> bool:
    with pytest.raises(TransportTimeoutError):
        transport.receive_message(timeout=0)
    return True


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xff", id="no-such-byte"),
        pytest.param(b"caf\xe9", id="latin-1"),
        pytest.param(b"\xed\xa0\x80", id="surrogate"),
        pytest.param(b"\xc0\x80", id="overlong-nul"),
        pytest.param(b"\xf0\x9f\x98", id="cut-off"),
    ],
)
def test_a_body_that_is_not_utf8_is_refused(ask: Ask, body: bytes) -> None:
    transport = WsgiServerTransport()
    assert ask(transport, body)[0] == 400
    assert nothing_is_left(transport)


@pytest.mark.parametrize("terminated", [None, True, False], ids=["silent", "terminated", "not-terminated"])
@pytest.mark.parametrize("sent", [b"", b"hell"], ids=["nothing", "part"])
def test_a_body_shorter_than_announced_is_refused(ask: Ask, sent: bytes, terminated: bool | None) -> None:
    transport = WsgiServerTransport()
    assert ask(transport, sent, CONTENT_LENGTH="5", wsgi_input_terminated=terminated)[0] == 400
    assert nothing_is_left(transport)


@pytest.mark.parametrize("terminated", [None, True, False], ids=["silent", "terminated", "not-terminated"])
def test_no_more_is_read_than_was_announced(ask: Ask, answering: Answering, terminated: bool | None) -> None:
    with answering(WsgiServerTransport()) as transport:
        assert ask(transport, b"hello, world", CONTENT_LENGTH="5", wsgi_input_terminated=terminated)[2] == b"hello"


def test_a_connection_that_breaks_in_the_body_is_refused(ask: Ask) -> None:
    transport = WsgiServerTransport()
    assert ask(transport, b"hello", wsgi_input=Breaking(b"hello"))[0] == 400
    assert (
        ask(
            transport,
            CONTENT_LENGTH=None,
            HTTP_TRANSFER_ENCODING="chunked",
            wsgi_input_terminated=True,
            wsgi_input=Breaking(),
        )[0]
        == 400
    )
    assert nothing_is_left(transport)


def test_a_body_may_come_in_small_pieces(ask: Ask, answering: Answering) -> None:
    with answering(WsgiServerTransport()) as transport:
        assert ask(transport, b"hello, world", wsgi_input=Crumbs(b"hello, world"))[2] == b"hello, world"


@pytest.mark.parametrize("length", ["-1", "+5", " 5", "5_0", "5,5", "5.0", "0x5", "five", "\u0665", "\xb2"])
def test_a_length_that_is_no_plain_number_is_refused(ask: Ask, length: str) -> None:
    transport = WsgiServerTransport()
    assert ask(transport, b"hello", CONTENT_LENGTH=length, wsgi_input=Unread(), validated=False)[0] == 400
    assert nothing_is_left(transport)


@pytest.mark.parametrize("length", ["6", "18446744073709551617", "9" * 5000], ids=["one-over", "65-bit", "5000-digits"])
def test_a_length_that_is_too_large_is_refused_before_the_body_is_read(ask: Ask, length: str) -> None:
    transport = WsgiServerTransport(max_content_length=5)
    # The validator fails on the longest one: it calls int().
    assert ask(transport, CONTENT_LENGTH=length, wsgi_input=Unread(), validated=len(length) < 100)[0] == 413
    assert nothing_is_left(transport)


def test_the_largest_message_allowed_is_taken(ask: Ask, answering: Answering) -> None:
    with answering(WsgiServerTransport(max_content_length=5)) as transport:
        assert ask(transport, b"hello", CONTENT_LENGTH="005")[2] == b"hello"


def test_without_a_length_the_message_is_empty(ask: Ask, answering: Answering) -> None:
    with answering(WsgiServerTransport(), repr) as transport:
        for absent in (None, ""):
            assert ask(transport, CONTENT_LENGTH=absent, wsgi_input=Unread())[2] == b"''"


@pytest.mark.parametrize("length", [None, "3"], ids=["alone", "beside-a-length"])
def test_a_chunked_body_is_read_to_its_end(ask: Ask, answering: Answering, length: str | None) -> None:
    """A transfer encoding overrides a length (RFC 9112, section 6.3)."""
    with answering(WsgiServerTransport(max_content_length=5)) as transport:
        answer = ask(
            transport,
            b"hello",
            CONTENT_LENGTH=length,
            HTTP_TRANSFER_ENCODING="Chunked",
            wsgi_input_terminated=True,
        )
    assert answer[2] == b"hello"


def test_a_chunked_body_over_the_limit_is_refused_and_never_cut(ask: Ask) -> None:
    transport = WsgiServerTransport(max_content_length=5)
    answer = ask(
        transport, b"hello!", CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked", wsgi_input_terminated=True
    )
    assert answer[0] == 413
    assert nothing_is_left(transport)


@pytest.mark.parametrize("terminated", [None, False], ids=["silent", "not-terminated"])
@pytest.mark.parametrize("length", [None, "5"], ids=["alone", "beside-a-length"])
def test_a_chunked_body_that_the_web_server_does_not_decode_is_refused(
    ask: Ask, length: str | None, terminated: bool | None
) -> None:
    """Else its message would silently be empty."""
    transport = WsgiServerTransport()
    answer = ask(
        transport,
        CONTENT_LENGTH=length,
        HTTP_TRANSFER_ENCODING="chunked",
        wsgi_input=Unread(),
        wsgi_input_terminated=terminated,
    )
    assert answer[0] == 400
    assert nothing_is_left(transport)


def test_a_body_without_any_announcement_is_read_if_its_end_is_marked(ask: Ask, answering: Answering) -> None:
    """HTTP/2 needs neither header."""
    with answering(WsgiServerTransport()) as transport:
        assert ask(transport, b"hello", CONTENT_LENGTH=None, wsgi_input_terminated=True)[2] == b"hello"


@pytest.mark.parametrize(
    ("protocol", "chunked", "status"),
    [("HTTP/1.1", "chunked", 400), ("HTTP/2", None, 400), ("HTTP/2.0", None, 400), ("HTTP/1.1", None, 202)],
    ids=["chunked", "http-2", "http-2.0", "without-a-body"],
)
@pytest.mark.parametrize(
    "server", [{}, {"SERVER_SOFTWARE": "Granian", "wsgi_input_terminated": True}], ids=["silent", "granian"]
)
def test_a_body_whose_end_is_not_known_is_refused(
    ask: Ask, protocol: str, chunked: str | None, status: int, server: dict[str, Any]
) -> None:
    """Granian says that it marks the end, but does the same when a client has gone in the middle."""
    transport = WsgiServerTransport()
    answer = ask(
        transport,
        CONTENT_LENGTH=None,
        SERVER_PROTOCOL=protocol,
        HTTP_TRANSFER_ENCODING=chunked,
        HTTP_PREFER="respond-async",
        wsgi_input=Unread(),
        **server,
    )
    assert answer[0] == status
    if status == 400:
        assert nothing_is_left(transport)
        assert b"Content-Length" in answer[2]


class Raising:
    """A body whose stream has ``read`` alone, and raises what it was made with."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, size: int, /) -> bytes:
        raise self._error


class Generous(io.BytesIO):
    """A body whose stream gives more than it was asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read()


class ReadOnly(io.RawIOBase):
    """A body whose stream has a ``readinto`` that does not work."""

    def __init__(self, body: bytes) -> None:
        self._body = io.BytesIO(body)

    def read(self, size: int = -1, /) -> bytes:
        return self._body.read(size)

    def readinto(self, buffer: object, /) -> int:
        raise NotImplementedError


ANNOUNCED = pytest.param({"CONTENT_LENGTH": "5"}, id="announced")
CHUNKED = pytest.param(
    {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi_input_terminated": True}, id="chunked"
)


@pytest.mark.parametrize("framing", [ANNOUNCED, CHUNKED])
@pytest.mark.parametrize("error", [OSError, ValueError, EOFError, ConnectionResetError])
def test_a_stream_that_raises_is_refused(ask: Ask, error: type[Exception], framing: dict[str, Any]) -> None:
    transport = WsgiServerTransport()
    assert ask(transport, wsgi_input=Raising(error("broken")), validated=False, **framing)[0] == 400
    assert nothing_is_left(transport)


@pytest.mark.parametrize("framing", [ANNOUNCED, CHUNKED])
def test_a_stream_that_gives_more_than_was_asked_for_is_refused(ask: Ask, framing: dict[str, Any]) -> None:
    """What is beyond the limit, or beyond this message, must not become part of it."""
    transport = WsgiServerTransport(max_content_length=5)
    assert ask(transport, wsgi_input=Generous(b"hello, world"), validated=False, **framing)[0] == 400
    assert nothing_is_left(transport)


@pytest.mark.parametrize("framing", [ANNOUNCED, CHUNKED])
def test_a_stream_needs_nothing_but_read(ask: Ask, answering: Answering, framing: dict[str, Any]) -> None:
    with answering(WsgiServerTransport()) as transport:
        assert ask(transport, wsgi_input=ReadOnly(b"hello"), validated=False, **framing)[2] == b"hello"


def test_small_pieces_are_not_copied_again_and_again(ask: Ask) -> None:
    """Each piece is added in place: what was read before it stays where it is."""

    class Piece(bytes):
        def __add__(self, other: object, /) -> bytes:
            raise AssertionError("the body was copied to add a piece")

    class Pieces(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return Piece(super().read(3))

    transport = WsgiServerTransport()
    answer = ask(
        transport, b"hello, world", wsgi_input=Pieces(b"hello, world"), HTTP_PREFER="respond-async", validated=False
    )
    assert answer[0] == 202
    assert transport.receive_message(timeout=0)[1] == "hello, world"
