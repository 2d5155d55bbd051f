"""Unpacking a reply that was sent packed, and telling whether all of it came."""

import zlib
from collections.abc import Iterable, Iterator

from transport_base import TransportProtocolError

# Seen again and again before the next is unpacked, so that a bomb is stopped early.
_PIECE = 65_536


def find_coding(header: str) -> str | None:
    """
    Return the coding that *header*, a Content-Encoding, names; ``None`` for none.

    Raises:
        TransportProtocolError: it is not known, or they are several.
    """
    names = [name for token in header.lower().split(",") if (name := token.strip()) not in ("", "identity")]
    if not names:
        return None
    # Others can't be had without a further library, or do not tell where they end.
    if len(names) > 1 or names[0] not in ("gzip", "x-gzip", "deflate"):
        raise TransportProtocolError(f"the reply's content-encoding is {header[:100]!r}, expected identity or gzip")
    return names[0]


def unpack(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """
    Yield what *pieces* unpack to, a little at a time.

    Raises:
        TransportProtocolError: they are not in *coding*, or stop before its end.
    """
    unpacker = None
    data = b""
    try:
        for piece in pieces:
            data += piece
            if unpacker is None and len(data) < 2:
                continue
            while True:
                # A gzip file may have several members: RFC 1952, section 2.2.
                if unpacker is None or (unpacker.eof and data):
                    unpacker = zlib.decompressobj(_window(coding, data))
                part = unpacker.decompress(data, _PIECE)
                yield part
                data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
                if not data and (unpacker.eof or len(part) < _PIECE):
                    break
    except zlib.error as exc:
        raise TransportProtocolError(f"the reply is not in {coding}: {exc}") from exc
    if unpacker is None or not unpacker.eof:
        raise TransportProtocolError(f"the reply breaks off before the end of its {coding} coding")


def _window(coding: str, data: bytes) -> int:
    """Return what zlib is to be told about the format that *data* begins."""
    if coding != "deflate":
        return 16 + zlib.MAX_WBITS
    # Some servers leave out the two bytes of RFC 1950, which are told by their sum.
    wrapped = len(data) > 1 and data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0
    return zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS
