"""The service behind nginx and HAProxy, by the configurations of the examples: limits, time-outs, a server killed."""

import signal
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from peers.balancers import haproxy, nginx
from peers.load import load
from peers.programs import ROOT, Program, free_port
from peers.service_servers import Served, command_serving, gunicorn
from transport_http import HttpPostClientTransport, HttpStatusError

EXAMPLES = ROOT / "packages" / "transport-wsgi" / "examples"
THREADS = 8

Balancer = Callable[[str, int, Path], AbstractContextManager[Program]]

BALANCERS = [
    pytest.param(nginx, "nginx.conf", id="nginx", marks=pytest.mark.peer("nginx")),
    pytest.param(haproxy, "haproxy.cfg", id="haproxy", marks=pytest.mark.peer("haproxy")),
]

pytestmark = pytest.mark.peer("gunicorn")


@contextmanager
def balanced(
    balancer: Balancer, example: str, folder: Path, *changes: tuple[str, str], servers: int = 2
) -> Generator[tuple[str, list[Served], Program]]:
    """Run the service in two servers behind a balancer, or fewer; yield the URL, the servers, and the balancer."""
    ports = [free_port(), free_port()]
    front = free_port()
    configuration = (EXAMPLES / example).read_text()
    for old, new in (("8001", str(ports[0])), ("8002", str(ports[1])), ("8000", str(front)), *changes):
        assert old in configuration
        configuration = configuration.replace(old, new)
    with ExitStack() as opened:
        command = gunicorn("gthread", "--threads", "16")
        behind = [
            opened.enter_context(command_serving(command(port, folder), port, folder)) for port in ports[:servers]
        ]
        yield f"http://127.0.0.1:{front}/", behind, opened.enter_context(balancer(configuration, front, folder))


@pytest.mark.parametrize(("balancer", "example"), BALANCERS)
def test_messages_of_every_kind(balancer: Balancer, example: str, tmp_path: Path) -> None:
    with balanced(balancer, example, tmp_path) as (url, _, _), HttpPostClientTransport(url, timeout=30) as client:
        for message in ("", "hello", "\0\r\n\ufeff\U0001f600", "x" * 4_000_000):
            assert client.send_message(message) == message.upper()
        client.send_message("one way", expect_reply=False)
        with load(client, THREADS) as calls:
            calls.until("answered", 500)
    assert set(calls.outcomes) == {"answered"}, calls.errors


@pytest.mark.parametrize(("balancer", "example"), BALANCERS)
def test_one_of_two_servers_killed_under_load(balancer: Balancer, example: str, tmp_path: Path) -> None:
    """Calls under way there fail once, the others go on, and soon all are answered by the other server."""
    with (
        balanced(balancer, example, tmp_path) as (url, servers, _),
        HttpPostClientTransport(url, timeout=30) as client,
        load(client, THREADS) as calls,
    ):
        calls.until("answered", 300)
        servers[0].program.kill()
        calls.until("answered", 300)
        failed = calls.failed()
        calls.until("answered", 500)
        assert calls.failed() == failed, "calls still fail although only one server is there"
    # Each thread has one call under way; with some luck it has one more on a connection that is only breaking.
    assert failed <= 2 * THREADS, calls.errors


@pytest.mark.parametrize(("balancer", "example"), BALANCERS)
def test_nobody_behind_it_is_a_status(balancer: Balancer, example: str, tmp_path: Path) -> None:
    with (
        balanced(balancer, example, tmp_path, servers=0) as (url, _, _),
        HttpPostClientTransport(url, timeout=30) as client,
        pytest.raises(HttpStatusError) as caught,
    ):
        client.send_message("hello")
    assert caught.value.status_code in {502, 503}


@pytest.mark.peer("nginx")
def test_the_body_limit_of_nginx_is_a_413(tmp_path: Path) -> None:
    with (
        balanced(nginx, "nginx.conf", tmp_path, ("64m", "1k")) as (url, _, _),
        HttpPostClientTransport(url, timeout=30) as client,
    ):
        for size in (2_000, 5_000_000):
            with pytest.raises(HttpStatusError) as caught:
                client.send_message("x" * size)
            assert caught.value.status_code == 413
            assert client.send_message("hello") == "HELLO"


@pytest.mark.parametrize(("balancer", "example"), BALANCERS)
def test_its_time_limit_is_a_504(balancer: Balancer, example: str, tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(HOLDING_SERVICE)
    with (
        balanced(balancer, example, tmp_path, ("30s", "3s")) as (url, _, _),
        HttpPostClientTransport(url, timeout=30) as client,
    ):
        with pytest.raises(HttpStatusError) as caught:
            client.send_message("hold")
        assert caught.value.status_code == 504
        assert client.send_message("hello") == "HELLO"


@pytest.mark.peer("nginx")
def test_reloading_nginx_under_load_loses_no_call(tmp_path: Path) -> None:
    with (
        balanced(nginx, "nginx.conf", tmp_path) as (url, _, program),
        HttpPostClientTransport(url, timeout=30) as client,
        load(client, THREADS) as calls,
    ):
        for _ in range(2):
            calls.until("answered", 200)
            program.signal(signal.SIGHUP)
        calls.until("answered", 500)
    # An idle connection that closes just as a message is sent on it: all that can fail, and once for each.
    assert calls.failed() <= 2 * THREADS, calls.errors


# Answers everything but "hold".
HOLDING_SERVICE = """
import threading
from transport_base import serve
from transport_wsgi import WsgiServerTransport

app = WsgiServerTransport(reply_timeout=20)
held = threading.Event()

def handle(message):
    if message == "hold":
        held.wait(20)
    return message.upper()

threading.Thread(target=serve, args=(app, handle), kwargs={"threads": 4}, daemon=True).start()
"""
