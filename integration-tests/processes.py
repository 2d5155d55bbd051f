"""Programs of these tests in processes of their own, which can be stopped and killed for real."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks import DEADLINE

FOLDER = Path(__file__).parent

# A program that runs pytest where every thread, lock and socket of the standard library is green.
PATCHED_RUN = """
from gevent import monkey
monkey.patch_all()
import sys, pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


class Process:
    """A Python program whose lines of output tell the test how far it is."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None, pass_fds: Sequence[int]
    ) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(FOLDER), *sys.path[1:]]), **(environment or {})},
            pass_fds=pass_fds,
            bufsize=0,
            # Ctrl-C at the terminal is for the tests.
            start_new_session=True,
        )
        self.pid = self._popen.pid
        self._read = b""

    def line(self, deadline: float = DEADLINE) -> str:
        """Wait for the next line of output; return it."""
        assert self._popen.stdout is not None
        end = time.monotonic() + deadline
        with selectors.DefaultSelector() as selector:
            selector.register(self._popen.stdout, selectors.EVENT_READ)
            while b"\n" not in self._read:
                assert selector.select(max(0, end - time.monotonic())), f"no line of output within {deadline} s"
                chunk = os.read(self._popen.stdout.fileno(), 65536)
                assert chunk, f"the program ended with status {self._popen.wait(DEADLINE)}, after {self._read!r}"
                self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        return line.decode()

    def rest(self, deadline: float = DEADLINE) -> str:
        """Wait for the end of the program; return what it still wrote."""
        output, _ = self._popen.communicate(timeout=deadline)
        return (self._read + output).decode()

    def tell(self, line: str) -> None:
        """Write *line* to its standard input."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(line.encode() + b"\n")

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def stop(self) -> None:
        """Stop it until it gets SIGCONT; return when it stands still, which all of its threads do a moment later."""
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def wait(self, deadline: float = DEADLINE) -> int:
        """Wait for the end of the program; return its exit status."""
        return self._popen.wait(deadline)

    def kill(self) -> None:
        """Kill it and what it has started, as nothing can prevent, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # it leads a session of its own
        self._popen.wait(DEADLINE)

    def close(self) -> None:
        self.kill()
        for stream in (self._popen.stdin, self._popen.stdout):
            assert stream is not None
            stream.close()


@contextmanager
def python(
    *arguments: str, environment: Mapping[str, str] | None = None, pass_fds: Sequence[int] = ()
) -> Generator[Process]:
    """Run Python with *arguments* until the end of the block."""
    process = Process(arguments, environment, pass_fds)
    try:
        yield process
    finally:
        process.close()
