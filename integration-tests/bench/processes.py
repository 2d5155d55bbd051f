"""Starting child processes and talking to them, with a deadline on every wait."""

import json
import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

# The core that pinned processes share, and the one for the load of web servers, which have the other to themselves.
CORE = max(os.sched_getaffinity(0))
OTHER_CORE = min(os.sched_getaffinity(0))

_ROOT = Path(__file__).resolve().parent.parent
_LONGEST_ANSWER = 60.0
_PASSED_ON = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "VIRTUAL_ENV")


class ChildError(Exception):
    """A child could not do its task; the text says why."""


class Child:
    """One process that does a task of a module in ``peers``."""

    def __init__(
        self,
        role: str,
        does: str,
        options: dict[str, Any],
        *,
        address: Any = None,
        core: int | None = CORE,
        variables: int = 30,
        python: str = sys.executable,
    ) -> None:
        task = {"role": role, "does": does, "options": options, "address": address, "core": core}
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the child
        try:
            self._process = subprocess.Popen(
                [python, "-m", "bench.child", json.dumps(task)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=environment(variables),
            )
        except OSError as exc:
            raise ChildError(f"its interpreter does not start ({exc.strerror})") from exc
        self.pid = self._process.pid
        self._unread = b""
        self.address: Any = None
        self.server_pid = self.pid

    def wait_until_ready(self) -> "Child":
        answer = self.answer()
        self.address = answer.get("address")
        if isinstance(self.address, dict) and "pid" in self.address:
            self.server_pid = self.address["pid"]
        return self

    def order(self, **order: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as exc:
            raise ChildError(f"ended early{self._last_words()}") from exc

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._process.stdout], [], [], _LONGEST_ANSWER)
            data = os.read(self._process.stdout.fileno(), 65536) if ready else b""
            if not data:
                raise ChildError(f"{'ended early' if ready else 'hangs'}{self._last_words()}")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ChildError(answer["error"])
        return answer

    def ask(self, **order: Any) -> dict[str, Any]:
        self.order(**order)
        return self.answer()

    def resident(self) -> float:
        """Return the MiB of memory that the process holds."""
        pages = int(Path(f"/proc/{self.server_pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def check(self) -> None:
        """Raise unless the process still runs."""
        if self._process.poll() is not None:
            raise ChildError(f"ended early{self._last_words()}")

    def end(self) -> None:
        """Tell the process to end."""
        self._process.terminate()

    def stop(self) -> None:
        """Tell the process to end and see that it does."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f": {lines[-1][:200]}" if lines else ""


def environment(variables: int = 30) -> dict[str, str]:
    """Return an environment of so many variables: `requests` scans all of them on each call."""
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    env["PYTHONPATH"] = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("BENCH_PYTHONPATH")])])
    env.update({f"BENCH_{number:04}": "x" * 20 for number in range(variables - len(env))})
    return env
