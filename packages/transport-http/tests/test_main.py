"""The command line."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

import transport_http

from .conftest import Server


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "transport_http", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=30, check=False)


def test_send_prints_the_reply_alone(echo: Server) -> None:
    done = run("send", echo.url, "hé")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hé\n".encode(), b"")


def test_a_dash_reads_the_message_from_standard_input(echo: Server) -> None:
    done = run("send", echo.url, "-", "--timeout", "10", stdin="日本\n".encode())
    assert (done.returncode, done.stdout) == (0, "日本\n\n".encode())
    assert echo.requests[0].body == "日本\n".encode()


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (("http://127.0.0.1:1/", "x"), b""),
        (("http://127.0.0.1:1/", "-"), b"\xff"),
        (("no-url", "x"), b""),
        (("http://127.0.0.1:1/", b"\xff".decode("utf-8", "surrogateescape")), b""),
    ],
    ids=["refused", "undecodable", "no-url", "surrogate"],
)
def test_an_error_is_one_line_and_status_1(arguments: tuple[str, ...], stdin: bytes) -> None:
    done = run("send", *arguments, stdin=stdin)
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert b"Traceback" not in done.stderr


def test_the_version_is_that_of_the_distribution() -> None:
    try:
        installed = version("transport-http")
    except PackageNotFoundError:
        pytest.skip("not installed")
    assert installed == transport_http.__version__
