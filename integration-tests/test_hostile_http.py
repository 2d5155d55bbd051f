"""What peers over HTTP can send: clients towards the WSGI server, and servers towards the client."""

import contextlib
import gc
import gzip
import http.client
import json
import socket
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from beside import served_throughout
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_peers import answering, hang_up, listening
from resources import held, nothing, resident_bytes
from tasks import DEADLINE, tasks
from web_servers import WebServer, cheroot_server, waitress_server, werkzeug_server

from transport_base import (
    TransportConnectionError,
    TransportError,
    TransportProtocolError,
    TransportTimeoutError,
    serve,
)
from transport_http import HttpPostClientTransport, HttpStatusError
from transport_wsgi import WsgiServerTransport

EXAMPLES = settings(max_examples=50, derandomize=True, deadline=None, database=None)

MAX_BYTES = 10_000


# --- towards the server


@dataclass
class Served:
    """A server that echoes behind a real web server, and what it was given."""

    port: int
    delivered: list[str]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    def ask(self, method: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Send a well-formed request; return status, headers and body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, "/", body, named)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def ask_raw(self, request: bytes) -> bytes:
        """Send *request* as it is, and that nothing follows; return all that comes back."""
        with self.connect() as connection:
            received = b""
            # A server may hang up before it has read it all.
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                connection.sendall(request)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while data := connection.recv(65536):
                    received += data
        return received


@pytest.fixture(params=[waitress_server, cheroot_server, werkzeug_server], ids=["waitress", "cheroot", "werkzeug"])
def web_server(request: pytest.FixtureRequest) -> WebServer:
    made: WebServer = request.param
    return made


@pytest.fixture
def served(web_server: WebServer) -> Iterator[Served]:
    """Yield a server whose good client calls all the while."""
    delivered: list[str] = []

    def handler(message: str) -> str:
        if not message.startswith("good"):
            delivered.append(message)
        return message

    server = WsgiServerTransport(
        max_content_length=MAX_BYTES, reply_timeout=DEADLINE, allow_origin="https://friend.example"
    )
    with ExitStack() as opened:
        url = opened.enter_context(web_server(server))
        running = opened.enter_context(tasks(server.close))
        serving = running.start(serve, server, handler)
        good = opened.enter_context(HttpPostClientTransport(url, timeout=DEADLINE))
        opened.enter_context(served_throughout(good))
        yield Served(urlsplit(url).port or 0, delivered)
        assert not serving.done()


def status_of(answer: bytes) -> int | None:
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.") else None


def post(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"POST / HTTP/1.1", b"Host: localhost", *headers, b"", body])


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(b"secret", b"Content-Length: -1"),
        post(b"secret", b"Content-Length: +6"),
        post(b"secret", b"Content-Length: 6_0"),
        post(b"secret", b"Content-Length: six"),
        post(b"secret", b"Content-Length: 99999999999999999999"),
        post(b"secret", b"Content-Length: " + b"9" * 5_000),
        post(b"secret", b"Content-Length: 600"),
        post(b"secret", b"Content-Length: 6, 7"),
        post(b"zz\r\nsecret", b"Transfer-Encoding: chunked"),
        post(b"-6\r\nsecret\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
        post(b"6\r\nsec", b"Transfer-Encoding: chunked"),
        post(b"6\r\nsecret\r\n", b"Transfer-Encoding: chunked"),
        post(b"secret", b"Transfer-Encoding: gibberish"),
        post(b"\xff\xfe", b"Content-Length: 2"),
        post(b"\xed\xa0\x80", b"Content-Length: 3"),
        post(b"x" * (MAX_BYTES + 1), b"Content-Length: %d" % (MAX_BYTES + 1)),
        post(b"%x\r\n" % 20_000 + b"x" * 20_000 + b"\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    ],
    ids=[
        "negative-length",
        "signed-length",
        "underscore-length",
        "length-in-words",
        "huge-length",
        "endless-length",
        "short-body",
        "two-lengths",
        "no-chunk-size",
        "negative-chunk",
        "short-chunk",
        "no-last-chunk",
        "unknown-encoding",
        "not-utf8",
        "surrogate",
        "too-large",
        "too-large-chunked",
        "tls",
    ],
)
def test_wrong_request_is_refused_and_nothing_is_delivered(
    served: Served, request_bytes: bytes, request: pytest.FixtureRequest
) -> None:
    """Each web server refuses some of these itself, and in its own way; no message comes of any."""
    if request.node.callspec.id == "cheroot-negative-chunk":
        request.applymarker(pytest.mark.xfail(reason="cheroot takes a negative chunk for the end of the body"))
    status = status_of(served.ask_raw(request_bytes))
    assert status is None or status >= 400
    assert served.delivered == []


def test_request_without_a_length_has_no_body(served: Served) -> None:
    """RFC 9112, section 6.3; what follows is not part of it."""
    assert status_of(served.ask_raw(post(b""))) in (200, 411)
    assert served.delivered in ([""], [])


def test_chunked_message_is_delivered_whole(served: Served) -> None:
    body = b"3\r\nsec\r\n3\r\nret\r\n0\r\n\r\n"
    answer = served.ask_raw(post(body, b"Transfer-Encoding: chunked", b"Connection: close"))
    assert (status_of(answer), served.delivered) in [(200, ["secret"]), (400, [])]


def test_any_bytes_at_the_port(served: Served) -> None:
    @EXAMPLES
    @given(st.binary(max_size=200))
    def endures(data: bytes) -> None:
        with served.connect() as stranger:
            stranger.sendall(data)

    endures()


def test_any_body(served: Served) -> None:
    """What is UTF-8 is delivered as it is; what is not is answered with 400."""

    @EXAMPLES
    @given(st.one_of(st.binary(max_size=100), st.text().map(str.encode)))
    def endures(body: bytes) -> None:
        served.delivered.clear()
        status, _, answer = served.ask("POST", body)
        try:
            text = body.decode()
        except UnicodeDecodeError:
            assert status == 400
            assert served.delivered == []
        else:
            assert (status, answer) == (200, body)
            assert text.startswith("good") or served.delivered == [text]

    endures()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "post"])
