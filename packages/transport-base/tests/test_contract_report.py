"""What an author sees: pytest run on a test file of theirs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# A transport that hangs, starts a thread that never ends, keeps a socket open, and raises in all that it does.
BROKEN = """
import socket, threading, time
from contextlib import contextmanager
from transport_base.contract import Contract, Pair

class Server:
    def __init__(self):
        self.kept = socket.socketpair()
        threading.Thread(target=threading.Event().wait).start()
    def receive_message(self):
        threading.Event().wait()
    def send_reply(self, context, reply):
        raise ZeroDivisionError("oops")
    def close(self):
        raise ZeroDivisionError("oops")

class Client:
    def __init__(self, server):
        self.server = server
    def send_message(self, message):
        threading.Event().wait()

class TestServer(Contract):
    promises = {"close"}
    deadline = 0.1

    @contextmanager
    def open(self):
        server = Server()
        yield Pair(server, lambda timeout: Client(server))
        server.close()

class TestUnopened(Contract):
    @contextmanager
    def open(self):
        raise OSError("the address is in use")
        yield
"""


def run(folder: Path, code: str, *options: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_theirs.py").write_text(code)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-W", "error", *options],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_transport_that_hangs_and_leaks_fails_and_nothing_else_happens(tmp_path: Path, mode: str) -> None:
    done = run(tmp_path, BROKEN, f"--import-mode={mode}")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "error" not in done.stdout.splitlines()[-1], done.stdout
    assert "broken promise: A context of another server is a TransportContextError, and nothing is sent." in done.stdout
    assert "seen: receive_message() did not return within 0.1 s" in done.stdout
    assert "made by: the docstring of ServerTransport.send_reply in " in done.stdout
    assert "raised OSError('the address is in use')" in done.stdout
    assert "TestServer does not declare drop: " in done.stdout


def test_promise_that_does_not_exist_is_named(tmp_path: Path) -> None:
    code = """
from transport_base.contract import Contract
class TestTheirs(Contract):
    promises = {"clsoe"}
"""
    done = run(tmp_path, code)
    assert done.returncode == 2
    assert "promises of TestTheirs are ['clsoe'], expected some of asyncio, call-timeout, close" in done.stdout
