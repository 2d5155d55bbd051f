"""Time, size, and servers that behave badly: the right error, in time, and the next call works."""

import gzip
import socket
import ssl
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from transport_base import (
    TransportClosedError,
    TransportConnectionError,
    TransportProtocolError,
    TransportTimeoutError,
)
from transport_http import HttpPostClientTransport, HttpStatusError

from .conftest import Peer, Script, Serve, Server, say

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


def misbehave_once(serve: Serve, first: Script) -> Server:
    """Start a server whose first connection runs *first*, and whose others echo."""
    pending: list[Script] = [first]

    def script(peer: Peer) -> None:
        if pending:
            pending.pop()(peer)
            return
        while (request := peer.read_request()) is not None:
            peer.reply(request.body)

    return serve(script)


def never_answer(peer: Peer) -> None:
    peer.read_request()
    peer.stopped.wait(20)


@pytest.mark.parametrize(
    "first",
    [
        never_answer,
        say(b"", drip=b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50),
        say(b"", drip=b"HTTP/1.1 100 Continue\r\n\r\n" * 10),
        say(HEAD, drip=b"x" * 900),
        say(CHUNKED, drip=b"1\r\nx\r\n" * 100),
    ],
    ids=["silence", "drip-head", "drip-interim", "drip-body", "drip-chunks"],
)
def test_the_timeout_holds_for_the_whole_call(serve: Serve, first: Script) -> None:
    server = misbehave_once(serve, first)
    with HttpPostClientTransport(server.url, timeout=0.5) as client:
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError, match="may have handled"):
            client.send_message("?")
        assert time.monotonic() - start < 1.5
        assert client.send_message("on") == "on"


def test_the_timeout_holds_when_the_server_does_not_read(serve: Serve) -> None:
    server = misbehave_once(serve, lambda peer: peer.stopped.wait(20))
    with HttpPostClientTransport(server.url, timeout=0.5) as client:
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError):
            client.send_message("x" * 30_000_000)
        assert time.monotonic() - start < 1.5
        assert client.send_message("on") == "on"


def test_the_timeout_holds_when_the_server_reads_little_by_little(serve: Serve) -> None:
    def first(peer: Peer) -> None:
        while not peer.stopped.wait(0.05) and peer.sock.recv(1000):
            pass

    server = misbehave_once(serve, first)
    with HttpPostClientTransport(server.url, timeout=0.5) as client:
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError):
            client.send_message("x" * 30_000_000)
        assert time.monotonic() - start < 1.5


def test_the_timeout_holds_for_a_tls_handshake(serve: Serve) -> None:
    server = serve(lambda peer: peer.drip(b"\x16\x03\x03\x40\x00" + b"\x02" * 1000))
    url = server.url.replace("http:", "https:")
    with HttpPostClientTransport(url, timeout=0.5) as client:
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError):
            client.send_message("?")
        assert time.monotonic() - start < 1.5