def test_other_method_is_not_allowed(served: Served, method: str) -> None:
    status, headers, _ = served.ask(method, b"secret")
    assert status in (405, 501, 400)  # a web server may refuse a method that it does not know
    assert status != 405 or {"POST", "OPTIONS"} <= set(headers["allow"].replace(",", " ").split())
    assert served.delivered == []


@pytest.mark.parametrize(
    "origin",
    [
        "https://stranger.example",
        "http://friend.example",
        "https://friend.example:444",
        "https://friend.example.evil",
        "https://sub.friend.example",
        "null",
        "",
        "file://",
        "https://friend.example, https://stranger.example",
    ],
)
def test_foreign_origin_is_refused_before_delivery(served: Served, origin: str) -> None:
    status, headers, _ = served.ask("POST", b"secret", Origin=origin)
    assert status == 403
    assert "access-control-allow-origin" not in headers
    assert served.delivered == []


def test_host_of_the_attackers_choice_makes_no_difference(served: Served) -> None:
    """After DNS rebinding, Host and Origin agree, and both are the attacker's."""
    port = served.port
    status, _, _ = served.ask(
        "POST", b"secret", Origin=f"http://attacker.example:{port}", Host=f"attacker.example:{port}"
    )
    assert status == 403
    assert served.delivered == []


def test_preflight_of_a_foreign_origin_is_refused(served: Served) -> None:
    preflight = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "content-type"}
    status, headers, _ = served.ask("OPTIONS", b"", Origin="https://stranger.example", **preflight)
    assert status == 403
    assert not any(name.startswith("access-control-") for name in headers)
    status, headers, _ = served.ask("OPTIONS", b"", Origin="https://friend.example", **preflight)
    assert status == 204
    assert headers["access-control-allow-origin"] == "https://friend.example"
    assert headers["vary"] == "Origin"
    assert served.delivered == []


def test_reply_cannot_inject_headers(served: Served) -> None:
    evil = b"ok\r\nX-Evil: yes\r\n\r\nHTTP/1.1 200 OK\r\nX-Evil: yes\r\n\r\n"
    status, headers, body = served.ask("POST", evil)
    assert (status, body) == (200, evil)
    assert "x-evil" not in headers


def test_origin_cannot_inject_headers(served: Served) -> None:
    request = post(b"secret", b"Content-Length: 6", b"Origin: https://friend.example\rX-Evil: yes")
    # A web server may take the lone CR for the end of the line, and the origin for the friend's.
    assert b"\nX-Evil" not in served.ask_raw(request)


def test_slow_bodies_keep_nobody_else_waiting(served: Served) -> None:
    """A dozen clients that announce a body and drip it, each holding a thread of the web server at worst."""
    with ExitStack() as opened:
        slow = [opened.enter_context(served.connect()) for _ in range(12)]
        for connection in slow:
            connection.sendall(post(b"s", b"Content-Length: 6"))
        for byte in b"ecre":
            for connection in slow:
                connection.sendall(bytes([byte]))
            assert served.ask("POST", b"beside them")[0] == 200
        for connection in slow:
            connection.sendall(b"t")
        for connection in slow:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert sorted(served.delivered) == sorted(["beside them"] * 4 + ["secret"] * 12)


