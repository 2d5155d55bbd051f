"""From the request's body to the text of the message, or to what is wrong with it."""

from wsgiref.types import InputStream, WSGIEnvironment

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import LimitedStream

from ._answers import BAD_LENGTH, BODY_CUT_SHORT, NOT_DECODED, NOT_UTF8, TOO_LARGE, Refusal

# An announced length with more digits than this is too large for any limit; int() itself fails beyond 4300 digits.
_MOST_DIGITS = 19


def read_message(environ: WSGIEnvironment, max_content_length: int) -> str | Refusal:
    """
    Read the body and decode it; return the message, or the answer to a body that is none.

    A body that is announced as too large is not read. One that announces no length (chunked, or HTTP/2) is
    read up to the limit, if the web server marks its end (``wsgi.input_terminated``). A request that bears
    neither a length nor a transfer encoding has an empty body (RFC 9112, section 6.3).
    """
    try:
        body = _body(environ, max_content_length)
    except (ClientDisconnected, OSError):
        # OSError: broken connections, and what web servers raise for chunks that are none.
        return BODY_CUT_SHORT
    if isinstance(body, Refusal):
        return body
    try:
        return str(body, "utf-8")
    except UnicodeDecodeError:
        return NOT_UTF8


def _body(environ: WSGIEnvironment, max_content_length: int) -> bytes | Refusal:
    length = _announced_length(environ)
    if isinstance(length, Refusal):
        return length
    if length is not None:
        return TOO_LARGE if length > max_content_length else _exactly(length, environ["wsgi.input"])
    if environ.get("wsgi.input_terminated"):
        # One byte more than is allowed, as the stream does not tell that it was cut at its limit.
        body = LimitedStream(environ["wsgi.input"], max_content_length + 1, is_max=True).readall()
        return TOO_LARGE if len(body) > max_content_length else body
    return NOT_DECODED if "HTTP_TRANSFER_ENCODING" in environ else b""


def _exactly(length: int, stream: InputStream) -> bytes | Refusal:
    body = stream.read(length)
    while len(body) < length:
        more = stream.read(length - len(body))
        if not more:
            return BODY_CUT_SHORT
        body += more
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
