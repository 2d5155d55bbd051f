"""From the request's body to the text of the message, or to what is wrong with it."""

from wsgiref.types import InputStream, WSGIEnvironment

from werkzeug.exceptions import ClientDisconnected

from ._answers import BAD_LENGTH, BODY_CUT_SHORT, NOT_DECODED, NOT_UTF8, TOO_LARGE, Refusal

# An announced length with more digits than this is too large for any limit; int() itself fails beyond 4300 digits.
_MOST_DIGITS = 19

# So many bytes are asked for at once: a stream may set aside room for all of them before the first one comes.
_PIECE = 65_536


def read_message(environ: WSGIEnvironment, max_content_length: int) -> str | Refusal:
    """
    Read the body and decode it; return the message, or the answer to a body that is none.

    A body that is announced as too large is not read. One that announces no length (chunked, or HTTP/2) is
    read up to the limit, if the web server marks its end (``wsgi.input_terminated``). A request that bears
    neither a length nor a transfer encoding has an empty body (RFC 9112, section 6.3).
    """
    try:
        body = _body(environ, max_content_length)
    except (ClientDisconnected, EOFError, OSError, ValueError):
        # Broken connections, and what web servers raise for chunks that are none.
        return BODY_CUT_SHORT
    if isinstance(body, Refusal):
        return body
    try:
        return str(body, "utf-8")
    except UnicodeDecodeError:
        return NOT_UTF8


def _body(environ: WSGIEnvironment, max_content_length: int) -> bytearray | Refusal:
    length = _announced_length(environ)
    if isinstance(length, Refusal):
        return length
    if length is not None:
        if length > max_content_length:
            return TOO_LARGE
        body = _read(environ["wsgi.input"], length)
        return BODY_CUT_SHORT if len(body) < length else body
    if environ.get("wsgi.input_terminated"):
        # One byte more than is allowed, to tell a body that ends at the limit from one that goes on.
        body = _read(environ["wsgi.input"], max_content_length + 1)
        return TOO_LARGE if len(body) > max_content_length else body
    return NOT_DECODED if "HTTP_TRANSFER_ENCODING" in environ else bytearray()


def _read(stream: InputStream, most: int) -> bytearray:
    # Only read() is used, as web servers need to give no more than that (PEP 3333).
    body = bytearray()
    while len(body) < most:
        asked = min(most - len(body), _PIECE)
        piece = stream.read(asked)
        if not piece:
            break
        if len(piece) > asked:
            raise ValueError(f"the web server gave {len(piece)} bytes of the body, expected {asked} at most")
        body += piece
    return body


def _announced_length(environ: WSGIEnvironment) -> int | Refusal | None:
    text: str = environ.get("CONTENT_LENGTH") or ""
    # A transfer encoding overrides the length (RFC 9112, section 6.3); "identity" is the old name of none.
    if environ.get("HTTP_TRANSFER_ENCODING", "identity").lower() != "identity" or not text:
        return None
    # int() takes signs, blanks, underscores and the digits of all scripts.
    if not (text.isascii() and text.isdigit()):
        return BAD_LENGTH
    return TOO_LARGE if len(text.lstrip("0")) > _MOST_DIGITS else int(text)