def test_clients_that_hang_up_leave_nothing_behind(served: Served, web_server: WebServer) -> None:
    before = held()
    for number in range(200):
        with served.connect() as stranger:
            stranger.sendall(post(b"hello", b"Content-Length: %d" % (5 if number % 2 else 500)))
    # Where a client resets its connection, Werkzeug's request handler leaves an epoll descriptor in a reference cycle.
    before.comes_back(settle=gc.collect if web_server is werkzeug_server else nothing)


# --- towards the client


@contextmanager
def client_of(behave: Callable[[socket.socket], None], timeout: float = 2) -> Generator[HttpPostClientTransport]:
    with (
        listening(behave) as port,
        HttpPostClientTransport(f"http://127.0.0.1:{port}/", timeout=timeout, max_reply_bytes=100_000) as client,
    ):
        yield client


RIGHT = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright")


def turning_good(answer: bytes, *, hanging_up: bool) -> Callable[[socket.socket], None]:
    """Give *answer* to the first request, and to all others, on whichever connection, one that is right."""
    first = iter([answering(answer, then=hang_up if hanging_up else RIGHT)])

    def behave(connection: socket.socket) -> None:
        next(first, RIGHT)(connection)

    return behave


OK = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(bytes(50_000_000))
PACKED = gzip.compress(b"body")

