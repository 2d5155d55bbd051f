"""From the body of a response to the text of a reply: content coding and charset."""

import codecs
import re
import zlib
from collections.abc import Iterable, Iterator
from email.message import Message
from functools import lru_cache

from transport_base import TransportProtocolError

# Seen again and again before the next is unpacked, so that a bomb is stopped early.
_PIECE = 65_536

# The parser of its parameters takes the square of their number.
_MAX_CONTENT_TYPE = 1024

# Python decodes these too, but they write text in other text; some take the square of its length to be read.
_NO_CHARSETS = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}

_SURROGATE = re.compile("[\ud800-\udfff]")


def collect(pieces: Iterable[bytes], limit: int, announced: str | None) -> bytearray:
    """
    Return all of *pieces*, *limit* bytes at most; *announced* is the Content-Length.

    Raises:
        TransportProtocolError: the body is longer, announced or real, or *pieces* can't be unpacked.
    """
    if announced is not None and announced.isdecimal() and int(announced[:20]) > limit:
        raise TransportProtocolError(f"the reply is announced with {announced} bytes, expected {limit} at most")
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > limit:
            raise TransportProtocolError(f"the reply has more than {len(body) - 1} bytes, expected {limit} at most")
    return body


def find_coding(header: str) -> str | None:
    """
    Return the coding that *header*, a Content-Encoding, names; ``None`` for none.

    Raises:
        TransportProtocolError: it is not known, or they are several.
    """
    names = [name for token in header.lower().split(",") if (name := token.strip()) not in ("", "identity")]
    if not names:
        return None
    # Other codings need another library, or do not say where they end.
    if len(names) > 1 or names[0] not in ("gzip", "x-gzip", "deflate"):
        raise TransportProtocolError(f"the reply's content-encoding is {header[:100]!r}, expected identity or gzip")
    return names[0]


def unpack(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """
    Yield what *pieces* unpack to, a little at a time; nothing at all is the empty body in any coding.

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
    if (unpacker is None and data) or (unpacker is not None and not unpacker.eof):
        raise TransportProtocolError(f"the reply breaks off before the end of its {coding} coding")


def _window(coding: str, data: bytes) -> int:
    """Return what zlib needs to know about the format that *data* begins."""
    if coding != "deflate":
        return 16 + zlib.MAX_WBITS
    # Some servers leave out the two bytes of RFC 1950, which their sum gives away.
    wrapped = len(data) > 1 and data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0
    return zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS


def decode(content_type: str, body: bytes | bytearray) -> str:
    """
    Return the text of *body*: UTF-8, or the charset that *content_type* names.

    Raises:
        TransportProtocolError: the charset is not one to take, or *body* is not in it.
    """
    try:
        charset = _charset(content_type)
    except ValueError as exc:
        raise TransportProtocolError(str(exc)) from exc
    try:
        text = str(body, charset)
    except UnicodeError as exc:
        raise TransportProtocolError(f"the reply is not in {charset}: {_position(exc)}") from exc
    except (LookupError, ValueError) as exc:
        raise TransportProtocolError(f"the reply's charset is {charset!r}, expected a known one such as utf-8") from exc
    if charset != "utf-8" and _SURROGATE.search(text):
        raise TransportProtocolError(f"the reply in {charset} has a lone surrogate, expected text with a UTF-8 form")
    return text


def decode_leniently(content_type: str, body: bytes | bytearray) -> str:
    """Return *body* as text, with a replacement character for what is not."""
    try:
        text = str(body, _charset(content_type), "replace")
    except (LookupError, ValueError):
        text = str(body, "utf-8", "replace")
    return _SURROGATE.sub("\ufffd", text)


@lru_cache(maxsize=64)
def _charset(content_type: str) -> str:
    """
    Return the name of the charset, of a kind that takes no longer than others.

    Raises:
        ValueError: it is of another kind, or *content_type* is too long to look at.
    """
    if len(content_type) > _MAX_CONTENT_TYPE:
        raise ValueError(
            f"the reply's content-type has {len(content_type)} characters, expected {_MAX_CONTENT_TYPE} at most"
        )
    message = Message()
    message["Content-Type"] = content_type
    charset = message.get_content_charset("utf-8")
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        return charset
    if name.replace("_", "-") in _NO_CHARSETS:
        raise ValueError(f"the reply's charset is {charset!r}, expected one of text such as utf-8")
    return charset


def _position(exc: UnicodeError) -> str:
    # Not str(exc): what the bytes are stays out of messages and logs.
    return f"{exc.reason} at byte {exc.start}" if isinstance(exc, UnicodeDecodeError) else type(exc).__name__
