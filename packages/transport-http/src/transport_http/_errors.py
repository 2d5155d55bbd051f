"""The error that HTTP adds, a status that is not a success; and from what goes wrong to the errors of transports."""

import socket
import ssl
from collections.abc import Iterator, Mapping

import requests
from requests.structures import CaseInsensitiveDict

from transport_base import TransportConnectionError, TransportError, TransportProtocolError, TransportTimeoutError

from ._connection import Call
from ._response import MalformedError

_SENT = "the server may have handled the message"
_NOT_SENT = "the message was not sent"

# What ends an adapter of the caller's own before it has sent anything.
_UNREACHED = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError, requests.exceptions.ProxyError)
_MALFORMED = (MalformedError, requests.exceptions.ContentDecodingError, requests.exceptions.InvalidHeader)


class Headers(Mapping[str, str]):
    """The headers of a response: names in any case, values as text, several of one name joined by a comma."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = CaseInsensitiveDict(headers)

    def __getitem__(self, name: str) -> str:
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)

    def __repr__(self) -> str:
        # Values may be secrets, such as cookies.
        return f"<headers {', '.join(self)}>"


class HttpStatusError(TransportProtocolError):
    """
    The server answered with a status outside 2xx.

    *body* is what it said about that, as text: JSON-RPC servers put their error object there. Bytes that
    are not text are replaced, and a body that is very long, late or broken off is cut short. *headers* has its headers,
    such as ``Retry-After`` or ``WWW-Authenticate``; it is read-only, and names are found in any case.
    """

    def __init__(
        self, endpoint: str, status_code: int, reason: str, body: str, headers: Mapping[str, str] | None = None
    ) -> None:
        own = headers if isinstance(headers, Headers) else Headers(headers or {})
        super().__init__(endpoint, status_code, reason, body, own)
        self.endpoint = endpoint
        self.status_code = status_code
        self.reason = reason
        self.body = body
        self.headers: Mapping[str, str] = own

    def __str__(self) -> str:
        status = f"{self.status_code} {self.reason}".rstrip()
        return f"{self.endpoint} answered with status {status}, expected 2xx"


def translate(failure: BaseException, endpoint: str, call: Call) -> tuple[TransportError, BaseException | None]:
    """Return the transport error that says what *failure* was, and the cause to chain, which has no URL in its text."""
    causes = list(_causes(failure))
    cause: BaseException | None = causes[-1]
    sent = call.sent and not any(isinstance(c, (*_UNREACHED, requests.ConnectTimeout)) for c in causes)
    what = f"{type(cause).__name__}: {cause}"
    if isinstance(cause, requests.RequestException):
        what, cause = type(cause).__name__, None
    if any((isinstance(c, TimeoutError) and c.errno is None) or isinstance(c, requests.Timeout) for c in causes):
        within = "" if call.timeout is None else f" within {call.timeout:g} s"
        text = f"no reply from {endpoint}{within}; {_SENT if sent else _NOT_SENT}"
        return TransportTimeoutError(text), cause
    if any(isinstance(c, _MALFORMED) for c in causes):
        return TransportProtocolError(f"{endpoint} sent a malformed HTTP response, {what}"), cause
    if not sent:
        return TransportConnectionError(f"{endpoint} can't be reached{call.way}, {what}; {_NOT_SENT}"), cause
    return TransportConnectionError(f"connection to {endpoint} broke, {what}; {_SENT}"), cause


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """Walk from *failure* to what lies below: requests and its libraries chain, wrap, and keep a reason."""
    seen: list[BaseException] = []
    todo: list[BaseException] = [failure]
    while todo:
        cause = todo.pop(0)
        if any(cause is known for known in seen):
            continue
        seen.append(cause)
        yield cause
        # Not the context: it ends in what the caller of the transport was just handling.
        below = [*cause.args, getattr(cause, "reason", None), cause.__cause__]
        todo.extend(item for item in below if isinstance(item, BaseException))