WRONG_ANSWERS: dict[str, tuple[type[TransportError], bytes]] = {
    "nothing": (TransportConnectionError, b""),
    "not-http": (TransportProtocolError, b"SSH-2.0-OpenSSH_9.2\r\n"),
    "zeros": (TransportProtocolError, bytes(1000) + b"\r\n"),
    "no-status": (TransportProtocolError, b"HTTP/1.1 \r\n\r\n"),
    "status-in-words": (TransportProtocolError, b"HTTP/1.1 fine\r\n\r\n"),
    "truncated": (TransportConnectionError, OK + b"Content-Length: 40\r\n\r\nhalf"),
    "bad-chunk-size": (TransportProtocolError, OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nbody\r\n"),
    "negative-chunk": (TransportProtocolError, OK + b"Transfer-Encoding: chunked\r\n\r\n-4\r\nbody\r\n0\r\n\r\n"),
    "truncated-chunk": (TransportConnectionError, OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\nbody"),
    "gzip-bomb": (
        TransportProtocolError,
        OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB,
    ),
    "no-gzip": (TransportProtocolError, OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody"),
    "not-utf8": (TransportProtocolError, OK + b"Content-Length: 2\r\n\r\n\xff\xfe"),
    "wrong-charset": (
        TransportProtocolError,
        OK + b"Content-Type: text/plain; charset=ascii\r\nContent-Length: 2\r\n\r\n\xc3\xa9",
    ),
    "no-such-charset": (
        TransportProtocolError,
        OK + b"Content-Type: text/plain; charset=klingon\r\nContent-Length: 2\r\n\r\n\xc3\xa9",
    ),
    "charset-that-is-no-text": (
        TransportProtocolError,
        OK + b"Content-Type: text/plain; charset=zlib_codec\r\nContent-Length: 2\r\n\r\n\xc3\xa9",
    ),
    "too-large": (TransportProtocolError, OK + b"Content-Length: 100001\r\n\r\n" + b"x" * 100_001),
    "too-large-to-the-end": (TransportProtocolError, OK + b"\r\n" + b"x" * 100_001),
    "redirect-301": (HttpStatusError, b"HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"),
    "redirect-302": (HttpStatusError, b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"),
    "redirect-303": (HttpStatusError, b"HTTP/1.1 303 Other\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"),
    "redirect-307-elsewhere": (
        HttpStatusError,
        b"HTTP/1.1 307 Temporary\r\nLocation: http://localhost:1/\r\nContent-Length: 0\r\n\r\n",
    ),
    "redirect-308-to-a-file": (
        HttpStatusError,
        b"HTTP/1.1 308 Permanent\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
    ),
    "redirect-without-location": (HttpStatusError, b"HTTP/1.1 307 Temporary\r\nContent-Length: 0\r\n\r\n"),
    "not-modified": (HttpStatusError, b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "switching-protocols": (
        TransportError,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ),
    "status-999": (HttpStatusError, b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"),
    "too-many-headers": (TransportProtocolError, OK + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)) + b"\r\n"),
    "endless-header": (TransportProtocolError, OK + b"X-Long: " + b"y" * 1_000_000 + b"\r\n\r\n"),
    "two-lengths": (TransportProtocolError, OK + b"Content-Length: 2\r\nContent-Length: 4\r\n\r\nbody"),
}


# Those that are not over before the connection is.
BREAKING_OFF = {"nothing", "truncated", "truncated-chunk", "too-large-to-the-end", "to-the-end", "http-1.0"}


@pytest.mark.parametrize("name", WRONG_ANSWERS)
def test_wrong_answer_is_an_error_and_the_next_is_none(name: str) -> None:
    error, answer = WRONG_ANSWERS[name]
    before = resident_bytes()
    with client_of(turning_good(answer, hanging_up=name in BREAKING_OFF)) as client:
        with pytest.raises(error):
            client.send_message("message")
        assert client.send_message("message") == "right"
    assert resident_bytes() - before < 40_000_000


GOOD_ANSWERS = {
    "no-content": ("", b"HTTP/1.1 204 No Content\r\n\r\n"),
    "continue-first": ("body", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 4\r\n\r\nbody"),
    "early-hints-first": (
        "body",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK + b"Content-Length: 4\r\n\r\nbody",
    ),
    "utf8-unnamed": ("\u00e9", OK + b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n\xc3\xa9"),
    "latin-1-named": ("\u00e9", OK + b"Content-Type: text/plain; charset=latin-1\r\nContent-Length: 1\r\n\r\n\xe9"),
    "to-the-end": ("body", OK + b"\r\nbody"),
    "chunked": ("body", OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"),
    "gzip": (
        "body",
        OK
        + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(gzip.compress(b"body"))
        + gzip.compress(b"body"),
    ),
    "http-1.0": ("body", b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody"),
}


@pytest.mark.parametrize("name", GOOD_ANSWERS)
def test_unusual_answer_is_understood(name: str) -> None:
    reply, answer = GOOD_ANSWERS[name]
    with client_of(turning_good(answer, hanging_up=name in BREAKING_OFF)) as client:
        assert client.send_message("message") == reply
        assert client.send_message("message") == "right"


@pytest.mark.parametrize(
    "line", [b"X-More: and more\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["headers", "continue"]
)
def test_answer_that_never_ends_is_ended(line: bytes) -> None:
    def never_ending(connection: socket.socket) -> None:
        while True:
            connection.sendall(line * 100)

    begin = OK if line.startswith(b"X") else b""
    start, before = time.monotonic(), resident_bytes()
    with client_of(answering(begin, then=never_ending), timeout=2) as client:
        with pytest.raises((TransportProtocolError, TransportTimeoutError)):
            client.send_message("message")
        assert time.monotonic() - start < 3
    assert resident_bytes() - before < 40_000_000


def test_answer_nobody_asked_for_is_not_taken_for_the_next_reply() -> None:
    """A server that sends two answers to one message can't have the second pass for the reply to the next."""
    two = (OK + b"Content-Length: 5\r\n\r\nfirst") + (OK + b"Content-Length: 4\r\n\r\nevil")
    with client_of(turning_good(two, hanging_up=False)) as client:
        assert client.send_message("message") == "first"
        with contextlib.suppress(TransportError):
            assert client.send_message("message") == "right"


def test_redirects_in_a_circle_end() -> None:
    circle = b"HTTP/1.1 307 Again\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    with client_of(answering(circle)) as client, pytest.raises(HttpStatusError):
        client.send_message("message")


def test_error_object_of_a_json_rpc_server_is_in_the_error() -> None:
    body = json.dumps({"jsonrpc": "2.0", "error": {"code": -32700}, "id": None})
    answer = f"HTTP/1.1 500 Oh\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    with client_of(answering(answer)) as client:
        with pytest.raises(HttpStatusError) as caught:
            client.send_message("message")
        assert (caught.value.status_code, caught.value.reason, caught.value.body) == (500, "Oh", body)


def test_any_answer_is_a_reply_or_an_error_of_ours() -> None:
    upcoming: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        answering(upcoming[-1], then=hang_up)(connection)

    with client_of(answer) as client:

        @EXAMPLES
        @given(st.one_of(st.binary(max_size=100), st.binary(max_size=100).map(lambda data: OK + data)))
        def endures(data: bytes) -> None:
            upcoming.append(data)
            with contextlib.suppress(TransportError):
                assert isinstance(client.send_message("message"), str)

        endures()
