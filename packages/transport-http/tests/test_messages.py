"""What goes over the wire, and what comes back as a reply."""

import gzip
import pickle
import threading
import zlib
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from transport_base import TransportConnectionError, TransportError, TransportProtocolError
from transport_http import HttpPostClientTransport, HttpStatusError

from .conftest import Peer, Serve, Server, response, say


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "a\0b",
        "\r\n\r\nHTTP/1.1 500 No\r\n\r\n",
        "\ufeffbom",
        "日本 \U0001f600",
        "x" * (1 << 20),
        "é" * 70_000,
    ],
    ids=["empty", "ascii", "nul", "crlf", "bom", "astral", "1-MiB", "non-ascii"],
)
def test_a_message_arrives_as_its_utf8_bytes_and_comes_back_as_it_was(echo: Server, message: str) -> None:
    with HttpPostClientTransport(echo.url, timeout=10) as client:
        assert client.send_message(message) == message
    assert echo.requests[0].body == message.encode()
    assert echo.requests[0].method == "POST"


@pytest.mark.parametrize("message", [b"bytes", None, 7, ["x"]], ids=["bytes", "none", "int", "list"])
def test_what_is_no_str_is_refused_before_anything_is_sent(echo: Server, message: Any) -> None:
    with HttpPostClientTransport(echo.url, timeout=10) as client:
        with pytest.raises(TypeError, match="expected str"):
            client.send_message(message)
        assert echo.accepted == 0
        assert client.send_message("on") == "on"


def test_a_lone_surrogate_is_refused_before_anything_is_sent(echo: Server) -> None:
    with HttpPostClientTransport(echo.url, timeout=10) as client:
        with pytest.raises(ValueError, match="surrogate"):
            client.send_message("\ud800")
        assert echo.accepted == 0
        assert client.send_message("on") == "on"


def test_the_content_type_is_utf8_text_unless_the_caller_says_otherwise(echo: Server) -> None:
    with HttpPostClientTransport(echo.url, timeout=10) as client:
        client.send_message("a")
    with HttpPostClientTransport(echo.url, timeout=10, headers={"content-type": "application/json"}) as client:
        client.send_message("b")
    types = [request.headers["content-type"] for request in echo.requests]
    assert types == ["text/plain; charset=utf-8", "application/json"]
    assert echo.requests[0].headers["accept-encoding"] == "identity"


def test_calls_one_after_the_other_use_one_connection(echo: Server) -> None:
    with HttpPostClientTransport(echo.url, timeout=10) as client:
        for number in range(50):
            assert client.send_message(str(number)) == str(number)
    assert echo.accepted == 1


def test_head_and_body_of_a_small_message_go_out_together(serve: Serve) -> None:
    sizes: list[int] = []

    def script(peer: Peer) -> None:
        sizes.append(len(peer.sock.recv(65536)))
        peer.reply(b"")

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=10) as client:
        client.send_message("x" * 1000)
    assert sizes[0] > 1000


