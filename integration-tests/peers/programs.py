"""Programs of any language, each in a process group of its own, and the ports that they listen on."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from tasks import DEADLINE

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(ROOT.glob("packages/*/examples"))
# Enough for a start on a machine that is busy with something else.
PATIENCE = 60.0


class Program:
    """A program that runs until the end of its block; its output is shown when it fails to start."""

    def __init__(
        self, command: Iterable[str], environment: Mapping[str, str], folder: Path | None, fds: Iterable[int]
    ) -> None:
        self._output = TemporaryFile()  # noqa: SIM115  # closed by end()
        self._popen = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            cwd=folder,
            pass_fds=tuple(fds),
            start_new_session=True,
        )
        self.pid = self._popen.pid

    def output(self) -> str:
        """Return what it has written so far."""
        self._output.seek(0)
        return self._output.read().decode(errors="replace")

    def until_listening(self, port: int) -> None:
        """Wait until something takes connections on *port*."""
        end = time.monotonic() + PATIENCE
        while True:
            assert self._popen.poll() is None, self.output()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                assert time.monotonic() < end, self.output()
                time.sleep(0.02)
            else:
                return

    def until_written(self, text: str) -> None:
        """Wait until *text* is part of its output."""
        end = time.monotonic() + PATIENCE
        while text not in self.output():
            assert self._popen.poll() is None or text in self.output(), self.output()
            assert time.monotonic() < end, self.output()
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; return its exit status."""
        try:
            return self._popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running: {self.output()}") from None

    def kill(self) -> None:
        """Kill it and what it has started, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait(DEADLINE)

    def end(self) -> None:
        # By itself, if it will: several keep semaphores and sockets outside their processes.
        self._popen.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(2)
        self.kill()
        self._output.close()


@contextmanager
def running(
    *command: str, environment: Mapping[str, str] | None = None, folder: Path | None = None, fds: Iterable[int] = ()
) -> Generator[Program]:
    """Run a program until the end of the block."""
    program = Program(command, environment or {}, folder, fds)
    try:
        yield program
    finally:
        program.end()


def python_path() -> dict[str, str]:
    """Return an environment in which Python finds the examples, and the modules beside these tests."""
    folders = [*map(str, EXAMPLES), str(ROOT / "integration-tests"), *sys.path[1:]]
    return {"PYTHONPATH": os.pathsep.join(folders), "PYTHONDONTWRITEBYTECODE": "1"}


def free_port() -> int:
    """Return a port that was free a moment ago, for a program that can neither pick one nor take over a listener."""
    while True:
        # Below those that the system gives to connections and to listeners that leave the choice to it.
        port = random.randrange(12_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
