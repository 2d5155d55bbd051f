"""``python -m transport_zmq``, as a person runs it."""

import signal
import subprocess
import sys
from collections.abc import Generator

import pytest

LIMIT = 20.0
COMMAND = [sys.executable, "-W", "error", "-m", "transport_zmq"]


@pytest.fixture
def echo() -> Generator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [*COMMAND, "echo", "tcp://127.0.0.1:*"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def send(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    result = subprocess.run(
        [*COMMAND, "send", *arguments], input=stdin, capture_output=True, timeout=LIMIT, check=False
    )
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def test_send_prints_the_reply_alone(echo: tuple[subprocess.Popen[str], str]) -> None:
    assert send(echo[1], "grüße 𝄞") == (0, "grüße 𝄞\n", "")
    assert send(echo[1], "") == (0, "\n", "")


def test_send_reads_standard_input(echo: tuple[subprocess.Popen[str], str]) -> None:
    assert send(echo[1], "-", stdin="a\r\nß\n".encode()) == (0, "a\r\nß\n\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_echo_ends_cleanly_on_a_signal(echo: tuple[subprocess.Popen[str], str], number: signal.Signals) -> None:
    process, endpoint = echo
    assert send(endpoint, "x")[0] == 0
    process.send_signal(number)
    out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["tcp://127.0.0.1:9", "x", "--timeout", "0.1"], b"", "no connection to tcp://127.0.0.1:9 within 0.1 s"),
        (["nowhere", "x"], b"", "endpoint 'nowhere' is not understood"),
        (["tcp://127.0.0.1:9", "-"], b"\xff", "standard input is not UTF-8 at byte 0"),
        (["tcp://127.0.0.1:9", "\udcff"], b"", "can't decode byte 0xff"),
    ],
    ids=["no-server", "bad-endpoint", "bad-input", "bad-argument"],
)
def test_an_error_is_one_line_and_status_1(arguments: list[str], stdin: bytes, words: str) -> None:
    status, out, err = send(*arguments, stdin=stdin)
    assert (status, out) == (1, "")
    assert err.startswith("python -m transport_zmq: ")
    assert words in err
    assert err.count("\n") == 1


def test_a_busy_port_is_one_line_and_status_1(echo: tuple[subprocess.Popen[str], str]) -> None:
    result = subprocess.run([*COMMAND, "echo", echo[1]], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert result.returncode == 1
    assert "in use" in result.stderr
    assert result.stderr.count("\n") == 1
