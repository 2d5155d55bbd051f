"""Echo servers in processes of their own, each with a client: for those tests that need no hand on the server."""

import socket
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

import zmq
from interfaces import Client
from processes import Process, python
from tasks import DEADLINE

from transport_http import HttpPostClientTransport
from transport_zmq import ZmqClientTransport


@contextmanager
def zmq_process() -> Generator[Client]:
    with (
        python("-m", "transport_zmq", "echo", "tcp://127.0.0.1:*") as process,
        zmq.Context() as context,
        ZmqClientTransport.create(context, process.line(), DEADLINE) as client,
    ):
        yield client


def _gunicorn(worker: str) -> Callable[[], AbstractContextManager[Client]]:
    @contextmanager
    def opened() -> Generator[Client]:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            # Else gunicorn, which writes head and body apart, waits 40 ms for the client between them.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            command = ["-m", "gunicorn", "--worker-class", worker, "--threads", "16", "--log-level", "warning"]
            command += ["--bind", f"fd://{listener.fileno()}", "echo_apps:app"]
            # The listener is open already, so the first request waits until the server is up.
            with python(*command, pass_fds=[listener.fileno()]), _client(listener.getsockname()[1]) as client:
                yield client

    return opened


@contextmanager
def granian() -> Generator[Client]:
    port = _free_port()
    command = [
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--log-level",
        "error",
    ]
    with python(*command, "--blocking-threads", "16", "echo_apps:app") as process:
        _await_listener(port, process)
        with _client(port) as client:
            yield client


ECHO_SERVERS: dict[str, Callable[[], AbstractContextManager[Client]]] = {
    "zmq-process": zmq_process,
    "gunicorn-gthread": _gunicorn("gthread"),
    "gunicorn-gevent": _gunicorn("gevent"),
    "granian": granian,
}


def _client(port: int) -> Client:
    return HttpPostClientTransport(f"http://127.0.0.1:{port}/", timeout=DEADLINE)


def _free_port() -> int:
    """Return a port that was free a moment ago, for a server that can't pick one or take over a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _await_listener(port: int, process: Process) -> None:
    end = time.monotonic() + DEADLINE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, f"process {process.pid} does not listen"
            time.sleep(0.02)
        else:
            return
