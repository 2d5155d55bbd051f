"""What a person sees: a table and a progress bar on a terminal, plain lines anywhere else."""

import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from ._exchange import Tally
from ._messages import Input


class Display(Protocol):
    def start(self, source: Input) -> None:
        """Tell what is going to be sent."""
        ...

    def progress(self, wire: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show how far *wire* is, which the function that the context manager gives is told from time to time."""
        ...

    def result(self, wire: str, tally: Tally) -> None:
        """Take what came of one wire."""
        ...

    def finish(self) -> None:
        """Show what is not shown yet."""
        ...


def display() -> Display:
    """Return the one that fits standard output."""
    if sys.stdout.isatty():
        return _Terminal()
    return _Lines()


class _Lines:
    """Plain lines, for a pipe or a file: no control codes, no lines drawn, every figure as it is."""

    def start(self, source: Input) -> None:
        print(f"sending {source.messages} messages, {source.message_bytes} bytes: {source.name}", flush=True)

    @contextmanager
    def progress(self, wire: str, total: int) -> Generator[Callable[[int], None]]:
        yield lambda done: None

    def result(self, wire: str, tally: Tally) -> None:
        print(
            f"{wire}: {tally.messages} messages, {tally.message_bytes} bytes, "
            f"median {_milliseconds(tally.percentile(50))}, 99th percentile {_milliseconds(tally.percentile(99))}, "
            f"{_verdict(tally)}",
            flush=True,
        )

    def finish(self) -> None:
        """Do nothing: each line was printed as it came."""


class _Terminal:
    def __init__(self) -> None:
        # Here, because the tests of the plain lines and the servers' processes need nothing of it.
        from rich.console import Console  # noqa: PLC0415

        self._console = Console(highlight=False)
        self._results: dict[str, Tally] = {}

    def start(self, source: Input) -> None:
        self._console.print(
            f"Sending {source.messages:,} messages, {source.message_bytes:,} bytes: {source.name}", markup=False
        )

    @contextmanager
    def progress(self, wire: str, total: int) -> Generator[Callable[[int], None]]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(wire, total=total)
            yield lambda done: progress.update(task, completed=done)

    def result(self, wire: str, tally: Tally) -> None:
        self._results[wire] = tally

    def finish(self) -> None:
        from rich.table import Table  # noqa: PLC0415

        table = Table("Transport")
        for heading in ("Messages", "Bytes", "Median", "99th percentile"):
            table.add_column(heading, justify="right")
        table.add_column("Replies")
        for wire, tally in self._results.items():
            table.add_row(
                wire,
                f"{tally.messages:,}",
                f"{tally.message_bytes:,}",
                _milliseconds(tally.percentile(50)),
                _milliseconds(tally.percentile(99)),
                _verdict(tally),
                style=None if tally.intact == tally.messages else "bold red",
            )
        self._console.print(table)


def _milliseconds(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds * 1000:.3f} ms"


def _verdict(tally: Tally) -> str:
    if tally.intact == tally.messages:
        return "all intact"
    return f"{tally.messages - tally.intact} of {tally.messages} NOT intact"
