"""
The head of a response, strictly read, and where its body ends (RFC 9112, sections 4 to 7).

What could be read in two ways is refused: it might end in a reply that is not the message's own.
"""

import re
import time
from collections.abc import Iterator
from http.client import HTTPMessage
from typing import TYPE_CHECKING

from requests.structures import CaseInsensitiveDict

from ._reply import collect, find_coding, unpack

if TYPE_CHECKING:
    from ._connection import Call, Connection

# Servers and proxies themselves stop at 8 or 16 KiB for a head.
_MAX_LINE = 16_384
_MAX_HEAD = 65_536
_MAX_HEADERS = 100
_MAX_INTERIM = 20

# Memory for a body is taken before a byte of it is there.
_AT_ONCE = 16 * 1024 * 1024

# RFC 9112, sections 4 and 5. No pattern can match the same text in two ways, or it would take the square of its length.
_STATUS = r"HTTP/1\.([0-9]) +([1-9][0-9][0-9])(?:[ \t]+([^\r\n]*))?"
_FIELD = r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\x00]*)"
_STATUS_LINE = re.compile(_STATUS)
_FIELD_LINE = re.compile(_FIELD)
_FIELDS = re.compile(_FIELD + "\r\n")
_HEAD = re.compile(f"{_STATUS}\r\n((?:{_FIELD.replace('(', '(?:')}\r\n)*)\r\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\x00]*)?\r\n")
_KEEP_ALIVE = re.compile(r"(?:^|[,;\s])timeout\s*=\s*([0-9]{1,9})", re.IGNORECASE)


class MalformedError(ValueError):
    """What the server sent is not HTTP, or could be read in two ways."""


# The minor version, the status, the reason, the fields, and their values by name in lower case.
Head = tuple[int, int, str, list[tuple[str, str]], dict[str, str]]


