"""From the body of a response to the text of a reply."""

import codecs
import re
from collections.abc import Callable, Iterable, Mapping
from email.message import Message
from functools import lru_cache

from transport_base import TransportProtocolError

from ._failures import FAILURES

# The parser of its parameters takes the square of their number.
_MAX_CONTENT_TYPE = 1024

# Python decodes these too, but they write text in other text; some take the square of its length to be read.
_NO_CHARSETS = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}

_SURROGATE = re.compile("[\ud800-\udfff]")


def read_body(headers: Mapping[str, str], pieces: Iterable[bytes], limit: int) -> bytes:
    """
    Return the body, of *limit* bytes at most.

    Raises:
        TransportProtocolError: it is longer, announced or real, or *pieces* can't be unpacked.
    """
    announced = headers.get("Content-Length")
    if announced is not None and announced.isdecimal() and int(announced) > limit:
        raise TransportProtocolError(f"the reply is announced with {announced} bytes, expected {limit} at most")
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise TransportProtocolError(f"the reply has more than {size - 1} bytes, expected {limit} at most")
        parts.append(piece)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_leniently(pieces: Iterable[bytes], limit: int, discard: Callable[[], None]) -> bytes:
    """Return the body, or as much of it as comes; call *discard* when that is not all, or over *limit* bytes."""
    parts: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            parts.append(piece[: limit - size])
            size += len(piece)
            if size > limit:
                discard()
                break
    except (*FAILURES, ValueError, TransportProtocolError):
        discard()
    except BaseException:
        discard()
        raise
    return b"".join(parts)


def decode(headers: Mapping[str, str], body: bytes) -> str:
    """
    Return the text of *body*: UTF-8, or the charset that its Content-Type names.

    Raises:
        TransportProtocolError: the charset is not one to take, or *body* is not in it.
    """
    try:
        charset = _charset(headers.get("Content-Type", ""))
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


def decode_leniently(headers: Mapping[str, str], body: bytes) -> str:
    """Return *body* as text at any price: what is no text is replaced."""
    try:
        text = str(body, _charset(headers.get("Content-Type", "")), "replace")
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