def test_calls_of_many_threads_run_side_by_side(serve: Serve) -> None:
    """Sixteen calls are under way at once, or the barrier breaks."""
    barrier = threading.Barrier(16)

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            barrier.wait(10)
            peer.reply(request.body)

    server = serve(script)
    replies: dict[str, str] = {}
    with HttpPostClientTransport(server.url, timeout=10) as client:

        def call(name: str) -> None:
            for number in range(3):
                replies[f"{name}-{number}"] = client.send_message(f"{name}-{number}")

        threads = [threading.Thread(target=call, args=(str(index),)) for index in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert len(replies) == 48
    assert all(message == reply for message, reply in replies.items())
    assert server.accepted == 16


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", "é".encode(), "é"),
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ('text/plain; charset="UTF-16"', "é".encode("utf-16"), "é"),
        ("application/json", b'"\xc3\xa9"', '"é"'),
        ("text/plain; charset=utf-8", b"\xef\xbb\xbfx", "\ufeffx"),
    ],
    ids=["no-charset", "latin-1", "quoted", "json", "bom"],
)
def test_a_reply_is_decoded_as_its_header_says_and_as_utf8_otherwise(
    serve: Serve, content_type: str, body: bytes, text: str
) -> None:
    server = serve(say(response(body, f"Content-Type: {content_type}")))
    with HttpPostClientTransport(server.url, timeout=10) as client:
        assert client.send_message("?") == text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"\xff"),
        ("text/plain; charset=ascii", b"\xc3\xa9"),
        ("text/plain; charset=no-such-thing", b"x"),
        ("text/plain; charset=rot13", b"x"),
        ("text/plain; charset=base64", b"x"),
    ],
    ids=["not-utf8", "not-ascii", "unknown", "rot13", "base64"],
)
def test_a_reply_that_is_no_text_is_a_protocol_error(serve: Serve, content_type: str, body: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.reply(body, f"Content-Type: {content_type}")
        while (request := peer.read_request()) is not None:
            peer.reply(request.body)

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=10) as client:
        with pytest.raises(TransportProtocolError):
            client.send_message("?")
        assert client.send_message("on") == "on"


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("punycode", b"-" + b"a" * 1_000_000),
        ("PunyCode", b"a"),
        ("idna", b"xn--a"),
        ("utf-7", b"+2AA-"),
        ("unicode_escape", rb"\ud800"),
        ("unicode-escape", b"a"),
        ("raw_unicode_escape", rb"\ud800"),
        ("undefined", b"a"),
        ("rot13", b"a"),
    ],
)
def test_a_charset_that_is_no_plain_text_is_refused_by_name(serve: Serve, charset: str, body: bytes) -> None:
    server = serve(say(response(body, f"Content-Type: text/plain; charset={charset}")))
    with (
        HttpPostClientTransport(server.url, timeout=5) as client,
        pytest.raises(TransportProtocolError, match=f"charset is {charset.lower()!r}"),
    ):
        client.send_message("?")


def test_a_reply_without_content_is_empty(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        peer.read_request()
        peer.reply(b"next")

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=10) as client:
        assert client.send_message("?") == ""
        assert client.send_message("?") == "next"
    assert server.accepted == 1


def test_a_chunked_reply_is_put_together_and_its_connection_used_again(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while peer.read_request() is not None:
            peer.sock.sendall(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3;name=value\r\n\xe6\x97\xa5\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"
            )

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=10) as client:
        assert [client.send_message("?") for _ in range(3)] == ["日!"] * 3
    assert server.accepted == 1


def test_a_reply_that_ends_with_its_connection_is_taken_whole(serve: Serve) -> None:
    server = serve(say(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 100_000))
    with HttpPostClientTransport(server.url, timeout=10) as client:
        assert client.send_message("?") == "x" * 100_000
        assert client.send_message("?") == "x" * 100_000


def test_a_gzipped_reply_is_unpacked(serve: Serve) -> None:
    packed = gzip.compress("é".encode() * 1000)
    server = serve(say(response(packed, "Content-Encoding: gzip")))
    with HttpPostClientTransport(server.url, timeout=10) as client:
        assert client.send_message("?") == "é" * 1000


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
@pytest.mark.parametrize(
    "framing",
    ["Content-Length: 0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Connection: close\r\n\r\n"],
    ids=["length", "chunked", "until-close"],
)
@pytest.mark.parametrize("hooked", [False, True], ids=["plain", "session"])
def test_an_empty_body_is_the_empty_reply_in_any_coding(serve: Serve, coding: str, framing: str, hooked: bool) -> None:
    server = serve(say(f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n{framing}".encode()))
    with HttpPostClientTransport(server.url, session=make_session(hooked), timeout=10) as client:
        assert client.send_message("?") == ""


PACKED = gzip.compress(b"hello " * 1000)
DEFLATED = zlib.compress(b"hello " * 1000)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("GZip", PACKED),
        ("x-gzip", PACKED),
        ("gzip, identity", PACKED),
        ("gzip", gzip.compress(b"hello " * 400) + gzip.compress(b"hello " * 600)),
        ("deflate", DEFLATED),
        ("deflate", DEFLATED[2:-4]),
    ],
    ids=["gzip", "x-gzip", "and-identity", "two-members", "deflate", "raw-deflate"],
)
@pytest.mark.parametrize("hooked", [False, True], ids=["plain", "session"])
def test_a_packed_reply_is_unpacked_whole(serve: Serve, coding: str, body: bytes, hooked: bool) -> None:
    server = serve(say(response(body, f"Content-Encoding: {coding}")))
    with HttpPostClientTransport(server.url, session=make_session(hooked), timeout=5) as client:
        assert client.send_message("?") == "hello " * 1000


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", PACKED[: len(PACKED) // 2]),
        ("gzip", PACKED[:-8]),
        ("gzip", PACKED[:-1]),
        ("gzip", PACKED[:10]),
        ("gzip", PACKED[:1]),
        ("gzip", PACKED + b"JUNK"),
        ("gzip", PACKED[:-8] + bytes(8)),
        ("gzip", b"hello"),
        ("deflate", DEFLATED[:-4]),
        ("br", b"hello"),
        ("gzip, gzip", gzip.compress(PACKED)),
    ],
    ids=[
        "half",
        "no-trailer",
        "last-byte",
        "header-alone",
        "a-byte",
        "more-than-all",
        "wrong-sum",
        "plain",
        "deflate",
        "unknown",
        "twice",
    ],
)
@pytest.mark.parametrize("hooked", [False, True], ids=["plain", "session"])
def test_a_packed_reply_that_is_not_whole_is_a_protocol_error(
    serve: Serve, coding: str, body: bytes, hooked: bool
) -> None:
    server = serve(say(response(body, f"Content-Encoding: {coding}")))
    with (
        HttpPostClientTransport(server.url, session=make_session(hooked), timeout=5) as client,
        pytest.raises(TransportProtocolError, match=r"breaks off|is not in|content-encoding"),
    ):
        client.send_message("?")


