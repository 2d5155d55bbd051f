"""From what requests, urllib3, http.client and sockets raise to the errors of transports."""

import re
from collections.abc import Iterator
from http.client import HTTPException, IncompleteRead, RemoteDisconnected

import requests
import urllib3.exceptions as u

from transport_base import TransportConnectionError, TransportError, TransportProtocolError, TransportTimeoutError

# All that those raise; requests' and the system's errors are OSErrors.
FAILURES = (OSError, u.HTTPError, HTTPException)

_SENT = "the server may have handled the message"
_NOT_SENT = "the message was not sent"

# The server can't be reached at all. Some are subclasses of what means a time-out.
_UNREACHED = (u.NewConnectionError, u.ProxyError, u.SSLError, u.LocationValueError)
_BROKEN_OFF = (RemoteDisconnected, IncompleteRead)
_TIMED_OUT = (u.TimeoutError, requests.Timeout)
_MALFORMED = (u.DecodeError, u.InvalidHeader)


def translate(failure: BaseException, endpoint: str, timeout: float | None) -> TransportError:
    """Return the transport error that tells what *failure* was; the caller chains it."""
    causes = list(_causes(failure))
    # The URL of a proxy may be in it.
    what = re.sub(r"//[^/\s]*@", "//", f"{type(causes[-1]).__name__}: {causes[-1]}")
    if any(isinstance(c, TimeoutError) and c.errno is None for c in causes) or (
        any(isinstance(c, _TIMED_OUT) for c in causes) and not any(isinstance(c, _UNREACHED) for c in causes)
    ):
        connecting = any(isinstance(c, (u.ConnectTimeoutError, requests.ConnectTimeout)) for c in causes)
        return TransportTimeoutError(
            f"no reply from {endpoint} within {timeout} s; {_NOT_SENT if connecting else _SENT}"
        )
    if any(isinstance(c, _UNREACHED) for c in causes):
        by_proxy = " through its proxy" if any(isinstance(c, u.ProxyError) for c in causes) else ""
        return TransportConnectionError(f"{endpoint} can't be reached{by_proxy}, {what}")
    if any(_is_malformed(c) for c in causes):
        return TransportProtocolError(f"{endpoint} answered with what is not HTTP, {what}")
    return TransportConnectionError(f"connection to {endpoint} broke, {what}; {_SENT}")


def _is_malformed(cause: BaseException) -> bool:
    """Tell an answer that makes no sense from one that breaks off, which http.client takes for the same."""
    if isinstance(cause, u.InvalidChunkLength):
        # In older versions of urllib3 the end of the connection is a chunk size too, an empty one.
        return bool(cause.length)
    return isinstance(cause, _MALFORMED) or (isinstance(cause, HTTPException) and not isinstance(cause, _BROKEN_OFF))


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """Walk from *failure* to what lies below: requests and urllib3 chain, wrap, and keep a reason."""
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