def test_the_timeout_holds_while_connecting() -> None:
    """The backlog is full, so the kernel does not answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            with HttpPostClientTransport(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=0.5) as client:
                start = time.monotonic()
                with pytest.raises(TransportTimeoutError, match="not sent"):
                    client.send_message("?")
                assert time.monotonic() - start < 1.5
        finally:
            for filler in fillers:
                filler.close()


def test_a_late_reply_is_not_taken_for_the_next_calls(serve: Serve) -> None:
    late = threading.Event()

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            if request.body == b"slow":
                late.wait(10)
            peer.reply(request.body)

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=0.5) as client:
        for number in range(3):
            with pytest.raises(TransportTimeoutError):
                client.send_message("slow")
            assert client.send_message(str(number)) == str(number)
        late.set()
        assert client.send_message("fast") == "fast"


def test_bytes_after_a_reply_are_not_taken_for_the_next_one(serve: Serve) -> None:
    stale = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale"

    def first(peer: Peer) -> None:
        peer.read_request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + stale[:20])
        peer.read_request()
        peer.sock.sendall(stale[20:] + stale)

    server = misbehave_once(serve, first)
    with HttpPostClientTransport(server.url, timeout=5) as client:
        assert client.send_message("?") == "ok"
        assert client.send_message("on") == "on"


@pytest.mark.parametrize(
    "answer",
    [
        b"Set-Cookie: a" + b" " * 16_000 + b"x=b\r\n",
        b"A: " + b"x \t" * 5_000 + b"\r\n",
    ],
    ids=["blanks", "tabs"],
)
def test_a_head_of_blanks_costs_no_more_than_its_length(serve: Serve, answer: bytes) -> None:
    data = b"HTTP/1.1 200 OK\r\n" + answer * 3 + b"Content-Length: 2\r\n\r\nok"
    server = misbehave_once(serve, say(data))
    with HttpPostClientTransport(server.url, timeout=5) as client:
        start = time.thread_time()
        assert client.send_message("?") == "ok"
        assert time.thread_time() - start < 0.5


@pytest.mark.parametrize(
    "head",
    [
        b"A: " + b"x" * 17_000 + b"\r\n",
        (b"A: " + b"x" * 10_000 + b"\r\n") * 7,
        b"A: b\r\n" + (b" " + b"x" * 1000 + b"\r\n") * 70,
        b'Content-Type: text/plain; x="' + b";" * 2000 + b"\r\n",
    ],
    ids=["line", "lines", "folded", "content-type"],
)
def test_a_head_that_is_too_long_is_a_protocol_error(serve: Serve, head: bytes) -> None:
    server = misbehave_once(
        serve, say(b"HTTP/1.1 200 OK\r\n" + head + b"Connection: close\r\nContent-Length: 2\r\n\r\nok")
    )
    with HttpPostClientTransport(server.url, timeout=5) as client:
        with pytest.raises(TransportProtocolError):
            client.send_message("?")
        assert client.send_message("on") == "on"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        HEAD + b"x" * 999,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        CHUNKED + b"2\r\nab\r\n0",
        CHUNKED + b"2\r\nab\r\n00",
        CHUNKED + b"2\r\nab\r\n5",
        CHUNKED + b"2\r\nab\r\n0\r",
    ],
    ids=[
        "nothing",
        "status-line",
        "header",
        "body",
        "in-a-chunk",
        "between-chunks",
        "in-the-last-size",
        "in-a-size-that-looks-like-the-last",
        "in-a-size",
        "between-cr-and-lf",
    ],
)
def test_a_reply_that_breaks_off_is_a_connection_error(serve: Serve, data: bytes) -> None:
    server = misbehave_once(serve, say(data))
    with HttpPostClientTransport(server.url, timeout=5) as client:
        with pytest.raises(TransportConnectionError, match="may have handled"):
            client.send_message("?")
        assert client.send_message("on") == "on"


def test_a_reset_connection_is_a_connection_error(serve: Serve) -> None:
    def first(peer: Peer) -> None:
        peer.read_request()
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    server = misbehave_once(serve, first)
    with HttpPostClientTransport(server.url, timeout=5) as client:
        with pytest.raises(TransportConnectionError):
            client.send_message("?")
        assert client.send_message("on") == "on"


def endless(head: bytes, data: bytes) -> Script:
    def first(peer: Peer) -> None:
        peer.read_request()
        peer.sock.sendall(head)
        while True:
            peer.sock.sendall(data)

    return first


@pytest.mark.parametrize(
    "first",
    [
        say(b"hello\r\n\r\n"),
        say(b"HTTP/2 200 OK\r\n\r\n"),
        say(b"HTTP/1.1 2000 OK\r\n\r\n"),
        say(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
        say(b"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\nx"),
        say(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx"),
        say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        say(b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n0123456789"),
        say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx"),
        say(b"HTTP/1.1 200 OK\r\nContent-Encoding: no-such\r\nContent-Length: 1\r\n\r\nx"),
        say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: 3\r\n\r\nxyz"),
        say(CHUNKED + b"zz\r\nab\r\n0\r\n\r\n"),
        say(CHUNKED + b"-5\r\nab\r\n0\r\n\r\n"),
        endless(CHUNKED, b"9"),
        endless(CHUNKED + b"0\r\n", b"Trailer: x\r\n" * 1000),
        endless(b"", b"x" * 65_536),
        endless(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 1000),
        endless(b"HTTP/1.1 200 OK\r\nA: ", b"x" * 65_536),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    ],
    ids=[
        "no-http", "http-2", "status", "no-colon", "space-before-colon", "negative-length", "two-lengths",
        "underscore-length", "transfer-coding", "content-coding", "broken-gzip", "chunk-size", "negative-chunk",
        "endless-chunk-size", "endless-trailers", "endless-line", "endless-headers", "endless-header",
        "endless-interim",
    ],
)  # fmt: skip
def test_an_answer_that_is_not_http_is_a_protocol_error(serve: Serve, first: Script) -> None:
    server = misbehave_once(serve, first)
    with HttpPostClientTransport(server.url, timeout=10, max_reply_bytes=100_000) as client:
        with pytest.raises(TransportProtocolError):
            client.send_message("?")
        assert client.send_message("on") == "on"


@pytest.mark.parametrize(
    "first",
    [
        say(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\nx"),
        say(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11),
        say(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 11),
        say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n"),
        endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536),
    ],
    ids=["10-GB-announced", "announced", "until-close", "chunked", "endless"],
)
def test_a_reply_over_the_limit_is_refused(serve: Serve, first: Script) -> None:
    server = misbehave_once(serve, first)
    with HttpPostClientTransport(server.url, timeout=10, max_reply_bytes=10) as client:
        with pytest.raises(TransportProtocolError, match="expected 10 at most"):
            client.send_message("?")
        assert client.send_message("0123456789") == "0123456789"


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(serve: Serve) -> None:
    bomb = gzip.compress(bytes(200 << 20), 9)
    server = misbehave_once(
        serve,
        say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb),
    )
    with HttpPostClientTransport(server.url, timeout=20, max_reply_bytes=1 << 20) as client:
        tracemalloc.start()
        try:
            with pytest.raises(TransportProtocolError, match="at most"):
                client.send_message("?")
            assert tracemalloc.get_traced_memory()[1] < 80 << 20
        finally:
            tracemalloc.stop()
        assert client.send_message("on") == "on"


def test_a_message_is_posted_once_whatever_happens(serve: Serve) -> None:
    """Also when the connection that was kept alive turns out to be dead."""
    seen: list[bytes] = []

    def script(peer: Peer) -> None:
        request = peer.read_request()
        if request is not None:
            seen.append(request.body)
            peer.reply(b"ok")
        request = peer.read_request()
        if request is not None:
            seen.append(request.body)

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=5) as client:
        client.send_message("1")
        with pytest.raises(TransportConnectionError):
            client.send_message("2")
        client.send_message("3")
    assert seen == [b"1", b"2", b"3"]


def test_an_unknown_host_is_a_connection_error() -> None:
    with (
        HttpPostClientTransport("http://host.invalid/", timeout=10) as client,
        pytest.raises(TransportConnectionError, match="can't be reached"),
    ):
        client.send_message("?")


def test_an_error_handled_by_the_caller_does_not_colour_ours(serve: Serve) -> None:
    server = misbehave_once(serve, say(b""))
    with HttpPostClientTransport(server.url, timeout=5) as client:
        try:
            raise TimeoutError("something else")
        except TimeoutError:
            with pytest.raises(TransportConnectionError):
                client.send_message("?")


def wait_until_asked(peer: Peer, asked: threading.Semaphore) -> None:
    peer.read_request()
    asked.release()
    peer.stopped.wait(20)


@pytest.mark.parametrize("timeout", [None, 15.0], ids=["no-timeout", "timeout"])
def test_close_from_another_thread_wakes_every_call(serve: Serve, timeout: float | None) -> None:
    asked = threading.Semaphore(0)
    server = serve(lambda peer: wait_until_asked(peer, asked))
    client = HttpPostClientTransport(server.url, timeout=timeout)
    errors: list[BaseException] = []

    def call() -> None:
        try:
            client.send_message("?")
        except TransportClosedError as exc:
            errors.append(exc)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert asked.acquire(timeout=10)
    start = time.monotonic()
    client.close()
    for thread in threads:
        thread.join(10)
    assert time.monotonic() - start < 1
    assert len(errors) == 4


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_close_wakes_a_call_that_is_sending_or_shaking_hands(serve: Serve, scheme: str) -> None:
    accepted = threading.Event()

    def script(peer: Peer) -> None:
        accepted.set()
        peer.stopped.wait(20)

    server = serve(script)
    client = HttpPostClientTransport(server.url.replace("http:", f"{scheme}:"))
    errors: list[BaseException] = []

    def call() -> None:
        try:
            client.send_message("x" * 30_000_000)
        except TransportClosedError as exc:
            errors.append(exc)

    thread = threading.Thread(target=call)
    thread.start()
    assert accepted.wait(10)
    client.close()
    thread.join(1)
    assert not thread.is_alive()
    assert len(errors) == 1


def test_close_wakes_a_call_that_is_connecting() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        client = HttpPostClientTransport(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        errors: list[BaseException] = []

        def call() -> None:
            try:
                client.send_message("?")
            except TransportClosedError as exc:
                errors.append(exc)

        thread = threading.Thread(target=call)
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            thread.start()
            thread.join(0.2)
            assert thread.is_alive()
            client.close()
            thread.join(1)
            assert not thread.is_alive()
            assert len(errors) == 1
        finally:
            for filler in fillers:
                filler.close()
            client.close()
            thread.join(10)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\nab\xe2\x82",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello" * 1000)[:30],
        b"HTTP/1.1 500 No\r\n\r\nab\xe2\x82",
        CHUNKED + b"5\r\nab",
    ],
    ids=["in-a-character", "packed", "status", "chunk"],
)
def test_close_wakes_a_call_that_is_receiving(serve: Serve, head: bytes) -> None:
    """Whatever the part that came looks like, the call ends because of close()."""
    sent = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.sock.sendall(head)
        sent.set()
        peer.stopped.wait(20)

    client = HttpPostClientTransport(serve(script).url, timeout=10)
    errors: list[BaseException] = []

    def call() -> None:
        try:
            client.send_message("?")
        except BaseException as exc:
            errors.append(exc)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        assert sent.wait(5)
        thread.join(0.2)
    finally:
        client.close()
        thread.join(5)
    assert [type(error) for error in errors] == [TransportClosedError]


def test_a_closed_client_says_so_and_closing_again_does_nothing(echo: Server) -> None:
    client = HttpPostClientTransport(echo.url, timeout=5)
    with client as entered:
        assert entered is client
        assert client.send_message("a") == "a"
    client.close()
    with pytest.raises(TransportClosedError):
        client.send_message("b")
    assert len(echo.requests) == 1


def test_no_thread_and_no_file_descriptor_is_left(echo: Server) -> None:
    descriptors = Path("/proc/self/fd")
    HttpPostClientTransport(echo.url, timeout=5).close()
    with HttpPostClientTransport(echo.url, timeout=5) as client:
        client.send_message("a")
    threads, before = threading.active_count(), len(list(descriptors.iterdir()))
    for _ in range(20):
        with HttpPostClientTransport(echo.url, timeout=5) as client:
            client.send_message("a")
    # The server's side of each connection closes in its own time.
    assert len(list(descriptors.iterdir())) <= before + 25
    assert threading.active_count() <= threads + 25


def test_a_timeout_of_zero_sends_nothing(echo: Server) -> None:
    with HttpPostClientTransport(echo.url, timeout=0) as client, pytest.raises(TransportTimeoutError):
        client.send_message("?")
    assert echo.requests == []


def test_a_status_error_comes_in_time_when_its_body_does_not(serve: Serve) -> None:
    server = serve(say(b"HTTP/1.1 500 Slow\r\nContent-Length: 900\r\n\r\n", drip=b"x" * 900))
    with HttpPostClientTransport(server.url, timeout=0.5) as client:
        start = time.monotonic()
        with pytest.raises(HttpStatusError) as caught:
            client.send_message("?")
        assert time.monotonic() - start < 1.5
    assert caught.value.status_code == 500


def test_a_status_error_that_announces_a_huge_body_takes_no_memory_for_it(serve: Serve) -> None:
    server = serve(say(b"HTTP/1.1 500 No\r\nContent-Length: 10000000000\r\n\r\nhello"))
    with HttpPostClientTransport(server.url, timeout=5) as client:
        tracemalloc.start()
        try:
            with pytest.raises(HttpStatusError):
                client.send_message("?")
            assert tracemalloc.get_traced_memory()[1] < 20 << 20
        finally:
            tracemalloc.stop()


def test_a_forked_child_does_not_talk_on_its_parents_connections(echo: Server) -> None:
    code = """