def leave_alone(_answer: requests.Response, **_: Any) -> None:
    """A hook that changes nothing but how the message goes."""


def make_session(hooked: bool) -> requests.Session:
    """Return a session, with a hook or without."""
    session = requests.Session()
    if hooked:
        session.hooks["response"] = [leave_alone]
    return session


def test_interim_responses_are_passed_over(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            peer.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            peer.reply(request.body)

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=10) as client:
        assert [client.send_message(text) for text in "abc"] == ["a", "b", "c"]
    assert server.accepted == 1


def test_a_status_outside_2xx_is_an_error_with_what_the_server_said(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            if request.body == b"bad":
                peer.reply('{"error": "é"}'.encode(), status="500 Internal Server Error")
            else:
                peer.reply(request.body, status="201 Created")

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=10) as client:
        with pytest.raises(HttpStatusError) as caught:
            client.send_message("bad")
        assert client.send_message("good") == "good"
    error = caught.value
    assert (error.status_code, error.reason, error.body) == (500, "Internal Server Error", '{"error": "é"}')
    assert str(error) == f"{server.url} answered with status 500 Internal Server Error, expected 2xx"
    assert isinstance(error, TransportProtocolError)
    assert server.accepted == 1


def test_a_status_error_survives_pickling() -> None:
    error = HttpStatusError("http://h/", 404, "Not Found", "nothing")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is HttpStatusError
    assert vars(copy) == vars(error)
    assert str(copy) == str(error) == "http://h/ answered with status 404 Not Found, expected 2xx"


def test_the_body_of_a_status_error_is_bounded_and_never_fails(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.sock.sendall(b"HTTP/1.1 503 Busy\r\nContent-Type: text/plain; charset=none\r\n\r\n")
        while True:
            peer.sock.sendall(b"\xff" * 65536)

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=10) as client, pytest.raises(HttpStatusError) as caught:
        client.send_message("?")
    assert 65_536 <= len(caught.value.body) <= 1 << 20
    assert set(caught.value.body) == {"\ufffd"}


def test_a_message_without_a_reply_asks_for_none_and_returns_none(echo: Server) -> None:
    with HttpPostClientTransport(echo.url, timeout=10) as client:
        assert client.send_message("a", expect_reply=False) is None
        assert client.send_message("b", expect_reply=True) == "b"
    assert [request.headers.get("prefer") for request in echo.requests] == ["respond-async", None]
    assert echo.accepted == 1


def test_a_preference_of_the_callers_is_kept_beside_ours(echo: Server) -> None:
    with HttpPostClientTransport(echo.url, timeout=10, headers={"Prefer": "wait=5"}) as client:
        client.send_message("a", expect_reply=False)
        client.send_message("b")
    assert [request.headers.get("prefer") for request in echo.requests] == ["wait=5, respond-async", "wait=5"]