class Response:
    """
    A response whose head was read, and whose body is still to be read from *connection*.

    It is also the ``raw`` of a ``requests.Response``.
    """

    def __init__(self, connection: "Connection", call: "Call", method: str) -> None:
        self._connection = connection
        self._call = call
        self._buffer = b""
        self._at = 0
        self.touched = False
        for _ in range(_MAX_INTERIM):
            self._read_head()
            # 101 is final: it would answer an Upgrade, which nobody asked for.
            if self.status >= 200 or self.status == 101:
                break
        else:
            raise MalformedError(f"more than {_MAX_INTERIM} interim responses")
        self.chunked = False
        self._length = self._frame(method)

    # --- the head

    def _read_head(self) -> None:
        if self._at == len(self._buffer):
            self._fill("the head of its response")
        end = self._buffer.find(b"\r\n\r\n", self._at, self._at + _MAX_LINE)
        # Empty when the head is in several packets or long, or ends with bare LFs.
        text = b"" if end < 0 else self._buffer[self._at : end + 4]
        known = self._connection.last_head
        if text and known is not None and known[0] == text:
            # The heads of a server differ by little, often by nothing: the date has whole seconds.
            self._at = end + 4
        else:
            match = _HEAD.fullmatch(str(text, "latin-1"))
            if match is None:  # also when it has lines that are folded or end with a bare LF
                known = (b"", *self._read_lines())
            else:
                self._at = end + 4
                known = (text, *_parsed(*match.groups("")))
            # Only what was matched as a whole has its end where the next one with the same text has.
            self._connection.last_head = None if match is None else known
        _, self._minor, self.status, self.reason, self.fields, self.named = known

    def _read_lines(self) -> "Head":
        self._head_left = _MAX_HEAD
        line = self._bare_line()
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise MalformedError(f"the status line is {line[:100]!r}")
        minor, status, reason = match.groups("")
        fields = self._read_fields()
        return int(minor), int(status), reason, fields, _by_name(fields)

    def _read_fields(self) -> list[tuple[str, str]]:
        fields: list[tuple[str, str]] = []
        while line := self._bare_line(folded=True):
            if line[0] in " \t" and fields:
                name, value = fields[-1]
                fields[-1] = name, f"{value} {line.strip()}"
                continue
            match = _FIELD_LINE.fullmatch(line)
            if match is None:
                raise MalformedError(f"a header line is {line[:100]!r}")
            fields.append((match[1], match[2]))
            if len(fields) > _MAX_HEADERS:
                raise MalformedError(f"more than {_MAX_HEADERS} headers")
        return fields

    def _bare_line(self, *, folded: bool = False) -> str:
        """Read a line of the head; return it without its end, and the white space before that."""
        line = self._line("the head of its response")
        self._head_left -= len(line)
        if self._head_left < 0:
            raise MalformedError(f"a head of more than {_MAX_HEAD} bytes")
        text = str(line[: -2 if line.endswith(b"\r\n") else -1], "latin-1")
        bare = text.rstrip(" \t")
        # A line of nothing but white space continues the one before; it does not end the head.
        return text if folded and text and not bare else bare

    def _line(self, what: str) -> bytes:
        """Read a line with its LF."""
        searched = self._at
        while (end := self._buffer.find(b"\n", searched)) < 0:
            if len(self._buffer) - self._at > _MAX_LINE:
                break
            searched = len(self._buffer) - self._at
            self._fill(what)
        if end < 0 or end - self._at >= _MAX_LINE:
            raise MalformedError(f"a line of more than {_MAX_LINE} bytes")
        line = self._buffer[self._at : end + 1]
        self._at = end + 1
        return line

    def _fill(self, what: str) -> None:
        data = self._connection.receive(self._call)
        if not data:
            raise ConnectionError(f"the server closed the connection within {what}")
        self._buffer = self._buffer[self._at :] + data
        self._at = 0

    # --- where the body ends

    def _frame(self, method: str) -> int | None:
        """Return the length of the body; ``None`` if it is chunked, or ends with the connection: section 6.3."""
        named = self.named
        tokens = [token.strip() for token in named.get("connection", "").lower().split(",")]
        self.will_close = "close" in tokens or (self._minor == 0 and "keep-alive" not in tokens) or self.status == 101
        if "keep-alive" in named and (match := _KEEP_ALIVE.search(named["keep-alive"])):
            # A little earlier, as the message is on its way for a while.
            self._connection.use_by = time.monotonic() + int(match[1]) - min(1.0, int(match[1]) / 2)
        length = _content_length(named["content-length"]) if "content-length" in named else None
        coding = named.get("transfer-encoding")
        if coding is not None and length is not None:
            raise MalformedError("content-length and transfer-encoding are both there, expected one of them")
        if coding is not None and coding.lower() != "chunked":
            raise MalformedError(f"transfer-encoding is {coding[:100]!r}, expected chunked")
        if self.status < 200 or self.status in (204, 304) or method == "HEAD" or (method == "CONNECT" and self.ok):
            return 0
        if coding is not None:
            self.chunked = True
            # A sender of HTTP/1.0 can't know chunks: section 6.1.
            self.will_close = self.will_close or self._minor == 0
        elif length is None:
            self.will_close = True
        return length

    @property
    def ok(self) -> bool:
        """Whether the status means success."""
        return 200 <= self.status < 300

    def has_more(self) -> bool:
        """Tell whether bytes have come that are not part of this response, or not read yet."""
        return self._at < len(self._buffer) or self._connection.has_pending()

    def _end(self) -> None:
        # Bytes after the end of a reply would be taken for the next call's.
        self._call.reusable = not self.will_close and not self.has_more()

    # --- the body

    def read(self, limit: int) -> bytes | bytearray:
        """
        Return the body, unpacked, of *limit* bytes at most.

        Raises:
            TransportProtocolError: it is longer, announced or real, or can't be unpacked.
        """
        length = self._length
        if length is None or length > limit or "content-encoding" in self.named:
            return collect(self.unpacked(), limit, self.named.get("content-length"))
        end = self._at + length
        if end <= len(self._buffer):
            body: bytes | bytearray = self._buffer[self._at : end]
            self._at = end
        else:
            body = self._read_long(length)
        self._end()
        return body

    def _read_long(self, length: int) -> bytearray:
        start = self._buffer[self._at :]
        self._buffer, self._at, at = b"", 0, len(start)
        body = bytearray(min(length, _AT_ONCE))
        body[:at] = start
        while at < length:
            if at == len(body):
                body.extend(bytes(min(length - at, _AT_ONCE)))
            with memoryview(body) as view:
                while at < len(view):
                    count = self._connection.receive_into(view[at:], self._call)
                    if not count:
                        raise ConnectionError("the server closed the connection within its response")
                    at += count
        return body

    def unpacked(self) -> Iterator[bytes]:
        """Read the body in pieces, without its content coding."""
        self.touched = True
        # 204 has no body, whatever its head says.
        coding = find_coding(self.named.get("content-encoding", "")) if self.status != 204 else None
        return self._pieces() if coding is None else unpack(self._pieces(), coding)

    def _pieces(self) -> Iterator[bytes]:
        if self.chunked:
            # Section 7.1.
            while size := self._read_chunk_size():
                yield from self._read_exactly(size)
                self._read_chunk_end()
            self._head_left = _MAX_HEAD
            self._read_fields()
        elif self._length is not None:
            yield from self._read_exactly(self._length)
        else:
            yield self._buffer[self._at :]
            self._at = len(self._buffer)
            while piece := self._connection.receive(self._call):
                yield piece
        self._end()

    def _read_exactly(self, left: int) -> Iterator[bytes]:
        while left:
            if self._at == len(self._buffer):
                self._fill("its response")
            piece = self._buffer[self._at : self._at + left]
            self._at += len(piece)
            left -= len(piece)
            yield piece

    def _read_chunk_size(self) -> int:
        match = _CHUNK.match(self._buffer, self._at)
        if match is not None:
            self._at = match.end()
        else:
            match = _CHUNK.fullmatch(self._line("the size of a chunk"))
        if match is None:
            raise MalformedError("the size of a chunk is malformed, expected hexadecimal digits and CR LF")
        return int(match[1], 16)

    def _read_chunk_end(self) -> None:
        while len(self._buffer) - self._at < 2:
            self._fill("a chunk")
        if not self._buffer.startswith(b"\r\n", self._at):
            raise MalformedError("a chunk is longer than its size")
        self._at += 2

    # --- what requests asks of a raw response

    @property
    def headers(self) -> CaseInsensitiveDict[str]:
        """The headers; several of one name are joined."""
        return CaseInsensitiveDict((name, self.named[name.lower()]) for name, _ in self.fields)

    @property
    def msg(self) -> HTTPMessage:
        """The headers as ``http.cookiejar`` reads them."""
        message = HTTPMessage()
        for name, value in self.fields:
            message[name] = value
        return message

    @property
    def _original_response(self) -> "Response":
        # Where requests.cookies.extract_cookies_to_jar() looks for ``msg``.
        return self

    def stream(self, amt: int = 0, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: ARG002
        """Yield the body in pieces, bounded as a reply is."""
        size = 0
        for piece in self.unpacked():
            size += len(piece)
            if size > self._call.max_bytes:
                raise MalformedError(
                    f"the reply has more than {size - 1} bytes, expected {self._call.max_bytes} at most"
                )
            yield piece

    def close(self) -> None:
        """Give up what was not read, and the connection with it."""
        if not self._call.reusable:
            self._connection.close()


def _content_length(value: str) -> int:
    # A list of equal values is allowed: RFC 9110, section 8.6.
    lengths = {length.strip(" \t") for length in value.split(",")}
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()) or len(length) > 18:  # what fits into 64 bits
        raise MalformedError(f"content-length is {value[:100]!r}, expected one number")
    return int(length)


def _parsed(minor: str, status: str, reason: str, lines: str) -> Head:
    fields = [(name, value.rstrip(" \t")) for name, value in _FIELDS.findall(lines)]
    return int(minor), int(status), reason.rstrip(" \t"), fields, _by_name(fields)


def _by_name(fields: list[tuple[str, str]]) -> dict[str, str]:
    if len(fields) > _MAX_HEADERS:
        raise MalformedError(f"more than {_MAX_HEADERS} headers")
    named: dict[str, str] = {}
    for name, value in fields:
        key = name.lower()
        named[key] = f"{named[key]}, {value}" if key in named else value
    return named
