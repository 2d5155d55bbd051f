"""The service of the examples under each web server that runs WSGI: messages, statuses, and stops under load."""

import http.client
import signal
import socket
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from peers.load import load
from peers.programs import PATIENCE, free_port
from peers.service_servers import WEB_SERVERS, Command, command_serving, gunicorn, parameters, serving, uvicorn
from transport_http import HttpPostClientTransport, HttpStatusError

# The service of the examples, which also writes down what it handles.
NOTING_SERVICE = """
import os, threading
from transport_base import serve
from transport_wsgi import WsgiServerTransport

open(f"{os.path.dirname(__file__)}/started-{os.getpid()}", "w").close()
notes = os.open(os.path.join(os.path.dirname(__file__), "handled"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def handle(message):
    os.write(notes, message.encode() + b"\\n")
    return message.upper()

app = WsgiServerTransport(reply_timeout=20)
threading.Thread(target=serve, args=(app, handle), kwargs={"threads": 4}, daemon=True).start()
"""

each_server = pytest.mark.parametrize("name", parameters())


def client_of(url: str) -> HttpPostClientTransport:
    return HttpPostClientTransport(url, timeout=30)


@each_server
def test_messages_and_statuses(name: str, tmp_path: Path) -> None:
    with serving(name, tmp_path) as served, client_of(served.url) as client:
        for message in ("", "hello", "\0\r\n\ufeff\U0001f600", "x" * 1_048_576):
            assert client.send_message(message) == message.upper()
        client.send_message("one way", expect_reply=False)
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
        for method, body, status in (("POST", b"\xff", 400), ("GET", b"", 405), ("OPTIONS", b"", 204)):
            connection.request(method, "/", body)
            response = connection.getresponse()
            response.read()
            assert response.status == status
        connection.close()
        with ThreadPoolExecutor(8) as pool:
            messages = [f"message {number}" for number in range(100)]
            assert list(pool.map(client.send_message, messages)) == [message.upper() for message in messages]


@each_server
def test_a_chunked_body_is_a_message_or_refused(name: str, tmp_path: Path) -> None:
    with (
        serving(name, tmp_path) as served,
        socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection,
    ):
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n"
        )
        response = http.client.HTTPResponse(connection)
        response.begin()
        body = response.read()
    if WEB_SERVERS[name].chunked:
        assert (response.status, body) == (200, b"HELLO, WORLD")
    else:
        # WSGI leaves it to the server whether the end of such a body is known. It is never taken for an empty message.
        assert response.status == 400


CHUNKED = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nPrefer: respond-async\r\nTransfer-Encoding: chunked\r\n\r\n"


@each_server
@pytest.mark.parametrize(
    "part", [b"5\r\nhello\r\n7\r\n, wo", b"5\r\nhello\r\n", b"5\r\nhello"], ids=["in-a-chunk", "between", "before"]
)
def test_half_of_a_chunked_body_is_never_taken_for_the_whole(name: str, part: bytes, tmp_path: Path) -> None:
    """Its client has gone: it is not told, but nothing is handled."""
    (tmp_path / "service.py").write_text(NOTING_SERVICE)
    with serving(name, tmp_path) as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
            connection.sendall(CHUNKED + part)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        with client_of(served.url) as client:
            for _ in range(20):
                client.send_message("whole")
    assert set(handled(tmp_path)) == {"whole"}


def handled(folder: Path) -> list[str]:
    """Return the messages that the service in *folder* has handled."""
    return (folder / "handled").read_text().splitlines()


def until_started(folder: Path, processes: int) -> None:
    """Wait for worker processes: one that is still starting can miss the signal to stop."""
    end = time.monotonic() + PATIENCE
    while len(list(folder.glob("started-*"))) < processes:
        assert time.monotonic() < end, list(folder.iterdir())
        time.sleep(0.02)


@pytest.mark.parametrize("name", parameters(*(name for name, server in WEB_SERVERS.items() if server.graceful)))
def test_a_stop_under_load_loses_no_reply(name: str, tmp_path: Path) -> None:
    """Every message that is handled gets its reply, and what comes later is refused. (SIGTERM, except for Apache.)"""
    (tmp_path / "service.py").write_text(NOTING_SERVICE)
    with serving(name, tmp_path) as served, client_of(served.url) as client, load(client) as calls:
        until_started(tmp_path, WEB_SERVERS[name].processes)
        calls.until("answered", 200)
        served.program.signal(WEB_SERVERS[name].stop)
        served.program.wait()
        calls.until("refused", 1)
    assert not calls.lost(handled(tmp_path)), calls.errors


@pytest.mark.parametrize("name", parameters("gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "uwsgi", "granian"))
def test_a_reload_under_load_loses_no_reply(name: str, tmp_path: Path) -> None:
    """SIGHUP: new processes take over from the old ones."""
    (tmp_path / "service.py").write_text(NOTING_SERVICE)
    with serving(name, tmp_path) as served, client_of(served.url) as client, load(client) as calls:
        for _ in range(2):
            calls.until("answered", 200)
            served.program.signal(signal.SIGHUP)
        calls.until("answered", 1000)
    assert not calls.lost(handled(tmp_path)), calls.errors


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            gunicorn("gthread", app="mount_flask:app"), marks=pytest.mark.peer("gunicorn", "flask"), id="flask"
        ),
        pytest.param(
            gunicorn("gthread", app="mount_django:app"), marks=pytest.mark.peer("gunicorn", "django"), id="django"
        ),
        pytest.param(
            uvicorn("mount_fastapi:app"), marks=pytest.mark.peer("uvicorn", "fastapi", "a2wsgi"), id="fastapi"
        ),
    ],
)
def test_a_mount_beside_the_pages_of_an_application(command: Command, tmp_path: Path) -> None:
    port = free_port()
    with command_serving(command(port, tmp_path), port, tmp_path) as served:
        with client_of(f"{served.url}rpc/") as client:
            assert client.send_message("hello") == "HELLO"
        # Without the slash: answered, or sent to the other address (FastAPI's 307), which the client follows.
        with client_of(f"{served.url}rpc") as client:
            assert client.send_message("hello") == "HELLO"
        with urllib.request.urlopen(served.url, timeout=30) as page:
            assert b"a page" in page.read()


@pytest.mark.peer("gunicorn")
def test_authentication_and_a_health_check_in_front(tmp_path: Path) -> None:
    port = free_port()
    command = gunicorn("gthread", app="middleware:app")(port, tmp_path)
    with command_serving(command, port, tmp_path) as served:
        with urllib.request.urlopen(f"{served.url}health", timeout=30) as response:
            assert response.read() == b"ok\n"
        with client_of(served.url) as stranger, pytest.raises(HttpStatusError, match="401"):
            stranger.send_message("hello")
        headers = {"Authorization": "Bearer change me"}
        with HttpPostClientTransport(served.url, timeout=30, headers=headers) as client:
            assert client.send_message("hello") == "HELLO"
