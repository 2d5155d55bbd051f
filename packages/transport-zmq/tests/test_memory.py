"""
What strangers can have a server keep in memory is bounded, and a good client is served meanwhile.

The server runs in a process of its own: ``python test_memory.py``.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import zmq

from transport_base import serve
from transport_zmq import ZmqClientTransport, ZmqServerTransport

Context = zmq.Context[zmq.Socket[bytes]]
Running = Callable[..., AbstractContextManager[list[threading.Thread]]]

MIB = 1024 * 1024
LARGE = 500_000
LIMIT = 60.0  # seconds that no wait here comes near to

# What the server may take in all beyond a fresh one. Two connections took 990 MiB where nothing held them back. The
# allocator of free-threaded builds keeps what is free in the heap of each thread, and plateaus at twice the size.
MOST = (400 if getattr(sys, "_is_gil_enabled", lambda: True)() else 750) * MIB

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of a process in /proc")


def resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


@contextmanager
def serving() -> Generator[tuple[str, Callable[[], int]]]:
    """A server in another process: its endpoint, and what tells how much its memory has grown."""
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        assert process.stdout is not None
        endpoint = process.stdout.readline().strip()
        before = resident(process.pid)
        try:
            yield endpoint, lambda: resident(process.pid) - before
        finally:
            process.kill()


def test_messages_that_wait_take_bounded_memory(context: Context) -> None:
    """Two strangers send faster than the handler handles."""
    with serving() as (endpoint, growth):
        strangers = [context.socket(zmq.DEALER) for _ in range(2)]
        for stranger in strangers:
            stranger.set(zmq.LINGER, 0)
            stranger.set(zmq.SNDHWM, 1)
            stranger.set(zmq.SNDTIMEO, 3000)  # held back for so long: the server takes no more for now
            stranger.connect(endpoint)
        sent = 0
        while strangers and sent < 4000:
            for stranger in list(strangers):
                try:
                    stranger.send_multipart([b"", b"wait" + bytes(LARGE)])
                    sent += 1
                except zmq.Again:
                    strangers.remove(stranger)
                    stranger.close()
        assert growth() < MOST
        with ZmqClientTransport.create(context, endpoint, LIMIT) as client:
            assert client.send_message("good") == "good"


def test_replies_that_are_not_read_take_bounded_memory(context: Context) -> None:
    """Two strangers ask for large replies and read none."""
    with serving() as (endpoint, growth):
        strangers = [context.socket(zmq.DEALER) for _ in range(2)]
        for stranger in strangers:
            stranger.set(zmq.LINGER, 0)
            stranger.set(zmq.RCVHWM, 1)
            stranger.set(zmq.RCVBUF, 4096)
            stranger.set(zmq.SNDTIMEO, int(LIMIT * 1000))
            stranger.connect(endpoint)
        for _ in range(1500):
            for stranger in strangers:
                stranger.send_multipart([b"", b"large"])
        with ZmqClientTransport.create(context, endpoint, LIMIT) as client:
            handled, still = 0, 0
            while handled < 3000 and still < 50:  # it may well hold back those who don't read
                before = handled
                handled = int(client.send_message("count"))
                still = 0 if handled > before else still + 1
                time.sleep(0.02)
        assert growth() < MOST
        for stranger in strangers:
            stranger.close()


def main() -> None:
    with zmq.Context() as context, ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server:
        never = threading.Event()
        handled: list[None] = []

        def handle(message: str) -> str:
            if message.startswith("wait"):
                never.wait(0.5)
                return ""
            if message == "large":
                handled.append(None)
                return "x" * LARGE
            return f"{len(handled)}" if message == "count" else message

        print(server.endpoint, flush=True)
        serve(server, handle, threads=4)


if __name__ == "__main__":
    main()