def test_a_message_without_a_reply_is_accepted_by_any_2xx_and_refused_by_any_other(serve: Serve) -> None:
    answers = iter(["202 Accepted", "200 OK", "503 Busy", "202 Accepted"])

    def script(peer: Peer) -> None:
        while peer.read_request() is not None:
            peer.reply(b"\xff" * 10, status=next(answers))

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=10) as client:
        client.send_message("a", expect_reply=False)
        client.send_message("b", expect_reply=False)
        with pytest.raises(HttpStatusError):
            client.send_message("c", expect_reply=False)
        client.send_message("d", expect_reply=False)


def test_errors_tell_the_endpoint_without_its_password(serve: Serve) -> None:
    server = serve(say(response(b"", status="401 Unauthorized")))
    url = server.url.replace("//", "//user:secret@")
    with HttpPostClientTransport(url, timeout=10) as client, pytest.raises(HttpStatusError) as caught:
        client.send_message("?")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other"])
def test_a_redirect_that_would_lose_the_message_is_an_error(serve: Serve, status: str) -> None:
    seen: list[str] = []

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            seen.append(request.method)
            peer.reply(b"", "Location: /elsewhere", status=status)

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=10) as client, pytest.raises(HttpStatusError):
        client.send_message("?")
    assert seen == ["POST"]


@pytest.mark.parametrize("status", ["307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_redirect_that_keeps_the_message_is_followed_on_the_same_origin(serve: Serve, status: str) -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            if request.target == "/rpc?a=1":
                peer.reply(b"over there", "Location: /new?b=2", status=status)
            else:
                peer.reply(f"{request.method} {request.target} {request.body.decode()}".encode())

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=10, params={"a": "1"}) as client:
        assert client.send_message("hi") == "POST /new?b=2 hi"
        assert client.send_message("ho") == "POST /new?b=2 ho"
    assert server.accepted == 1


def test_a_redirect_to_another_origin_is_an_error_and_nothing_is_sent_there(serve: Serve, echo: Server) -> None:
    server = serve(say(response(b"", f"Location: {echo.url}", status="307 There")))
    with HttpPostClientTransport(server.url, timeout=10) as client, pytest.raises(HttpStatusError):
        client.send_message("?")
    assert echo.accepted == 0


@pytest.mark.parametrize("location", ["http://[", "http://127.0.0.1:99999/", "https:", "//", "\xe9", ""])
def test_a_redirect_to_nowhere_is_an_error_or_comes_back(serve: Serve, location: str) -> None:
    server = serve(say(response(b"", f"Location: {location}", "Connection: close", status="307 There")))
    with HttpPostClientTransport(server.url, timeout=10) as client, pytest.raises(HttpStatusError):
        client.send_message("?")


def test_redirects_keep_the_password_of_the_endpoint(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            if request.target == "/rpc":
                peer.reply(b"", f"Location: {server.url}/new", status="307 There")
            else:
                peer.reply(request.headers.get("authorization", "none").encode())

    server = serve(script)
    with HttpPostClientTransport(server.url.replace("//", "//me:secret@"), timeout=10) as client:
        assert client.send_message("?").startswith("Basic ")


def test_redirects_in_a_circle_end(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while peer.read_request() is not None:
            peer.reply(b"", "Location: /rpc", status="307 Again")

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=10) as client, pytest.raises(HttpStatusError):
        client.send_message("?")


def test_the_server_may_be_restarted_on_its_port(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            peer.reply(request.body)

    first = serve(script)
    with HttpPostClientTransport(first.url, timeout=10) as client:
        assert client.send_message("a") == "a"
        first.close()
        with pytest.raises(TransportConnectionError):
            client.send_message("b")
        serve(script, port=first.port)
        assert client.send_message("c") == "c"


def test_an_error_of_any_kind_is_a_transport_error(unused_port: int) -> None:
    with HttpPostClientTransport(f"http://127.0.0.1:{unused_port}/", timeout=5) as client:
        with pytest.raises(TransportError):
            client.send_message("?")
        with pytest.raises(ConnectionError, match="can't be reached"):
            client.send_message("?")


@pytest.fixture
def unused_port(echo: Server) -> int:
    parts = urlsplit(echo.url)
    connection = HTTPConnection(parts.hostname or "", parts.port)
    connection.close()
    echo.close()
    return int(echo.port)
