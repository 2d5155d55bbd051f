"""
Which web pages may talk to this server: the Origin header, and the CORS headers in return.

A browser lets any page post plain text to any address, the machine it runs on included, without asking anyone.
What a page can't do is lie about its ``Origin``. So an unknown origin is refused before its message is read, and
the ``Host`` header counts for nothing: DNS rebinding makes it say what the attacker wants.
"""

import ipaddress
import re
from collections.abc import Collection, Sequence
from typing import cast
from wsgiref.types import WSGIEnvironment

from ._answers import Headers

# scheme "://" host [ ":" port ] (RFC 6454, section 7), with a host as browsers send it: labels, or an IPv6 address.
_LABELS = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?"
_ORIGIN = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<any>\*\.)?(?:(?P<name>{_LABELS})|\[(?P<ipv6>[0-9a-f:.]+)\])(?::(?P<port>[0-9]{{1,5}}))?"
)
_SUBDOMAIN = re.compile(rf"(?P<scheme>[^:]+)://(?P<labels>{_LABELS})(?P<port>:[0-9]{{1,5}})?")
_DEFAULT_PORTS = {"http": 80, "https": 443}

# A field name (RFC 9110, section 5.1).
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class Origins:
    """The origins that *allow_origin* lets in: ``None``, ``"*"``, one, or several."""

    def __init__(self, allow_origin: str | Collection[str] | None) -> None:
        self._any = allow_origin == "*"
        self._known: dict[str, Headers] = {}
        self._parents: set[tuple[str, str, str]] = set()  # scheme, ".example.com", port
        if allow_origin is None or self._any:
            return
        for name in [allow_origin] if isinstance(allow_origin, str) else _collected("allow_origin", allow_origin):
            scheme, any_subdomain, host, port = _checked(name)
            if any_subdomain:
                self._parents.add((scheme, f".{host}", port))
            else:
                origin = f"{scheme}://{host}{port}"
                self._known[origin] = _headers_of(origin)

    def headers_for(self, environ: WSGIEnvironment) -> Headers | None:
        """Return the headers of every answer to this request, or ``None`` if its origin is not let in."""
        origin: str | None = environ.get("HTTP_ORIGIN")
        if origin is None:
            return ()
        if self._any:
            return (("Access-Control-Allow-Origin", "*"),)
        known = self._known.get(origin)
        if known is None and self._parents and self._is_subdomain(origin):
            return _headers_of(origin)
        return known

    def _is_subdomain(self, origin: str) -> bool:
        match = _SUBDOMAIN.fullmatch(origin)
        return match is not None and any(
            match["scheme"] == scheme and (match["port"] or "") == port and match["labels"].endswith(parent)
            for scheme, parent, port in self._parents
        )


class Preflight:
    """The answer to OPTIONS: what a page may send."""

    def __init__(self, allow_headers: Sequence[str]) -> None:
        self._cors = (
            ("Access-Control-Allow-Methods", "POST"),
            *((("Access-Control-Allow-Headers", ", ".join(allow_headers)),) if allow_headers else ()),
            ("Access-Control-Max-Age", "600"),
        )

    def answer(self, environ: WSGIEnvironment, cors: Headers) -> list[tuple[str, str]]:
        """Return the headers of the answer, to a page whose headers are *cors*, or to no page."""
        allow = ("Allow", "POST, OPTIONS")
        if not cors:
            return [allow]
        # A page of a public network that asks a private one (Private Network Access, section 3.1.2).
        asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true"
        private = [("Access-Control-Allow-Private-Network", "true")] if asked else []
        return [allow, *cors, *self._cors, *private]


def preflight_headers(allow_headers: Collection[str]) -> Preflight:
    """Return the answer to OPTIONS that lets pages send *allow_headers*."""
    if isinstance(allow_headers, str):
        raise TypeError("allow_headers is of type str, expected a collection of header names")
    names = list(_collected("allow_headers", allow_headers))
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"allow_headers has an item of type {type(name).__name__}, expected str")
        if _FIELD_NAME.fullmatch(name) is None:
            raise ValueError(f'allow_headers has {name!r}, expected the name of a header, such as "Authorization"')
    return Preflight(cast("list[str]", names))


def _headers_of(origin: str) -> Headers:
    return (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))


def _collected(argument: str, value: object) -> Collection[object]:
    if isinstance(value, Collection) and not isinstance(value, (bytes, bytearray)):
        return cast("Collection[object]", value)
    wanted = 'None, "*", an origin or a collection of them' if argument == "allow_origin" else "a collection of names"
    raise TypeError(f"{argument} is of type {type(value).__name__}, expected {wanted}")


def _checked(name: object) -> tuple[str, bool, str, str]:
    """Return the scheme of an origin, whether all subdomains are meant, its host, and ":port" or ""."""
    if not isinstance(name, str):
        raise TypeError(f"allow_origin has an item of type {type(name).__name__}, expected str")
    match = _ORIGIN.fullmatch(name.lower())
    if match is None or (match["any"] and match["ipv6"]):
        raise _not_an_origin(name, 'an origin such as "https://example.com", "https://*.example.com", or "*" alone')
    host: str = match["name"]
    if match["ipv6"]:
        try:
            host = f"[{ipaddress.IPv6Address(match['ipv6']).compressed}]"  # as browsers send it
        except ValueError:
            raise _not_an_origin(name, "an origin with an IPv6 address between the brackets") from None
    scheme, port = match["scheme"], match["port"]
    if port is not None and int(port) > 65_535:
        raise _not_an_origin(name, "an origin with a port of 0 to 65535")
    # Browsers leave the default port out, so an origin that names it would never match.
    shown = "" if port is None or int(port) == _DEFAULT_PORTS.get(scheme) else f":{int(port)}"
    return scheme, match["any"] is not None, host, shown


def _not_an_origin(name: str, wanted: str) -> ValueError:
    return ValueError(f"allow_origin is {name!r}, expected {wanted}")
