"""
Which web pages may talk to this server: the Origin header, and the CORS headers in return.

A browser lets any page post plain text to any address, the machine it runs on included, and asks nobody.
What a page can't do is lie about its ``Origin``. So an origin that is not known is refused before its message
is read, and the ``Host`` header counts for nothing: DNS rebinding makes it say what the attacker wants.
"""

import re
from collections.abc import Collection
from typing import cast
from wsgiref.types import WSGIEnvironment

from ._answers import Headers

# scheme "://" host [ ":" port ] (RFC 6454, section 7), and nothing that could break out of a header.
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(?:[a-z0-9._~%!$&'()*+;=-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}

_ALLOW = ("Allow", "POST, OPTIONS")
_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "POST"),
    ("Access-Control-Allow-Headers", "Content-Type, Prefer"),
    ("Access-Control-Max-Age", "600"),
)


class Origins:
    """The origins that *allow_origin* lets in: ``None``, ``"*"``, one, or several."""

    def __init__(self, allow_origin: str | Collection[str] | None) -> None:
        self._any = allow_origin == "*"
        self._known: dict[str, Headers] = {}
        if allow_origin is None or self._any:
            return
        names = [allow_origin] if isinstance(allow_origin, str) else _collected(allow_origin)
        for name in names:
            origin = _checked(name)
            self._known[origin] = (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))

    def headers_for(self, environ: WSGIEnvironment) -> Headers | None:
        """Return the headers that each answer to this request bears, or ``None`` if its origin is not let in."""
        origin: str | None = environ.get("HTTP_ORIGIN")
        if origin is None:
            return ()
        if self._any:
            return (("Access-Control-Allow-Origin", "*"),)
        return self._known.get(origin)


def preflight_headers(cors: Headers) -> list[tuple[str, str]]:
    """Return the headers of an answer to OPTIONS, to a page whose headers are *cors* or to no page."""
    return [_ALLOW, *cors, *_PREFLIGHT] if cors else [_ALLOW]


def _collected(allow_origin: object) -> Collection[object]:
    if isinstance(allow_origin, Collection) and not isinstance(allow_origin, (bytes, bytearray)):
        return cast("Collection[object]", allow_origin)
    raise TypeError(
        f'allow_origin is a {type(allow_origin).__name__}, expected None, "*", an origin or a collection of them'
    )


def _checked(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"allow_origin has a {type(name).__name__} in it, expected str")
    match = _ORIGIN.fullmatch(name.lower())
    if match is None:
        raise ValueError(f'allow_origin is {name!r}, expected an origin such as "https://example.com" or "*" alone')
    scheme, port = match.groups()
    # Browsers leave the default port out, so an origin that names it would never match.
    return match[0].removesuffix(port) if port is not None and port == _DEFAULT_PORTS.get(scheme) else match[0]
