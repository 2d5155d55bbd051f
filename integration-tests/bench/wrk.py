"""The load for web servers: wrk, which is much faster than any of them."""

import http.client
import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from .processes import OTHER_CORE, Child, ChildError

_SCRIPT = Path(__file__).with_name("post.lua")
_PATIENCE = 15.0


def wait_for(server: Child) -> None:
    """Wait until *server* answers a message with itself: several of them can't tell when they listen."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            if _echoes(server.address):
                return
            raise ChildError("does not echo")
        except (OSError, http.client.HTTPException) as exc:
            server.check()
            if time.monotonic() > end:
                raise ChildError(f"does not answer ({exc})") from exc
            time.sleep(0.02)


def microseconds(url: str, connections: int, seconds: float, size: int = 32) -> float:
    """Load *url* for about so many *seconds*; return the microseconds for each request."""
    figures = _run(seconds, connections, url, str(size))
    _check(figures["refused"], figures["broken"], figures["requests"])
    return float(figures["us"] / figures["requests"])


def send(url: str, count: int, size: int, *, close: bool = False) -> None:
    """Send *count* messages by 16 connections; with *close*, each by a connection of its own."""
    # Unless it is stopped, wrk sleeps to the end of its time, so it gets the messages in short slices of time.
    while count > 0:
        figures = _run(1.0, 16, url, str(size), str(count), *(["close"] if close else []))
        # A connection that the server closes as it was asked to counts as broken, too.
        _check(figures["refused"], 0 if close else figures["broken"], figures["requests"])
        count -= figures["requests"]


def _run(seconds: float, connections: int, url: str, *arguments: str) -> dict[str, int]:
    for patience in (1, 5, 25):  # on a busy machine wrk may not even have started in its time
        figures = _figures(seconds * patience, connections, url, *arguments)
        if figures.get("requests"):
            break
    else:
        raise ChildError("not one request was answered")
    return figures


def _check(refused: int, broken: int, requests: int) -> None:
    if refused or broken > requests / 100:
        raise ChildError(f"{refused} answers are errors, {broken} connections broke")


def _figures(seconds: float, connections: int, url: str, *arguments: str) -> dict[str, int]:
    program = shutil.which("wrk")
    if program is None:
        raise ChildError("wrk is not installed")
    # wrk counts whole seconds only; SIGINT ends it early, with its figures.
    command = [
        program,
        "-t1",
        f"-c{connections}",
        "-d30s",
        "--timeout",
        "10s",
        "-s",
        str(_SCRIPT),
        url,
        "--",
        *arguments,
    ]
    with subprocess.Popen(
        ["taskset", "-c", str(OTHER_CORE), *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        end = time.monotonic() + seconds + _PATIENCE
        wait = seconds
        while True:
            try:
                output, _ = process.communicate(timeout=wait)
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() > end:
                    process.kill()
                    raise ChildError("wrk does not end") from None
                # Again and again: one that comes just before it goes to sleep does not wake it.
                process.send_signal(signal.SIGINT)
                wait = 0.25
    last = output.strip().rpartition("\n")[2]
    figures: dict[str, int] = json.loads(last) if last.startswith("{") else {}
    return figures


def _echoes(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=2)
    try:
        connection.request("POST", "/", b"hello", {"Content-Type": "text/plain; charset=utf-8"})
        return connection.getresponse().read() == b"hello"
    finally:
        connection.close()
