"""What the engine promises: what was sent, for how long, with how much memory, and which secrets stay in."""

import pickle
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from requests.adapters import HTTPAdapter

from transport_base import TransportConnectionError, TransportError, TransportProtocolError, TransportTimeoutError
from transport_http import HttpPostClientTransport, HttpStatusError

from .conftest import Peer, Serve, Server, response, say


def leave_alone(_answer: requests.Response, **_: Any) -> None:
    """A hook that changes nothing but how the message goes."""


def silent(peer: Peer) -> None:
    """Read all that comes, and answer nothing."""
    while peer.sock.recv(65536):
        pass


# --- the time of one call


def test_the_time_of_one_call_is_over_the_clients(serve: Serve) -> None:
    server = serve(silent)
    with HttpPostClientTransport(server.url, timeout=60) as client:
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError, match=r"within 0\.3 s; the server may have handled"):
            client.send_message("?", timeout=0.3)
        with pytest.raises(TransportTimeoutError):
            client.send_message("?", timeout=0.3, expect_reply=False)
        assert time.monotonic() - start < 10


@pytest.mark.parametrize("timeout", [None, 30, float("inf"), 10**400], ids=["none", "int", "infinite", "huge"])
def test_a_longer_time_for_one_call_is_over_the_clients(serve: Serve, timeout: float | None) -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            peer.stopped.wait(0.4)
            peer.reply(request.body)

    with HttpPostClientTransport(serve(script).url, timeout=0.1) as client:
        assert client.send_message("a", timeout=timeout) == "a"
        with pytest.raises(TransportTimeoutError, match=r"within 0\.1 s"):
            client.send_message("b")


@pytest.mark.parametrize(
    ("timeout", "error", "match"),
    [
        ("1", TypeError, "timeout is of type str, expected a number of seconds or None"),
        (True, TypeError, "timeout is of type bool"),
        (-1, ValueError, "timeout is -1, expected 0 or more seconds, or None"),
        (float("nan"), ValueError, "timeout is nan"),
    ],
)
def test_a_wrong_time_for_one_call_is_refused_before_anything_is_sent(
    echo: Server, timeout: Any, error: type[Exception], match: str
) -> None:
    with HttpPostClientTransport(echo.url, timeout=5) as client:
        with pytest.raises(error, match=match):
            client.send_message("a", timeout=timeout)
        assert echo.accepted == 0
        assert client.send_message("b") == "b"


# --- what was not sent


@pytest.mark.parametrize("way", ["handshake", "tunnel", "socket-of-a-proxy"])
def test_an_error_before_the_request_has_left_says_that_nothing_was_sent(serve: Serve, way: str) -> None:
    server = serve(silent)
    options: Any = {} if way == "handshake" else {"proxies": {"https": server.url.removesuffix("/rpc")}}
    if way == "socket-of-a-proxy":
        server.close()
    url = server.url.replace("http:", "https:") if way == "handshake" else "https://host.invalid/"
    with HttpPostClientTransport(url, timeout=0.5, **options) as client, pytest.raises(TransportError) as caught:
        client.send_message("?")
    assert "the message was not sent" in str(caught.value)
    assert "may have" not in str(caught.value)


