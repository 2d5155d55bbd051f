"""A response whose head is there, and the ways to read its body in pieces."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import requests
from urllib3.response import BaseHTTPResponse

from ._call import current_call
from ._coding import find_coding, unpack

# Large enough that a piece costs little, small enough that a bomb is seen early.
_PIECE = 65_536

# Unpacked it may be a thousand times as large, and the time is not looked at meanwhile.
_PACKED_PIECE = 8_192

# Memory for it is taken before a byte of it is there.
_AT_ONCE = 16 * 1024 * 1024


class Answer(NamedTuple):
    """A response whose head was read, and whose body was not."""

    status: int
    reason: str
    headers: Mapping[str, str]
    pieces: Iterator[bytes]
    response: requests.Response | BaseHTTPResponse

    def discard(self) -> None:
        """Give up the body, and the connection with it."""
        self.response.close()
        if isinstance(self.response, BaseHTTPResponse):
            self.response.release_conn()


def _unpacked(status: int, headers: Mapping[str, str], packed: Iterator[bytes]) -> Iterator[bytes]:
    # 204 has no body, whatever its head says.
    coding = find_coding(headers.get("Content-Encoding", "")) if status != 204 else None
    yield from packed if coding is None else unpack(packed, coding)


def timed_pieces(response: requests.Response) -> Iterator[bytes]:
    """Read the body in pieces; between them the time is checked, for connections which are not ours."""
    if getattr(response, "_content_consumed", False):
        # A hook has read it, and requests has unpacked it.
        yield response.content
    else:
        yield from _unpacked(response.status_code, response.headers, _raw_pieces(response))


def _raw_pieces(response: requests.Response) -> Iterator[bytes]:
    call = current_call()
    # As requests itself does, but packed as it comes: a packed body that breaks off looks whole once it is unpacked.
    if hasattr(response.raw, "stream"):
        raw: Iterator[bytes] = response.raw.stream(_piece_size(response.headers), decode_content=False)
    else:
        raw = response.iter_content(_piece_size(response.headers))
    for piece in raw:
        call.remaining()
        yield piece


def pieces(response: BaseHTTPResponse) -> Iterator[bytes]:
    """Read the body: at once where its size is known to be small, in pieces otherwise."""
    length = response.length_remaining
    if length is None or length > _AT_ONCE or "Content-Encoding" in response.headers:
        packed = response.stream(_piece_size(response.headers), decode_content=False)
        yield from _unpacked(response.status, response.headers, packed)
    else:
        yield response.read(decode_content=False)


def _piece_size(headers: Mapping[str, str]) -> int:
    return _PACKED_PIECE if "Content-Encoding" in headers else _PIECE
