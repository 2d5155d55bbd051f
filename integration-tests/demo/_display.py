"""What a person sees: a table and a progress bar on a terminal, plain lines anywhere else."""

import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from ._exchange import Tally
from ._messages import Input, printable


class Display(Protocol):
    def start(self, source: Input) -> None:
        """Tell what is going to be sent."""
        ...

    def progress(self, wire: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show how far *wire* is, as reported from time to time to the function that the context manager yields."""
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
        figures = [f"{name} {_milliseconds(seconds)}" for name, seconds in _figures(tally) if seconds is not None]
        counts = [f"{tally.messages} messages", f"{tally.message_bytes} bytes"]
        print(f"{wire}: {', '.join([*counts, *figures, _verdict(tally)])}")
        if tally.example is not None:
            sent, reply = map(printable, tally.example)
            print(f"{wire}: sent {sent}\n{wire}: got  {reply}")
        sys.stdout.flush()

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

        # A column for each transport: so it fits into 40 characters.
        table = Table(box=None, padding=(0, 1, 0, 0))
        table.add_column()
        for wire in self._results:
            table.add_column(wire, justify="right")
        tallies = list(self._results.values())
        table.add_row("Messages", *(f"{tally.messages:,}" for tally in tallies))
        for row in zip(*map(_figures, tallies), strict=True):
            values = ("too few" if seconds is None else _milliseconds(seconds) for _, seconds in row)
            table.add_row(row[0][0].capitalize(), *values)
        bad = any(tally.intact != tally.messages for tally in tallies)
        table.add_row("Replies", *map(_verdict, tallies), style="bold red" if bad else None)
        for wire, tally in self._results.items():
            for what, text in zip(("sent", "got "), tally.example or (), strict=False):
                self._console.print(f"{wire} {what} {printable(text)}", markup=False, no_wrap=True, overflow="ellipsis")
        self._console.print(table)


def _figures(tally: Tally) -> list[tuple[str, float | None]]:
    """Return the round trips in seconds: the first, which makes the connection, and how long the others took."""
    return [
        ("first call", tally.first),
        ("median", tally.percentile(50)),
        ("99th percentile", tally.percentile(99)),
    ]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3f} ms"


def _verdict(tally: Tally) -> str:
    if tally.intact == tally.messages:
        return "all intact"
    return f"{tally.messages - tally.intact} of {tally.messages} NOT intact"
