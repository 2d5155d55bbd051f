"""The same application under several web servers, talked to over real sockets."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.simple_server import make_server as make_wsgiref_server
from wsgiref.types import WSGIApplication

import pytest
from cheroot.wsgi import Server as CherootServer
from waitress import wasyncore
from waitress.server import create_server as create_waitress_server
from werkzeug.serving import WSGIRequestHandler as WerkzeugRequestHandler
from werkzeug.serving import make_server as make_werkzeug_server

from transport_wsgi import WsgiServerTransport

Answering = Callable[..., AbstractContextManager[WsgiServerTransport]]
ServerMaker = Callable[[WSGIApplication], AbstractContextManager[int]]


class ThreadingWSGIServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class SilentHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
        pass


class SilentWerkzeugHandler(WerkzeugRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def running(serve_forever: Callable[[], object], stop: Callable[[], object]) -> Generator[None]:
    thread = threading.Thread(target=serve_forever)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(10)
        assert not thread.is_alive()


@contextmanager
def wsgiref_server(app: WSGIApplication) -> Generator[int]:
    with (
        make_wsgiref_server(
            "127.0.0.1", 0, app, server_class=ThreadingWSGIServer, handler_class=SilentHandler
        ) as server,
        running(lambda: server.serve_forever(poll_interval=0.01), server.shutdown),
    ):
        yield server.server_port


@contextmanager
def werkzeug_server(app: WSGIApplication) -> Generator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = make_werkzeug_server(
            "127.0.0.1", 0, app, threaded=True, request_handler=SilentWerkzeugHandler, fd=listener.fileno()
        )
        with running(lambda: server.serve_forever(poll_interval=0.01), server.shutdown):
            yield server.port


@contextmanager
def waitress_server(app: WSGIApplication) -> Generator[int]:
    channels: dict[int, Any] = {}
    # Nothing goes through temporary files: waitress does not close one when it stops during a response.
    server: Any = create_waitress_server(
        app, map=channels, host="127.0.0.1", port=0, threads=16, inbuf_overflow=1 << 24, outbuf_overflow=1 << 24
    )
    stopping = threading.Event()

    def serve_forever() -> None:
        while not stopping.is_set():
            wasyncore.loop(timeout=0.05, map=channels, count=1)
        wasyncore.close_all(channels, ignore_all=True)

    def stop() -> None:
        # First the threads that could still wake the loop, by a file descriptor that it closes in the end.
        server.task_dispatcher.shutdown()
        stopping.set()

    with running(serve_forever, stop):
        yield server.effective_port


@contextmanager
def cheroot_server(app: WSGIApplication) -> Generator[int]:
    server: Any = CherootServer(("127.0.0.1", 0), app, numthreads=16)
    server.prepare()
    with running(server.serve, server.stop):
        yield server.bind_addr[1]


@pytest.fixture(
    params=[
        pytest.param(wsgiref_server, id="wsgiref"),
        pytest.param(werkzeug_server, id="werkzeug"),
        pytest.param(waitress_server, id="waitress"),
        pytest.param(cheroot_server, id="cheroot"),
    ]
)
def server(request: pytest.FixtureRequest) -> ServerMaker:
    maker: ServerMaker = request.param
    return maker


def post(port: int, body: bytes, method: str = "POST", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, "/", body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def raw(port: int, request: bytes, *, hang_up: bool = False) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("", id="empty"),
        pytest.param("\0\r\n\ufeff\U0001f600", id="odd"),
        pytest.param("x" * 1_048_576, id="1-MiB"),
    ],
)
def test_messages_and_replies_are_carried_whole(server: ServerMaker, answering: Answering, message: str) -> None:
    with answering(WsgiServerTransport()) as transport, server(transport) as port:
        status, headers, body = post(port, message.encode())
    assert (status, body) == (200, message.encode())
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["content-length"] == str(len(body))


def test_many_clients_at_once_get_their_own_replies(server: ServerMaker, answering: Answering) -> None:
    def talk(port: int, number: int) -> None:
        for turn in range(10):
            message = f"{number}/{turn}".encode()
            assert post(port, message)[2] == message

    with (
        answering(WsgiServerTransport(), threads=2) as transport,
        server(transport) as port,
        ThreadPoolExecutor(8) as pool,
    ):
        for future in [pool.submit(talk, port, number) for number in range(8)]:
            future.result(60)


def test_each_status_reaches_the_client(server: ServerMaker) -> None:
    transport = WsgiServerTransport(reply_timeout=0.01, max_pending=1, max_content_length=10, allow_origin="http://a")
    with server(transport) as port:
        answers = [
            post(port, b"\xff"),
            post(port, b"hello", Origin="http://b"),
            post(port, b"", "GET"),
            post(port, b"", "HEAD"),
            post(port, b"", "OPTIONS", Origin="http://a"),
            post(port, b"", "OPTIONS"),
            post(port, b"hello, world"),
            post(port, b"hello"),
            post(port, b"hello", Prefer="respond-async"),
            post(port, b"hello"),
        ]
        assert [status for status, _, _ in answers] == [400, 403, 405, 405, 204, 204, 413, 504, 202, 503]
        assert answers[3][2] == answers[4][2] == answers[5][2] == b""
        assert answers[4][1]["access-control-allow-origin"] == "http://a"
        transport.close()
        assert post(port, b"hello")[0] == 503


def test_closing_answers_requests_that_wait(server: ServerMaker) -> None:
    transport = WsgiServerTransport(reply_timeout=None)
    with server(transport) as port, ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(post, port, b"hello") for _ in range(4)]
        contexts = [transport.receive_message(timeout=10)[0] for _ in answers]
        transport.close()
        assert [answer.result(10)[0] for answer in answers] == [503] * len(contexts)


def test_a_body_cut_short_is_no_message(server: ServerMaker, answering: Answering) -> None:
    with answering(WsgiServerTransport()) as transport, server(transport) as port:
        answer = raw(port, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello", hang_up=True)
        # Waitress hangs up before the application is called.
        assert answer == b"" or b" 400 " in answer.partition(b"\r\n")[0]
        assert post(port, b"good")[2] == b"good"


@pytest.mark.parametrize("length", [b"-1", b"abc", b"5, 5", b"+5"])
def test_a_malformed_length_is_no_message(server: ServerMaker, answering: Answering, length: bytes) -> None:
    with answering(WsgiServerTransport()) as transport, server(transport) as port:
        request = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %s\r\n\r\nhello" % length
        assert b" 200 " not in raw(port, request, hang_up=True).partition(b"\r\n")[0]
        assert post(port, b"good")[2] == b"good"


def test_a_chunked_message_is_carried_whole_or_refused(server: ServerMaker, answering: Answering) -> None:
    """Wsgiref's server does not decode chunks: 400 there, where the message would silently be empty."""
    with answering(WsgiServerTransport()) as transport, server(transport) as port:
        answer = raw(
            port,
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n",
            hang_up=server is wsgiref_server,
        )
    if server is wsgiref_server:
        assert b" 400 " in answer.partition(b"\r\n")[0]
    else:
        assert answer.endswith(b"hello, world")