def test_where_there_is_no_socket_for_an_address_the_next_is_tried(
    echo: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where IPv6 is switched off, but the resolver knows addresses of it."""
    real = socket.getaddrinfo

    def with_another_first(*args: Any, **kwargs: Any) -> Any:
        found = real(*args, **kwargs)
        return [(socket.AF_PACKET + 100, *found[0][1:]), *found]

    monkeypatch.setattr(socket, "getaddrinfo", with_another_first)
    with HttpPostClientTransport(echo.url, timeout=5) as client:
        assert client.send_message("a") == "a"

    def another_alone(*args: Any, **kwargs: Any) -> Any:
        return with_another_first(*args, **kwargs)[:1]

    monkeypatch.setattr(socket, "getaddrinfo", another_alone)
    with (
        HttpPostClientTransport(echo.url, timeout=5) as client,
        pytest.raises(TransportConnectionError, match="the message was not sent"),
    ):
        client.send_message("b")


def test_without_a_free_descriptor_nothing_is_sent_and_the_error_says_so(echo: Server) -> None:
    code = """
import os, resource, sys
from transport_base import TransportConnectionError
from transport_http import HttpPostClientTransport
with HttpPostClientTransport(sys.argv[1], timeout=10) as client:
    try:
        client.send_message("first", timeout=0)
    except Exception:
        pass
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    try:
        client.send_message("?")
    except TransportConnectionError as exc:
        assert "the message was not sent" in str(exc), exc
    else:
        raise AssertionError("sent without a socket")
    for descriptor in held:
        os.close(descriptor)
    assert client.send_message("on") == "on"
"""
    done = subprocess.run(
        [sys.executable, "-c", code, echo.url], timeout=30, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# --- the headers of a status error


def test_a_status_error_has_the_headers_of_its_response(serve: Serve) -> None:
    said = ["Retry-After: 7", 'WWW-Authenticate: Basic realm="r"', "X-Two: a", "X-Two: b", "Set-Cookie: s=classified"]
    server = serve(say(response(b"later", *said, status="503 Busy")))
    with HttpPostClientTransport(server.url, timeout=5) as client, pytest.raises(HttpStatusError) as caught:
        client.send_message("?")
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        headers: Any = error.headers
        assert headers["retry-after"] == headers["RETRY-AFTER"] == "7"
        assert headers.get("www-authenticate") == 'Basic realm="r"'
        assert headers["x-two"] == "a, b"
        assert "Content-Length" in headers
        assert headers.get("absent") is None
        with pytest.raises(TypeError):
            headers["Retry-After"] = "8"
        assert "classified" not in repr(headers) + repr(error) + str(error)


@pytest.mark.parametrize("hooked", [False, True], ids=["plain", "session"])
def test_the_headers_of_a_status_error_come_through_a_session_too(serve: Serve, hooked: bool) -> None:
    session = requests.Session()
    if hooked:
        session.hooks["response"].append(leave_alone)
    server = serve(say(response(b"", "Retry-After: 3", status="429 Slow")))
    with (
        HttpPostClientTransport(server.url, timeout=5, session=session) as client,
        pytest.raises(HttpStatusError) as caught,
    ):
        client.send_message("?")
    assert caught.value.headers["retry-after"] == "3"


# --- memory


@pytest.mark.parametrize("hooked", [False, True], ids=["plain", "session"])
@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_reply_in_tiny_chunks_takes_memory_in_proportion(serve: Serve, size: int, hooked: bool) -> None:
    whole = 1 << 19
    chunk = b"%x\r\n%b\r\n" % (size, b"x" * size)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = serve(say(head + chunk * (whole // size) + b"0\r\n\r\n"))
    session = requests.Session()
    if hooked:
        session.hooks["response"].append(leave_alone)
    with HttpPostClientTransport(server.url, timeout=50, session=session) as client:
        client.send_message("?")
        tracemalloc.start()
        try:
            assert len(client.send_message("?")) == whole // size * size
            # The server's side sends from what it has had before; the reply is there as bytes and as text.
            assert tracemalloc.get_traced_memory()[1] < 6 * whole
        finally:
            tracemalloc.stop()


# --- secrets


def everything(error: BaseException | None) -> str:
    """Return all that a log could show of *error*: texts, representations and tracebacks, whatever is chained to it."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    shown = [line for each in seen for line in traceback.format_exception(each)]
    return "".join([*shown, *map(repr, seen), *map(str, seen)])


@pytest.mark.parametrize(
    "endpoint",
    ["http://u:s3cret@h:99999/", "http://u:s3cret#x@host/", "http://u:s3cret@[::1/", "http://h:port/?key=s3cret"],
)
def test_a_refused_endpoint_shows_no_secret_anywhere(endpoint: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        HttpPostClientTransport(endpoint)
    assert "s3cret" not in everything(caught.value)


@pytest.mark.parametrize("own_adapter", [False, True], ids=["ours", "callers"])
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        response(b"", status="500 No"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff",
        None,
    ],
    ids=["breaks-off", "malformed", "status", "not-text", "refused"],
)
def test_an_error_shows_neither_query_nor_params_nor_password(
    serve: Serve, answer: bytes | None, own_adapter: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "transport_http")
    server = serve(say(answer or b""))
    if answer is None:
        server.close()
    session = requests.Session()
    if own_adapter:

        class Own(HTTPAdapter):
            pass

        session.mount("http://", Own())
    url = server.url.replace("//", "//me:s3cret-1@") + "?key=s3cret-2"
    with HttpPostClientTransport(url, session=session, timeout=5, params={"p": "s3cret-3"}) as client:
        with pytest.raises(TransportError) as caught:
            client.send_message("?")
        assert "s3cret" not in repr(client)
    session.close()
    assert "s3cret" not in everything(caught.value)
    assert "s3cret" not in caplog.text


# --- cookies


def test_a_servers_cookies_are_bounded_unless_the_session_is_the_callers(serve: Serve) -> None:
    sizes: list[int] = []

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            sizes.append(request.headers.get("cookie", "").count("="))
            number = len(sizes)
            peer.reply(b"", *[f"Set-Cookie: c{number}-{n}={'v' * 50}; Path=/" for n in range(90)])

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=20) as client:
        for _ in range(5):
            client.send_message("?")
    assert sizes == [0, 50, 50, 50, 50]
    sizes.clear()
    with HttpPostClientTransport(server.url, timeout=20, session=requests.Session()) as client:
        for _ in range(3):
            client.send_message("?")
    assert sizes == [0, 90, 180]


