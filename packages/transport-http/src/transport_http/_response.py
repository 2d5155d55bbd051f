"""
Reading a reply off a socket: within the call's limits, and strict about its head.

``http.client`` takes a head that breaks off as complete, skips lines that it can't parse, takes any
interim response but 100 as the final one, and a bad Content-Length as none. Each could end in a reply
that is not the message's own, so the head is parsed here; the body is left to ``http.client``.
"""

import contextlib
import io
import re
import socket
from http.client import BadStatusLine, HTTPException, HTTPMessage, HTTPResponse, RemoteDisconnected
from typing import TYPE_CHECKING

from ._call import Call, current_call

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# A quarter of what http.client takes for a line. Servers and proxies themselves stop at 8 or 16 KiB for a head.
_MAX_LINE = 16_384
_MAX_HEAD = 65_536
_MAX_HEADERS = 100
_MAX_INTERIM = 20

# RFC 9112, sections 4 and 5. The white space at a line's end, and the LF or CR LF, are taken off before:
# a pattern that looks for them takes the square of their number.
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) +([1-9][0-9][0-9])(?:[ \t]+([^\r\n]*))?")
_FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\x00]*)")


class BoundedResponse(HTTPResponse):
    """``http.client``'s response, on a stream that heeds the current call's limits."""

    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(_Source(sock), debuglevel, method, url)  # type: ignore[arg-type]  # only makefile() is used

    def begin(self) -> None:
        """
        Read the head of the response, and of those that are sent ahead of it (1xx).

        Raises:
            HTTPException: it is malformed, or endless.
            RemoteDisconnected: it breaks off.
        """
        if self.headers is not None:  # pyright: ignore[reportUnnecessaryComparison]  # None before it is read
            return
        for _ in range(_MAX_INTERIM):
            minor, status, reason = self._read_status_line()
            headers = self._read_fields()
            # 101 is final: it would be the answer to an Upgrade, which nobody asked for.
            if status >= 200 or status == 101:
                break
        else:
            raise HTTPException(f"more than {_MAX_INTERIM} interim responses")
        self.version = 11 if minor else 10
        self.code = self.status = status
        self.reason = reason
        self.headers = self.msg = headers
        self._frame(status, headers)

    def _frame(self, status: int, headers: HTTPMessage) -> None:
        """Find out where the body ends: RFC 9112, section 6.3."""
        connection = headers.get("connection", "").lower()
        self.will_close = "close" in connection or (self.version == 10 and "keep-alive" not in connection)
        self.chunked = False
        self.chunk_left = None
        self.length = _content_length(headers)
        coding = headers.get("transfer-encoding")
        if status < 200 or status in (204, 304):
            self.length = 0
            self.will_close = self.will_close or status == 101
        elif coding is not None:
            if coding.lower() != "chunked":
                raise HTTPException(f"transfer-encoding is {coding[:100]!r}, expected chunked")
            # Both headers at once: what follows on the connection can't be trusted.
            self.will_close = self.will_close or self.length is not None
            self.chunked = True
            self.length = None
        elif self.length is None:
            self.will_close = True

    def _read_status_line(self) -> tuple[bool, int, str]:
        self._head_left = _MAX_HEAD
        line = _bare(self._read_line())
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise BadStatusLine(repr(line[:100]))
        minor, status, reason = match.groups(b"")
        return minor != b"0", int(status), str(reason, "latin-1")

    def _read_fields(self) -> HTTPMessage:
        fields: list[tuple[str, str]] = []
        while (line := self._read_line()) not in (b"\r\n", b"\n"):
            if line[0] in b" \t" and fields:
                name, value = fields[-1]
                fields[-1] = name, f"{value} {str(line.strip(), 'latin-1')}"
                continue
            match = _FIELD_LINE.fullmatch(_bare(line))
            if match is None:
                raise HTTPException(f"malformed header line {line[:100]!r}")
            if len(fields) == _MAX_HEADERS:
                raise HTTPException(f"more than {_MAX_HEADERS} headers")
            fields.append((str(match[1], "latin-1"), str(match[2], "latin-1")))
        message = HTTPMessage()
        for name, value in fields:
            message.set_raw(name, value)
        return message

    def _read_line(self) -> bytes:
        line = self.fp.readline()
        self._head_left -= len(line)
        if self._head_left < 0:
            raise HTTPException(f"a head of more than {_MAX_HEAD} bytes")
        if not line:
            raise RemoteDisconnected("the server closed the connection within the head of its response")
        return line


def _bare(line: bytes) -> bytes:
    """Return *line* without its end, and the white space before that."""
    line = line[: -2 if line.endswith(b"\r\n") else -1]
    return line.rstrip(b" \t")


def _content_length(headers: HTTPMessage) -> int | None:
    values = headers.get_all("content-length")
    if values is None:
        return None
    # A list of equal values is allowed: RFC 9110, section 8.6.
    lengths = {length.strip() for value in values for length in value.split(",")}
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()) or len(length) > 18:  # what fits into 64 bits
        raise HTTPException(f"content-length is {', '.join(values)[:100]!r}, expected one number")
    return int(length)


class _Source:
    """What ``HTTPResponse`` makes its stream from."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, mode: str) -> "_Stream":
        assert mode == "rb"
        return _Stream(_BoundedReader(self._sock, current_call()))


class _BoundedReader(io.RawIOBase):
    """Reads from a socket within a call's time and allowance."""

    def __init__(self, sock: socket.socket, call: Call) -> None:
        super().__init__()
        self._sock = sock
        self._call = call
        # Keeps the socket open until the body is read, also when its connection object is closed before.
        self._hold = sock.makefile("rb", buffering=0)
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        if self._ended:
            return 0
        self._sock.settimeout(self._call.remaining())
        count = self._sock.recv_into(buffer)
        if not self._call.may_receive(count):
            raise HTTPException("the response goes on for ever")
        return count

    def end(self) -> None:
        """Read nothing from the socket any more."""
        self._ended = True

    def has_pending(self) -> bool:
        """Tell whether TLS has decrypted more than was read."""
        pending = getattr(self._sock, "pending", None)
        return pending is not None and bool(pending())

    def spoil(self) -> None:
        """Break the connection, so that the pool does not use it again."""
        with contextlib.suppress(OSError, AttributeError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        self._hold.close()
        super().close()


class _Stream(io.BufferedReader):
    """A buffered stream whose lines are bounded, and which tells at its end when there is more than there should be."""

    def __init__(self, source: _BoundedReader) -> None:
        super().__init__(source)
        self._source = source

    def readline(self, size: int | None = -1, /) -> bytes:
        limit = _MAX_LINE + 1 if size is None or size < 0 else size
        line = super().readline(limit)
        if len(line) > _MAX_LINE:
            raise HTTPException(f"a line of more than {_MAX_LINE} bytes")
        # Half a line can look like a whole one: half a chunk's size is a number too.
        if line and len(line) < limit and not line.endswith(b"\n"):
            raise RemoteDisconnected("the server closed the connection within a line of its response")
        return line

    def close(self) -> None:
        if not self.closed:
            # Bytes after the end of a reply would be taken for the next call's.
            self._source.end()
            if self.peek(1) or self._source.has_pending():
                self._source.spoil()
        super().close()
