"""A command's standard streams: each may be closed, broken, full, or of an encoding that is not UTF-8."""

import errno
import os
import sys
from collections.abc import Callable


def run(program: str, command: Callable[[], int]) -> int:
    """Return the exit status of *command*: 1, with one line on standard error, when a standard stream fails."""
    try:
        status = _ended(command)
        if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]  # it is, when closed by the shell
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells have it
    except OSError as exc:
        _abandon_output()
        return complain(program, f"cannot use a standard stream: {exc.strerror or exc}")
    return status


def complain(program: str, text: object) -> int:
    """Write one line to standard error, where there is one; return exit status 1."""
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
        try:
            print(f"{program}: {' '.join(str(text).split())}", file=sys.stderr, flush=True)
        except OSError:
            return 1
    return 1


def write(text: str) -> None:
    """Write *text* to standard output at once, as UTF-8."""
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise OSError(errno.EBADF, "standard output is closed")
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def write_error(text: str) -> None:
    """Write *text* and a line end to standard error, where there is one."""
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
        print(text.rstrip("\n"), file=sys.stderr, flush=True)


def read() -> str:
    """Read all of standard input; ``ValueError`` if it is not UTF-8."""
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise OSError(errno.EBADF, "standard input is closed")
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as exc:
        raise ValueError(f"standard input is not UTF-8 at byte {exc.start}, expected text") from exc


def argument(text: str) -> str:
    """Return an argument decoded as UTF-8, also in an ASCII locale."""
    return os.fsencode(text).decode()


def _ended(command: Callable[[], int]) -> int:
    try:
        return command()
    except SystemExit as exc:  # argparse's, whose help may not have reached standard output yet
        return exc.code if isinstance(exc.code, int) else 0


def _abandon_output() -> None:
    """Keep the interpreter from trying once more, as it ends, to write what could not be written."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