def test_a_full_jar_still_renews_the_cookies_in_it(serve: Serve) -> None:
    seen: list[str] = []

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            seen.append(request.headers.get("cookie", ""))
            huge = f"Set-Cookie: huge={'v' * 5000}"
            peer.reply(b"", huge, *[f"Set-Cookie: c{n}=v{len(seen)}; Path=/" for n in range(60)])

    with HttpPostClientTransport(serve(script).url, timeout=20) as client:
        for _ in range(3):
            client.send_message("?")
    assert seen[2].count("=v2") == 50
    assert "huge" not in seen[2]


# --- connections


@pytest.mark.parametrize(("seconds", "connections"), [(0, 3), (100, 1)])
def test_an_idle_connection_is_used_for_as_long_as_the_server_said(
    serve: Serve, seconds: int, connections: int
) -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            peer.reply(request.body, f"Keep-Alive: timeout={seconds}, max=100", "Connection: keep-alive")

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=5) as client:
        for text in "abc":
            assert client.send_message(text) == text
    assert server.accepted == connections


def test_over_tls_a_reply_that_ends_without_tls_own_end_is_broken_off(serve: Serve, tmp_path: Path) -> None:
    authority: Any = trustme.CA()  # it lacks some annotations
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)

    def script(peer: Peer) -> None:
        request = peer.read_request()
        assert request is not None
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        if request.body == b"whole":
            assert isinstance(peer.sock, ssl.SSLSocket)
            peer.sock.sendall(b" and half")
            peer.sock.unwrap()

    server = serve(script, tls=context)
    with HttpPostClientTransport(server.url, timeout=5, verify=str(bundle)) as client:
        assert client.send_message("whole") == "half and half"
        with pytest.raises(TransportConnectionError, match="may have handled"):
            client.send_message("?")


def test_an_answer_that_comes_before_the_message_is_read_says_why(serve: Serve) -> None:
    """A server that refuses a large message need not read it: RFC 9110, section 15.5.14."""

    def script(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.reply(b"too large", "Connection: close", status="413 Large")
        peer.sock.shutdown(socket.SHUT_WR)
        while peer.sock.recv(1 << 20):
            pass

    with HttpPostClientTransport(serve(script).url, timeout=20) as client, pytest.raises(HttpStatusError) as caught:
        client.send_message("x" * 10_000_000)
    assert caught.value.status_code == 413


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
    ],
    ids=["both-lengths", "twice-chunked", "bare-lf", "prefix", "longer"],
)
def test_framing_that_could_be_read_in_two_ways_is_refused(serve: Serve, head: bytes) -> None:
    with (
        HttpPostClientTransport(serve(say(b"HTTP/1.1 200 OK\r\n" + head)).url, timeout=5) as client,
        pytest.raises(TransportProtocolError, match="malformed"),
    ):
        client.send_message("?")


def test_threads_share_a_jar_that_the_server_changes_with_each_reply(serve: Serve) -> None:
    count = iter(range(1_000_000))

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            peer.reply(request.body, f"Set-Cookie: c{next(count) % 40}=v; Path=/")

    failures: list[BaseException] = []
    with HttpPostClientTransport(serve(script).url, timeout=30) as client:

        def call() -> None:
            try:
                for number in range(30):
                    assert client.send_message(str(number)) == str(number)
            except BaseException as exc:
                failures.append(exc)

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert failures == []
