"""
``hatch run ci [PART...]``: run all that must pass, two parts at a time, each to its end whatever another one does.

A part that fails shows all that it printed; in the end a table tells what came of each, and how to run it alone.
Exit status: 0 when none failed, 1 when one did, 130 after Ctrl-C. The last line counts the parts.
"""

import argparse
import io
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Part:
    """One thing that must pass. Exit status 77 means that this machine lacks what it needs, as with automake."""

    name: str
    command: str
    after: str | None = None


# Cheap ones first, so that a small mistake is seen soon; of the others the longest first, so that none is left alone.
PARTS = (
    Part("browser", "bash .ci/browser"),
    Part("lint", "hatch run lint:check"),
    Part("types", "hatch run types:check"),
    Part("build", "hatch run build:all"),
    Part("api", "hatch run release:api"),
    Part("docs", "hatch run docs:build"),
    Part("integration", "hatch run tests:run integration-tests", after="browser"),
    Part("delivery", "hatch run delivery:run"),
    Part("pythons", "hatch run pythons"),
    Part("free-threaded", "hatch run free-threaded"),
    Part("isolated", "hatch run isolated:run"),
)

# How many run side by side. A test keeps about one core busy, and those that fill it tolerate another beside them.
LANES = 2
SKIPPED = 77
# Seconds between two looks, between two lines that tell how far the parts are, and for a part before it counts as hung.
_GLANCE, _PULSE, _LIMIT = 0.1, 20, 1800
# Settings of the user that would change what Python and its tools do, or make their output hard to read.
_NOT_PASSED_ON = ("PYTHON", "PYTEST", "PY_COLORS", "MYPY", "RUFF_", "FORCE_COLOR", "CLICOLOR", "COLUMNS")


def main() -> int:
    """Run the parts that are asked for, all by default; return the exit status."""
    parser = argparse.ArgumentParser(prog="hatch run ci", description="Run all that must pass.")
    names = [part.name for part in PARTS]
    parser.add_argument("parts", metavar="PART", nargs="*", help=f"one of {', '.join(names)}; all by default")
    asked = parser.parse_args().parts
    unknown = set(asked) - set(names)
    if unknown:
        parser.error(f"part is {', '.join(sorted(unknown))}, expected one of {', '.join(names)}")
    # What a part prints may be beyond the encoding of this output.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    # Whatever ends this early ends the parts as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        run = Run([part for part in PARTS if not asked or part.name in asked], Path(folder))
        try:
            run.to_the_end()
        except KeyboardInterrupt:
            run.stop()
            print("interrupted", file=sys.stderr)
            return 130
    print(flush=True)
    print("\n".join(table(run.ended)))
    results = [done.result for done in run.ended]
    print(", ".join(f"{results.count(result)} {result}" for result in ("passed", "failed", "skipped")))
    return 1 if "failed" in results else 0


@dataclass
class Running:
    """A part that was started."""

    part: Part
    process: "subprocess.Popen[bytes]"
    log: Path
    began: float
    # Set when it has ended.
    result: str = ""
    seconds: float = 0.0

    def output(self) -> str:
        """Return what it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@dataclass
class Run:
    """All parts of one run: those that wait for a lane, those that have one, those that have ended."""

    waiting: list[Part]
    folder: Path
    running: list[Running] = field(default_factory=list[Running])
    ended: list[Running] = field(default_factory=list[Running])
    began: float = field(default_factory=time.monotonic)

    def to_the_end(self) -> None:
        """Run every part; return when all have ended."""
        pulse = time.monotonic() + _PULSE
        while self.waiting or self.running:
            self._start()
            for one in list(self.running):
                if one.process.poll() is None and time.monotonic() - one.began < _LIMIT:
                    continue
                _end(one.process)
                self.running.remove(one)
                self._finish(one)
            if time.monotonic() > pulse:
                self._say(" | ".join(f"{one.part.name}: {_progress(one.output())}" for one in self.running))
                pulse = time.monotonic() + _PULSE
            time.sleep(_GLANCE)

    def stop(self) -> None:
        """End what is running."""
        for one in self.running:
            _end(one.process)

    def _start(self) -> None:
        """Give the free lanes to the first parts that need wait for no other."""
        unfinished = {part.name for part in [*self.waiting, *(one.part for one in self.running)]}
        for part in [part for part in self.waiting if part.after not in unfinished][: LANES - len(self.running)]:
            self._say(f"{part.name} started: {part.command}")
            log = self.folder / part.name
            with log.open("wb") as output:
                process = subprocess.Popen(  # noqa: S603  # the parts above
                    shlex.split(part.command),
                    cwd=ROOT,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # So that all of its processes can be ended together.
                    start_new_session=True,
                )
            self.waiting.remove(part)
            self.running.append(Running(part, process, log, time.monotonic()))

    def _finish(self, one: Running) -> None:
        one.seconds = time.monotonic() - one.began
        one.result = {0: "passed", SKIPPED: "skipped"}.get(one.process.returncode, "failed")
        self.ended.append(one)
        output = one.output()
        self._say(f"{one.part.name} {one.result} after {one.seconds:.0f} s: {_last_line(output)}")
        if one.result == "failed":
            print(f"{output}\n(This was {one.part.name}; by itself: {one.part.command})", flush=True)
        else:
            # What pytest has left out, each with its reason.
            lines = dict.fromkeys(line for line in output.splitlines() if line.startswith("SKIPPED "))
            print("".join(f"          {line}\n" for line in lines), end="", flush=True)

    def _say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.began:5.0f} s] {text}", flush=True)


def table(ended: Sequence[Running]) -> Iterator[str]:
    """Yield the lines of a table of what has ended, in the order in which the parts stand above."""
    rows = [("part", "result", "time", "by itself")]
    rows += [(one.part.name, one.result, f"{one.seconds:.0f} s", one.part.command) for one in sorted(ended, key=_place)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, result, seconds, command in rows:
        yield f"{name:{widths[0]}}  {result:{widths[1]}}  {seconds:>{widths[2]}}  {command}"


def _place(one: Running) -> int:
    return PARTS.index(one.part)


def _environment() -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)},
        "NO_COLOR": "1",
        # Else a part's lines come in blocks, long after what they tell.
        "PYTHONUNBUFFERED": "1",
    }


def _progress(output: str) -> str:
    """Return how far pytest is, as it says it from time to time; of other programs the last line."""
    far = re.findall(r"\[ *(\d+%)\]$", output, flags=re.MULTILINE)
    return far[-1] if far else _last_line(output)


def _last_line(output: str) -> str:
    return next((line.strip()[:100] for line in reversed(output.splitlines()) if line.strip()), "")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and whatever it has started and left."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    sys.exit(main())
