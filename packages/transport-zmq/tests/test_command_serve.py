"""``python -m transport_zmq serve`` and ``proxy``, as a person runs them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from transport_zmq import ZmqClientTransport

LIMIT = 30.0
COMMAND = [sys.executable, "-W", "error", "-m", "transport_zmq"]

SERVICE = """
import threading, time

seen = threading.Event()

def upper(message):
    return message.upper()

def slowly(message):
    seen.set()
    time.sleep(0.5)
    return message.upper()

def fails(message):
    raise RuntimeError("out of luck")

async def coroutine(message):
    return message

def two(first, second):
    return first

number = 7

class Namespace:
    upper = staticmethod(upper)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "service.py").write_text(SERVICE)
    (tmp_path / "broken.py").write_text("raise RuntimeError('out of luck')")
    return tmp_path


@contextmanager
def started(folder: Path, *arguments: str, lines: int = 1) -> Generator[tuple[subprocess.Popen[str], list[str]]]:
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])},
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, [process.stdout.readline().strip() for _ in range(lines)]
        finally:
            process.kill()


@contextmanager
def client(endpoint: str) -> Generator[ZmqClientTransport]:
    with zmq.Context() as context, ZmqClientTransport.create(context, endpoint, LIMIT) as made:
        yield made


def test_a_function_is_a_server(folder: Path) -> None:
    for handler in ("service:upper", "service:Namespace.upper"):
        with (
            started(folder, "serve", "tcp://127.0.0.1:*", handler, "--threads", "3") as (_, [endpoint]),
            client(endpoint) as asking,
            ThreadPoolExecutor(4) as pool,
        ):
            assert list(pool.map(asking.send_message, "abcdefgh")) == list("ABCDEFGH")


def test_a_handler_that_fails_is_logged_and_the_next_message_is_answered(folder: Path) -> None:
    with (
        started(folder, "serve", "tcp://127.0.0.1:*", "service:fails") as (process, [endpoint]),
        client(endpoint) as asking,
    ):
        for _ in range(2):
            asking.send_message("x", expect_reply=False)
        assert process.stderr is not None
        text = ""
        while text.count("RuntimeError: out of luck") < 2:
            text += process.stderr.readline()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("connect", [False, True], ids=["server", "worker"])
def test_a_signal_has_it_finish_what_has_arrived(folder: Path, connect: bool, number: signal.Signals) -> None:
    with started(folder, "proxy", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*", lines=2) as (_, [front, back]):
        address = [back, "--connect"] if connect else ["tcp://127.0.0.1:*"]
        with started(folder, "serve", address[0], "service:slowly", *address[1:], "--threads", "2") as (
            process,
            [endpoint],
        ):
            with client(front if connect else endpoint) as asking, ThreadPoolExecutor(4) as pool:
                assert asking.send_message("first") == "FIRST"
                calls = [pool.submit(asking.send_message, message) for message in "abcd"]
                threading.Event().wait(0.4)  # all four have arrived then, and two of them are being handled
                process.send_signal(number)
                assert [call.result(LIMIT) for call in calls] == list("ABCD")
            out, err = process.communicate(timeout=LIMIT)
            assert (process.returncode, out, err) == (0, "", "")


def test_a_second_signal_stops_it_at_once(folder: Path) -> None:
    (folder / "service.py").write_text(
        "import time\ndef hangs(message):\n    print('got', flush=True)\n    time.sleep(2)\n"
    )
    with (
        started(folder, "serve", "tcp://127.0.0.1:*", "service:hangs", "--drain", "3600") as (process, [endpoint]),
        client(endpoint) as asking,
    ):
        for message in "ab":  # the second one is never handled
            asking.send_message(message, expect_reply=False)
        assert process.stdout is not None
        assert process.stdout.readline() == "got\n"
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_proxy_ends_cleanly_on_a_signal(folder: Path, number: signal.Signals) -> None:
    with (
        started(folder, "proxy", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*", lines=2) as (process, [front, back]),
        started(folder, "serve", back, "service:upper", "--connect"),
        client(front) as asking,
    ):
        assert asking.send_message("hello") == "HELLO"
        process.send_signal(number)
        out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["serve", "tcp://127.0.0.1:*", "service"], 1, "handler is 'service', expected MODULE:FUNCTION"),
        (["serve", "tcp://127.0.0.1:*", "missing:handle"], 1, "importing missing failed (ModuleNotFoundError"),
        (["serve", "tcp://127.0.0.1:*", "broken:handle"], 1, "importing broken failed (RuntimeError: out of luck)"),
        (["serve", "tcp://127.0.0.1:*", "service:handle"], 1, "service has no handle, expected a function"),
        (["serve", "tcp://127.0.0.1:*", "service:number"], 1, "service:number is of type int, expected a function"),
        (["serve", "tcp://127.0.0.1:*", "service:coroutine"], 1, "is a coroutine function, expected a plain one"),
        (["serve", "tcp://127.0.0.1:*", "service:two"], 1, "(first, second) does not take one message"),
        (["serve", "nowhere", "service:upper"], 1, "endpoint 'nowhere' is not understood"),
        (["serve", "tcp://127.0.0.1:*", "service:upper", "--threads", "0"], 2, "'0' is not a number of threads"),
        (["proxy", "tcp://127.0.0.1:*", "nowhere"], 1, "endpoint 'nowhere' is not understood"),
    ],
)
def test_what_is_wrong_is_one_line(folder: Path, arguments: list[str], status: int, words: str) -> None:
    with started(folder, *arguments, lines=0) as (process, _):
        out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, out) == (status, "")
    assert words in err
    assert status == 2 or (err.startswith("python -m transport_zmq: ") and err.count("\n") == 1)
