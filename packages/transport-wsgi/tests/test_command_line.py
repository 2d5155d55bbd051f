"""The echo command, run as people run it."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager

import pytest

import transport_wsgi

COMMAND = [sys.executable, "-m", transport_wsgi.__name__]


@contextmanager
def echo(*arguments: str) -> Generator[tuple["subprocess.Popen[str]", str]]:
    process = subprocess.Popen(
        [*COMMAND, "echo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])},
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate(timeout=10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_echo_prints_its_address_echoes_and_ends_cleanly(number: signal.Signals) -> None:
    with echo("--port", "0") as (process, line):
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9][0-9]*/\n", line), process.communicate(timeout=10)
        for message in ("hello", "", "مرحبا\r\n\0"):
            with urllib.request.urlopen(line.strip(), data=message.encode(), timeout=30) as response:
                assert response.read() == message.encode()
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
        assert (output, errors, process.returncode) == ("", "", 0)


def test_echo_ends_cleanly_when_its_shell_ignores_ctrl_c() -> None:
    """So does a shell with what it starts in the background."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with echo("--port", "0") as (process, _):
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
    finally:
        signal.signal(signal.SIGINT, previous)


def test_a_busy_port_is_one_line_on_stderr() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with echo("--port", port) as (process, line):
            output, errors = process.communicate(timeout=30)
    assert (line, output, process.returncode) == ("", "", 1)
    assert errors == (
        f"python -m transport_wsgi: cannot listen on --host 127.0.0.1 --port {port} (Address already in use)\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [["--port", "65536"], ["--port", "-1"], ["--port", "http"], [], ["--prot", "0"]],
    ids=["too-large", "negative", "no-number", "absent", "misspelt"],
)
def test_wrong_usage_is_reported_with_status_2(arguments: list[str]) -> None:
    with echo(*arguments) as (process, line):
        _, errors = process.communicate(timeout=30)
    assert (line, process.returncode) == ("", 2)
    assert "usage:" in errors
