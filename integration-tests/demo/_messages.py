"""What the demo sends: an input of its own, or the lines of a file."""

import codecs
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

# What the servers and the clients take by default.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024

_CHUNK_BYTES = 1024 * 1024


class InputError(Exception):
    """The input can't be sent; the text is one line that says why."""


class Input(Protocol):
    """Messages that can be gone through again and again, of a number and size known beforehand."""

    @property
    def name(self) -> str: ...

    @property
    def messages(self) -> int: ...

    @property
    def message_bytes(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield each message and its size in bytes."""
        ...


class OwnInput:
    """Messages of the kinds that a wire is most likely to spoil, and many plain ones."""

    name = "built-in messages (empty, NUL, line ends, BOM, astral, combining, 1 MiB, and 2000 small ones)"

    def __init__(self) -> None:
        kinds = [
            "",
            "\0",
            "before\0after",
            "\r\n",
            "\r",
            "\n",
            "one line\nanother\r\nthe last\n",
            "\ufeffafter a byte order mark",
            "\U0001d11e \U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467",
            "e\u0301 is not \u00e9, a\u0308\u0323 is not a\u0323\u0308",
            "\u4f60\u597d \u0645\u0631\u062d\u0628\u0627",
            "x" * 1024 * 1024,
            "\U0001f600" * (1024 * 1024 // 4),
        ]
        # The plain ones first: the first is what is shown, and has the connection's time in its own.
        self._all = [f'{{"id": {number}, "method": "echo"}}' for number in range(2000)] + kinds
        self.messages = len(self._all)
        self.message_bytes = sum(len(message.encode()) for message in self._all)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        for message in self._all:
            yield message, len(message.encode())


class FileInput:
    """
    The lines of a file, each without the LF that ends it; everything else, CR and BOM too, is part of the message.

    All of it is checked before any of it is sent. A file is read twice for that, and what is added to it meanwhile is
    left out; ``-`` (standard input) or a FIFO is read to its end and kept in a temporary file. Memory holds one line.

    Raises:
        InputError: the file can't be read, is not UTF-8, or has a line that is too long for one message.
    """

    def __init__(self, path: str) -> None:
        self.name = "standard input" if path == "-" else printable(path)
        try:
            source = _opened(path)
        except ValueError as exc:  # a NUL in the path
            raise InputError(f"{self.name}: {exc}") from exc
        except OSError as exc:
            raise InputError(f"{self.name}: {exc.strerror or exc}") from exc
        copied = not stat.S_ISREG(os.fstat(source.fileno()).st_mode)
        self._file: BinaryIO = tempfile.TemporaryFile() if copied else source  # noqa: SIM115  # open until __exit__
        try:
            self._bytes = sys.maxsize if copied else os.fstat(source.fileno()).st_size
            self.messages, self.message_bytes, self._bytes = self._check(source, self._file if copied else None)
        except BaseException as exc:
            self._file.close()
            if isinstance(exc, OSError):
                raise InputError(f"{self.name}: {exc.strerror or exc}") from exc
            raise
        finally:
            if copied:
                source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[tuple[str, int]]:
        self._file.seek(0)
        rest = self._bytes
        while rest > 0:
            line = self._file.readline(rest)
            rest -= len(line)
            raw = line.removesuffix(b"\n")
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                text = None
            if text is None or not line:
                raise InputError(f"{self.name}: changed while it was read")
            yield text, len(raw)

    def _check(self, source: BinaryIO, copy: BinaryIO | None) -> tuple[int, int, int]:
        """
        Read *source* to its end, or to as many bytes as it had; write it to *copy*.

        Return how many lines it has, how many bytes these have together, and how many with what ends them.
        """
        decoder = codecs.getincrementaldecoder("utf-8")()
        lines, line_start, position = 0, 0, 0
        last = b""
        while position < self._bytes and (chunk := source.read(min(_CHUNK_BYTES, self._bytes - position))):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as exc:
                raise self._undecodable(chunk, lines, position, exc, pending) from exc
            lines, line_start = self._measure(chunk, lines, line_start, position)
            if copy is not None:
                copy.write(chunk)
            position += len(chunk)
            last = chunk[-1:]
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as exc:
            raise self._undecodable(b"", lines, position, exc, len(exc.object)) from exc
        ended = lines
        if last not in {b"", b"\n"}:
            lines += 1
        return lines, position - ended, position

    def _measure(self, chunk: bytes, lines: int, line_start: int, position: int) -> tuple[int, int]:
        """Return the number of lines ended so far, and where the unfinished one starts."""
        first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
        # A chunk is far smaller than the limit: only a line that began before it can pass the limit within it.
        longest = position + (len(chunk) if first < 0 else first) - line_start
        if longest > MAX_MESSAGE_BYTES:
            raise InputError(
                f"{self.name}: line {lines + 1} has over {MAX_MESSAGE_BYTES} bytes, too many for a message"
            )
        if last >= 0:
            line_start = position + last + 1
        return lines + chunk.count(b"\n"), line_start

    def _undecodable(
        self, chunk: bytes, lines: int, position: int, error: UnicodeDecodeError, pending: int
    ) -> InputError:
        # The decoder's position counts from the bytes that it kept of the chunk before.
        offset = error.start - pending
        line = lines + chunk.count(b"\n", 0, max(offset, 0)) + 1
        return InputError(f"{self.name}: not UTF-8 at byte {position + offset} (line {line}): {error.reason}")


def _opened(path: str) -> BinaryIO:
    """Open *path*, or standard input for ``-``; of a FIFO, this waits for its other end."""
    if path == "-":
        # A descriptor of its own, so that it can be closed like any other.
        return os.fdopen(os.dup(0), "rb")
    return Path(path).open("rb")


def printable(text: str) -> str:
    """Return *text* as one line that the output can show, whatever is in it and whatever the encoding."""
    line = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
    encoding = sys.stdout.encoding
    return line.encode(encoding, "backslashreplace").decode(encoding)
