"""Which session a client works with, and by which route."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import default_headers

from ._adapter import SUPPORTED, BoundedAdapter
from ._options import without_any_secrets
from ._route import PoolRoute, SessionRoute

_NO_URL = (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)


def find_route(endpoint: str, session: requests.Session | None, options: Mapping[str, Any]) -> SessionRoute:
    """
    Return the way to *endpoint*; nothing is sent yet.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: *endpoint* or an option is malformed.
    """
    if not isinstance(endpoint, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise TypeError(f"endpoint is of type {type(endpoint).__name__}, expected str")
    if session is not None and not isinstance(session, requests.Session):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"session is of type {type(session).__name__}, expected requests.Session")
    shown = repr(without_any_secrets(endpoint))
    try:
        no_port = urlsplit(endpoint).port == 0
    except ValueError:
        no_port = False  # told below
    if no_port:
        raise ValueError(f"endpoint is {shown}, expected a port from 1 to 65535")
    own = _copy(session if session is not None else requests.Session())
    headers = _headers(own, options.get("headers") or {})
    try:
        own.get_adapter(endpoint)
        route = PoolRoute if PoolRoute.suits(own, options, endpoint) else SessionRoute
        return route(own, headers, options, endpoint)
    except (OSError, TypeError, ValueError) as exc:
        raise _explain(exc, shown) from exc


def _explain(failure: Exception, shown: str) -> TypeError | ValueError:
    """Return what to raise for *failure*; most of their own texts may have a value in them, and so a secret."""
    if isinstance(failure, requests.exceptions.InvalidHeader):
        return ValueError("a header is malformed, expected strings on one line")
    if isinstance(failure, requests.exceptions.InvalidSchema) and "SOCKS" in str(failure):
        return ValueError("proxies has a SOCKS proxy, expected PySocks to be installed for that")
    if isinstance(failure, (*_NO_URL, UnicodeError)):
        return ValueError(f"endpoint is {shown}, expected a URL such as http://host:port/path")
    if isinstance(failure, OSError):
        return ValueError(f"options for {shown} can't be used: {failure}")
    kind = TypeError if isinstance(failure, TypeError) else ValueError
    return kind("params or proxies have a value that can't be used")


def _copy(session: requests.Session) -> requests.Session:
    """Return a session that shares all with *session* but its connections."""
    # Not copy.copy(), by which a session forgets what a subclass has added.
    own = object.__new__(type(session))
    vars(own).update(vars(session))
    own.adapters = OrderedDict()
    for prefix, adapter in session.adapters.items():
        own.adapters[prefix] = BoundedAdapter() if SUPPORTED and type(adapter) is HTTPAdapter else adapter
    return own


def _headers(session: requests.Session, told: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers of each request: ours, unless the caller or the session says otherwise."""
    headers = CaseInsensitiveDict[str]()
    if "Content-Type" not in session.headers:
        headers["Content-Type"] = "text/plain; charset=utf-8"
    # What requests puts into every new session is nobody's wish.
    if session.headers.get("Accept-Encoding") in (None, default_headers()["Accept-Encoding"]):
        headers["Accept-Encoding"] = "identity"
    headers.update(told)
    return headers
