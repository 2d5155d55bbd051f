"""What goes back over HTTP instead of a reply: a status and one short sentence."""

from collections.abc import Iterable, Sequence
from wsgiref.types import StartResponse, WSGIEnvironment

Headers = Sequence[tuple[str, str]]


class Refusal:
    """An answer other than a reply: *status*, a *sentence* that says why, and *headers* beyond the usual ones."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: str, sentence: str, *headers: tuple[str, str]) -> None:
        self.status = status
        self.body = f"{sentence}\n".encode()
        self.headers = (
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(self.body))),
            *headers,
        )


# Status and meaning are those of RFC 9110, section 15.
ACCEPTED = Refusal(
    "202 Accepted",
    "The message is queued; its reply will be discarded.",
    ("Preference-Applied", "respond-async"),  # RFC 7240, section 3
)
NOT_UTF8 = Refusal("400 Bad Request", "The body is not UTF-8.")
BODY_CUT_SHORT = Refusal("400 Bad Request", "The body ended early, or could not be read.")
BAD_LENGTH = Refusal("400 Bad Request", "Content-Length must be one plain, non-negative number.")
NOT_DECODED = Refusal(
    "400 Bad Request", "This web server does not mark the end of a body without a length: send a Content-Length."
)
FOREIGN_ORIGIN = Refusal(
    "403 Forbidden",
    "Pages of this Origin may not send messages here. To allow them, name the origin in the server's allow_origin.",
)
NOT_POST = Refusal("405 Method Not Allowed", "Send a message with POST.", ("Allow", "POST, OPTIONS"))
TOO_LARGE = Refusal("413 Content Too Large", "The message is larger than this server accepts.")
FAILED = Refusal("500 Internal Server Error", "The message was received, but its handler failed.")
BUSY = Refusal("503 Service Unavailable", "Too many messages are waiting.", ("Retry-After", "1"))
CLOSED = Refusal(
    "503 Service Unavailable", "The server was closed before it received the message.", ("Retry-After", "1")
)
# No Retry-After: a client that follows it would have the message handled twice.
INTERRUPTED = Refusal("503 Service Unavailable", "The server was closed while the message may have been handled.")
NO_RECEIVER = Refusal(
    "503 Service Unavailable", "No loop receives messages in this process of the server; its log says more."
)
NO_REPLY = Refusal("504 Gateway Timeout", "The message was queued, but no reply came in time.")


def refuse(refusal: Refusal, cors: Headers, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with *refusal*, and with the *cors* headers, so that a page that is allowed to read it can."""
    start_response(refusal.status, [*refusal.headers, *cors])
    # A HEAD request gets the headers alone, and not every web server cuts the body off.
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [refusal.body]
