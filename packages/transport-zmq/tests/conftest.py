import os
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

import pytest
import zmq

from transport_base import serve
from transport_zmq import ZmqServerTransport

LIMIT = 10.0  # seconds that no wait here comes near to

Running = Callable[..., AbstractContextManager[list[threading.Thread]]]

# How often each trial is made that needs luck to fail: a few seconds' worth, unless the environment says more.
TIMES = int(os.environ.get("TRIALS", "1"))


@pytest.fixture
def context() -> Generator[zmq.Context[zmq.Socket[bytes]]]:
    """A context that can be terminated at the end only if every socket was closed."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield context
    done = threading.Event()

    def terminate() -> None:
        context.term()
        done.set()

    threading.Thread(target=terminate, daemon=True).start()
    assert done.wait(LIMIT), "a socket was left open"


@pytest.fixture
def server(context: zmq.Context[zmq.Socket[bytes]]) -> Generator[ZmqServerTransport]:
    with ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server:
        yield server


@contextmanager
def _running(*targets: Callable[[], object]) -> Generator[list[threading.Thread]]:
    """Run each target in a thread; they must have ended shortly after the block."""
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for thread in threads:
            thread.join(LIMIT)
        assert not any(thread.is_alive() for thread in threads)


@pytest.fixture
def running() -> Running:
    """What runs functions in threads for the length of a block."""
    return _running


@pytest.fixture
def echo(server: ZmqServerTransport) -> Generator[ZmqServerTransport]:
    """A server that answers each message with itself."""
    with _running(lambda: serve(server, lambda message: message)):
        yield server
        server.close()


@pytest.fixture
def trial() -> Callable[..., None]:
    """What runs a test file as a program, *rounds* times a scenario, where libzmq can abort only that."""

    def run(program: str, rounds: int, *scenario: str) -> None:
        command = [sys.executable, "-X", "faulthandler", program, str(rounds * TIMES), *scenario]
        outcome = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100 * TIMES, check=False
        )
        assert outcome.returncode == 0, outcome.stdout[-6000:]

    return run