def test_chunks_over_the_limit_are_refused(server: ServerMaker, answering: Answering) -> None:
    with answering(WsgiServerTransport(max_content_length=8)) as transport, server(transport) as port:
        answer = raw(
            port,
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n",
            hang_up=server is wsgiref_server,
        )
    assert b" 4" in answer.partition(b"\r\n")[0]


GUNICORN_APP = """
import os, threading
from transport_base import serve
from transport_wsgi import WsgiServerTransport
{imports}

app = WsgiServerTransport({options})
threading.Thread(target=serve, args=(app, lambda message: f"{{os.getpid()}} {{message}}"), daemon=True).start()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn runs on POSIX alone")
@pytest.mark.parametrize(
    ("worker", "imports", "options"),
    [
        pytest.param("sync", "", "", id="sync"),
        pytest.param("gthread", "", "", id="gthread"),
        pytest.param("gevent", "import gevent.queue", "queue_class=gevent.queue.Queue", id="gevent"),
        pytest.param("gevent", "", "", id="gevent-with-patched-queue"),
    ],
)
def test_gunicorn_runs_it_with_a_loop_in_each_worker(tmp_path: Path, worker: str, imports: str, options: str) -> None:
    if worker == "gevent":
        pytest.importorskip("gevent")
    (tmp_path / "service.py").write_text(GUNICORN_APP.format(imports=imports, options=options))
    command = [sys.executable, "-m", "gunicorn", "--worker-class", worker, "--workers", "2", "--threads", "4"]
    process = subprocess.Popen(
        [*command, "--bind", "127.0.0.1:0", "--chdir", str(tmp_path), "service:app"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path]), "HOME": str(tmp_path)},
    )
    try:
        assert process.stderr is not None
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if match := re.search(r"Listening at: http://127\.0\.0\.1:([0-9]+)", line):
                break
        else:
            pytest.fail("".join(lines))
        port = int(match[1])
        workers: set[bytes] = set()
        deadline = time.monotonic() + 30
        with ThreadPoolExecutor(8) as pool:
            # A worker that is still starting misses the signal to stop, so each is waited for.
            while len(workers) < 2:
                assert time.monotonic() < deadline, workers
                for answer in [pool.submit(post, port, b"hello") for _ in range(8)]:
                    pid, _, text = answer.result(30)[2].partition(b" ")
                    assert text == b"hello"
                    workers.add(pid)
        assert post(port, b"\xff")[0] == 400
        process.send_signal(signal.SIGTERM)
        # Read on, or a full pipe would hold it up.
        lines += process.communicate(timeout=30)[1].splitlines()
    finally:
        process.kill()
        process.wait(10)
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn runs on POSIX alone")
def test_gunicorn_that_loads_it_before_it_forks_answers_503_at_once_and_says_why(tmp_path: Path) -> None:
    """``preload_app``: the receiving loop stays in the master, which gets no requests."""
    (tmp_path / "service.py").write_text(GUNICORN_APP.format(imports="", options=""))
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "gunicorn", "--preload"]
    log = tmp_path / "log"
    with log.open("w") as stderr, socket.create_server(("127.0.0.1", 0)) as listener:
        # The listener is handed over, so a request can wait in it until the worker is there.
        process = subprocess.Popen(
            [*command, "--bind", f"fd://{listener.fileno()}", "--chdir", str(tmp_path), "service:app"],
            stderr=stderr,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path]), "HOME": str(tmp_path)},
            pass_fds=[listener.fileno()],
        )
        try:
            answers = [post(listener.getsockname()[1], b"hello") for _ in range(3)]
        finally:
            process.terminate()
            process.wait(30)
    for status, headers, body in answers:
        assert (status, body.partition(b";")[0]) == (503, b"No loop receives messages in this process of the server")
        assert "retry-after" not in headers
    [line] = [line for line in log.read_text().splitlines() if "no loop receives" in line]
    assert "preload_app off" in line
