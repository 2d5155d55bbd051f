"""From the body of a response to the text of a reply."""

from collections.abc import Callable, Iterable, Mapping
from email.message import Message
from functools import lru_cache

from urllib3.response import HTTPResponse

from transport_base import TransportProtocolError

from ._failures import FAILURES

_CODINGS = {"", "identity", *HTTPResponse.CONTENT_DECODERS}


def read_body(headers: Mapping[str, str], pieces: Iterable[bytes], limit: int) -> bytes:
    """
    Return the body, of *limit* bytes at most.

    Raises:
        TransportProtocolError: it is longer, announced or real, or its encoding is not known.
    """
    announced = headers.get("Content-Length")
    if announced is not None and announced.isdecimal() and int(announced) > limit:
        raise TransportProtocolError(f"the reply is announced with {announced} bytes, expected {limit} at most")
    coding = headers.get("Content-Encoding")
    if coding is not None and not _CODINGS.issuperset(token.strip() for token in coding.lower().split(",")):
        raise TransportProtocolError(f"the reply's content-encoding is {coding!r}, expected identity")
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
    except (*FAILURES, ValueError):
        discard()
    except BaseException:
        discard()
        raise
    return b"".join(parts)


def decode(headers: Mapping[str, str], body: bytes) -> str:
    """
    Return the text of *body*: UTF-8, or the charset that its Content-Type names.

    Raises:
        TransportProtocolError: the charset is not known, or *body* is not in it.
    """
    charset = _charset(headers.get("Content-Type", ""))
    try:
        return str(body, charset)
    except UnicodeError as exc:
        raise TransportProtocolError(f"the reply is not in {charset}: {_position(exc)}") from exc
    except (LookupError, ValueError) as exc:
        raise TransportProtocolError(f"the reply's charset is {charset!r}, expected a known one such as utf-8") from exc


def decode_leniently(headers: Mapping[str, str], body: bytes) -> str:
    """Return *body* as text at any price: what is no text is replaced."""
    try:
        return str(body, _charset(headers.get("Content-Type", "")), "replace")
    except (LookupError, ValueError):
        return str(body, "utf-8", "replace")


@lru_cache(maxsize=64)
def _charset(content_type: str) -> str:
    message = Message()
    message["Content-Type"] = content_type
    return message.get_content_charset("utf-8")


def _position(exc: UnicodeError) -> str:
    # Not str(exc): what the bytes are stays out of messages and logs.
    return f"{exc.reason} at byte {exc.start}" if isinstance(exc, UnicodeDecodeError) else type(exc).__name__