import os, sys
from transport_http import HttpPostClientTransport
client = HttpPostClientTransport(sys.argv[1], timeout=10)
assert client.send_message("parent") == "parent"
child = os.fork()
for number in range(200):
    text = f"{child and 'parent'}-{number}"
    assert client.send_message(text) == text
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    done = subprocess.run(
        [sys.executable, "-c", code, echo.url], timeout=30, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert echo.accepted == 2


def run_forking(code: str, url: str) -> None:
    """Run *code* in a process of its own, which may fork."""
    done = subprocess.run([sys.executable, "-c", code, url], timeout=30, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_thread_of_a_forked_child_talks_on_its_parents_connections(serve: Serve) -> None:
    """Several threads of the child make its first calls at once, and each child does so."""
    seen: dict[Peer, set[bytes]] = {}

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            seen.setdefault(peer, set()).add(request.body)
            peer.reply(request.body)

    code = """
import os, sys, threading
from transport_http import HttpPostClientTransport
client = HttpPostClientTransport(sys.argv[1], timeout=10)
for number in range(10):
    assert client.send_message("parent") == "parent"
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        continue
    replies, start, name = [], threading.Barrier(3), f"child-{number}"
    def call():
        start.wait(10)
        replies.append(client.send_message(name))
    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    os._exit(replies != [name] * 3)
"""
    run_forking(code, serve(script).url)
    assert all(len(senders) == 1 for senders in seen.values())
    assert set().union(*seen.values()) == {b"parent", *(b"child-%d" % number for number in range(10))}


def test_a_forked_child_does_not_wait_for_a_lock_of_its_parents_threads(echo: Server) -> None:
    """The parent's other threads are anywhere within their calls when it forks."""
    code = """
import gc, os, signal, sys, threading
from transport_http import HttpPostClientTransport
client = HttpPostClientTransport(sys.argv[1], timeout=10)
done = threading.Event()
def call():
    while not done.is_set():
        assert client.send_message("parent") == "parent"
threads = [threading.Thread(target=call) for _ in range(3)]
for thread in threads:
    thread.start()
for number in range(20):
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        assert client.send_message("child") == "child"
        gc.collect()
        client.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
done.set()
for thread in threads:
    thread.join(10)
"""
    run_forking(code, echo.url)


@pytest.fixture
def tls_server(serve: Serve, tmp_path: Path) -> tuple[Server, str]:
    # It lacks some annotations, and for free-threaded Pythons what it builds on.
    trustme: Any = pytest.importorskip("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            if request.body == b"drip":
                peer.sock.sendall(HEAD)
                peer.drip(b"x" * 900)
            peer.reply(request.body)

    return serve(script, tls=context), str(bundle)


def test_tls_with_the_right_authority(tls_server: tuple[Server, str]) -> None:
    server, bundle = tls_server
    with HttpPostClientTransport(server.url, timeout=10, verify=bundle) as client:
        for text in ["", "a", "é" * 1_000_000]:
            assert client.send_message(text) == text
        assert server.accepted == 1
        start = time.monotonic()
    with HttpPostClientTransport(server.url, timeout=0.7, verify=bundle) as client:
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError):
            client.send_message("drip")
        assert time.monotonic() - start < 1.7
        assert client.send_message("on") == "on"


def test_tls_with_an_unknown_authority_is_refused(tls_server: tuple[Server, str]) -> None:
    server, _ = tls_server
    with (
        HttpPostClientTransport(server.url, timeout=10) as client,
        pytest.raises(TransportConnectionError, match=r"(?i)certificate.verify.failed"),
    ):
        client.send_message("?")


def test_the_authorities_of_the_environment_are_heeded(
    tls_server: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, bundle = tls_server
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    with HttpPostClientTransport(server.url, timeout=10) as client:
        assert client.send_message("a") == "a"


def test_tls_to_a_server_without_tls_is_a_connection_error(serve: Serve) -> None:
    server = serve(lambda peer: peer.reply(b"", status="400 Bad Request"))
    with (
        HttpPostClientTransport(server.url.replace("http:", "https:"), timeout=5) as client,
        pytest.raises(TransportConnectionError),
    ):
        client.send_message("?")


def test_a_large_message_over_tls_keeps_to_the_timeout(serve: Serve, tls_server: tuple[Server, str]) -> None:
    """A server that reads one record after the other renews no time-out."""
    server, bundle = tls_server

    def script(peer: Peer) -> None:
        while peer.sock.recv(20_000):
            peer.stopped.wait(0.05)

    slow = serve(script, tls=server.tls)
    with HttpPostClientTransport(slow.url, timeout=0.7, verify=bundle) as client:
        start = time.monotonic()
        with pytest.raises(TransportTimeoutError):
            client.send_message("x" * 30_000_000)
        assert time.monotonic() - start < 1.7
