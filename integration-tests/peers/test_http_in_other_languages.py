"""Node, Go, curl and Chromium at the other end of HTTP's wire."""

import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from browser import PATIENCE as BROWSER_PATIENCE
from browser import chromium, site, visiting
from tasks import DEADLINE, tasks
from web_servers import waitress_server

from peers.languages import MESSAGES, ask, command
from peers.programs import free_port, running
from peers.service_servers import WEB_SERVERS, command_serving, module, parameters, serving
from transport_base import serve
from transport_http import HttpPostClientTransport
from transport_wsgi import WsgiServerTransport

CLIENTS = [
    pytest.param("http_client.js", id="node", marks=pytest.mark.peer("node")),
    pytest.param("http_client.go", id="go", marks=pytest.mark.peer("go")),
]
SERVERS = [
    pytest.param("http_server.js", id="node", marks=pytest.mark.peer("node")),
    pytest.param("http_server.go", id="go", marks=pytest.mark.peer("go")),
]


@pytest.fixture
def url() -> Generator[str]:
    """The address of an upper-case service under waitress."""
    server = WsgiServerTransport()
    with waitress_server(server) as address, tasks(server.close) as running_tasks:
        running_tasks.start(serve, server, str.upper, threads=2)
        yield address


@pytest.mark.timeout(300)  # Go compiles its library first
@pytest.mark.parametrize("source", CLIENTS)
def test_a_client_gets_its_replies(source: str, url: str) -> None:
    command(source)
    with ThreadPoolExecutor(4) as pool:
        for message in MESSAGES:
            assert ask(source, url, message, 5) == message.upper()
        clients = [pool.submit(ask, source, url, f"client {number}", 100) for number in range(4)]
        assert [client.result() for client in clients] == [f"CLIENT {number}" for number in range(4)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", SERVERS)
def test_a_server_answers(source: str) -> None:
    port = free_port()
    with (
        running(*command(source), str(port)) as program,
        HttpPostClientTransport(f"http://127.0.0.1:{port}/", timeout=DEADLINE) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        program.until_listening(port)
        for message in MESSAGES:
            assert client.send_message(message) == message
        client.send_message("one way", expect_reply=False)
        messages = [f"message {number}" for number in range(200)]
        assert list(pool.map(client.send_message, messages)) == messages


CURL_OPTIONS = [
    *("--silent", "--show-error", "--max-time", "60"),
    *("--data-binary", "@-", "--write-out", "\n%{http_version} %{http_code}"),
]


def curl(*arguments: str, body: bytes) -> tuple[str, bytes]:
    """Return the HTTP version and the status that curl saw, and the body."""
    shown = subprocess.run(
        ["curl", *CURL_OPTIONS, *arguments],
        input=body,
        capture_output=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    received, _, result = shown.stdout.rpartition(b"\n")
    return result.decode(), received


EXPECTING = "Expect: 100-continue"


@pytest.mark.peer("curl")
def test_curl(url: str) -> None:
    for message in MESSAGES[1:]:
        assert curl(url, body=message.encode()) == ("1.1 200", message.upper().encode())
    assert curl("--header", "Prefer: respond-async", url, body=b"one way")[0] == "1.1 202"
    assert curl(url, body=b"\xff")[0] == "1.1 400"


@pytest.mark.peer("curl")
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("name", parameters("gunicorn-gthread", "waitress", "cheroot", "gevent.pywsgi", "granian"))
def test_curl_waits_for_100_continue(name: str, chunked: bool, tmp_path: Path) -> None:
    large = b"x" * 2_000_000
    options = ["--header", "Transfer-Encoding: chunked"] if chunked else []
    with serving(name, tmp_path) as served:
        # A second is what curl waits for the server's "100 Continue" before it sends the body nevertheless.
        timing = ["--expect100-timeout", "30", "--max-time", "20"]
        seen = curl("--header", EXPECTING, *timing, *options, served.url, body=large)
    if chunked and not WEB_SERVERS[name].chunked:
        assert seen[0] == "1.1 400"
    else:
        assert seen == ("1.1 200", large.upper())


@pytest.mark.peer("curl")
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(
            ("hypercorn", "--bind", "127.0.0.1:PORT", "service_asgi:app"),
            marks=pytest.mark.peer("hypercorn", "a2wsgi"),
            id="hypercorn",
        ),
        pytest.param(
            ("granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "PORT", "--http", "2", "service:app"),
            marks=pytest.mark.peer("granian"),
            id="granian",
        ),
    ],
)
def test_curl_speaks_http_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    port = free_port()
    with command_serving(module(*arguments)(port, tmp_path), port, tmp_path) as served:
        assert curl("--http2-prior-knowledge", served.url, body=b"hello") == ("2 200", b"HELLO")
        large = b"x" * 1_048_576
        assert curl("--http2-prior-knowledge", served.url, body=large) == ("2 200", large.upper())


@pytest.mark.peer("chromium")
def test_a_page_in_chromium_sends_messages(tmp_path: Path) -> None:
    """Whatever way a page has: fetch, with other types, one way, a beacon."""
    program = chromium()
    assert program is not None
    server = WsgiServerTransport(allow_origin="*")
    with waitress_server(server) as address, tasks(server.close) as running_tasks:
        running_tasks.start(serve, server, str.upper)
        with site("127.0.0.1", address) as page, visiting(program, page.origin, tmp_path):
            seen = page.seen.result(BROWSER_PATIENCE)
    assert seen["simple"] == [200, "SIMPLE"]
    assert seen["json"] == [200, "JSON"]
    assert seen["oneWay"] == [202, seen["oneWay"][1]]
    assert seen["beacon"] is True
