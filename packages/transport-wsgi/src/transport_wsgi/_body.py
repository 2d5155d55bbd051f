"""From the body of a request to the text of its message, or to what is wrong with it."""

from collections.abc import Callable
from wsgiref.types import InputStream, WSGIEnvironment

from werkzeug.exceptions import ClientDisconnected

from ._answers import BAD_LENGTH, BODY_CUT_SHORT, BUSY, NOT_DECODED, NOT_UTF8, TOO_LARGE, Refusal

# An announced length with more digits than this is too large for any limit; int() itself fails beyond 4300 digits.
_MOST_DIGITS = 19

# How many bytes to ask for at once. Up to here a body comes in one piece, uncopied: a read of 1 MiB takes 331 us, in
# pieces of 64 KiB 872 us. Not more, as a stream may set aside room for all of them before the first one arrives.
_PIECE = 1_048_576


def read_message(
    environ: WSGIEnvironment, max_content_length: int, has_room_for: Callable[[int], bool]
) -> str | Refusal:
    """
    Read the body and decode it; return the message, or the answer to a body that is not a message.

    A body that is announced as too large is not read, nor is one that *has_room_for* refuses. One that announces no
    length (chunked, or HTTP/2) is read up to the limit if the web server marks its end, and refused otherwise. An
    HTTP/1 request with neither a length nor a transfer encoding has an empty body (RFC 9112, section 6.3).
    """
    try:
        body = _body(environ, max_content_length, has_room_for)
    except (ClientDisconnected, EOFError, OSError, ValueError):
        # Broken connections, and what web servers raise for malformed chunks.
        return BODY_CUT_SHORT
    if isinstance(body, Refusal):
        return body
    try:
        return str(body, "utf-8")
    except UnicodeDecodeError:
        return NOT_UTF8


def _body(
    environ: WSGIEnvironment, max_content_length: int, has_room_for: Callable[[int], bool]
) -> bytes | bytearray | Refusal:
    length = _announced_length(environ)
    if isinstance(length, Refusal):
        return length
    if length is not None:
        if length > max_content_length:
            return TOO_LARGE
        if not has_room_for(length):
            return BUSY
        body = _read(environ["wsgi.input"], length)
        return BODY_CUT_SHORT if len(body) < length else body
    if _marks_the_end(environ):
        # One byte more than is allowed, to tell a body that ends at the limit from one that goes on.
        body = _read(environ["wsgi.input"], max_content_length + 1)
        return TOO_LARGE if len(body) > max_content_length else body
    may_have_a_body = "HTTP_TRANSFER_ENCODING" in environ or not environ["SERVER_PROTOCOL"].startswith("HTTP/1.")
    return NOT_DECODED if may_have_a_body else b""


def _marks_the_end(environ: WSGIEnvironment) -> bool:
    # Granian says so, but ends a body in the same way when its client has gone (seen up to 2.8.7): half of a message
    # would be taken for the whole.
    return bool(environ.get("wsgi.input_terminated")) and environ.get("SERVER_SOFTWARE") != "Granian"


def _read(stream: InputStream, most: int) -> bytes | bytearray:
    # Only read() is used, since web servers need not offer more than that (PEP 3333).
    piece = _piece(stream, most)
    if len(piece) == most or not piece:
        return piece
    body = bytearray(piece)
    while piece and len(body) < most:
        piece = _piece(stream, most - len(body))
        body += piece
    return body


def _piece(stream: InputStream, most: int) -> bytes:
    asked = min(most, _PIECE)
    piece = stream.read(asked)
    if len(piece) > asked:
        raise ValueError(f"the web server gave {len(piece)} bytes of the body, expected {asked} at most")
    return piece


def _announced_length(environ: WSGIEnvironment) -> int | Refusal | None:
    text: str = environ.get("CONTENT_LENGTH") or ""
    # A transfer encoding overrides the length (RFC 9112, section 6.3); "identity" is the old name for having none.
    if environ.get("HTTP_TRANSFER_ENCODING", "identity").lower() != "identity" or not text:
        return None
    # int() takes signs, blanks, underscores and the digits of all scripts.
    if not (text.isascii() and text.isdigit()):
        return BAD_LENGTH
    return TOO_LARGE if len(text.lstrip("0")) > _MOST_DIGITS else int(text)
