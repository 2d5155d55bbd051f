"""The options of requests that a transport takes, and the check of all that its constructor is given."""

import math
import re
from collections.abc import Callable, Mapping
from http.cookiejar import CookieJar
from os import PathLike
from typing import Any, TypedDict, cast
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase


class RequestOptions(TypedDict, total=False):
    """Options as :func:`requests.request` knows them; they hold for every message."""

    headers: Mapping[str, str]
    auth: tuple[str, str] | AuthBase | Callable[[requests.PreparedRequest], requests.PreparedRequest]
    verify: bool | str
    cert: str | tuple[str, str]
    proxies: Mapping[str, str]
    cookies: Mapping[str, str] | CookieJar
    params: Mapping[str, str | int | list[str]] | list[tuple[str, str]] | str


_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "headers": (Mapping, "a mapping"),
    "proxies": (Mapping, "a mapping"),
    "cookies": ((Mapping, CookieJar), "a mapping or a CookieJar"),
    "verify": ((bool, str, PathLike), "bool or a path"),
    "cert": ((str, PathLike, tuple), "a path or a pair of paths"),
    "params": ((Mapping, list, tuple, str, bytes), "a mapping, a list of pairs or str"),
}


def check_options(options: Mapping[str, Any]) -> None:
    """Raise ``TypeError`` for an option that requests does not have, or of the wrong kind."""
    known = RequestOptions.__annotations__
    for name in options:
        if name not in known:
            raise TypeError(f"unknown option {name!r}, expected one of {', '.join(sorted(known))}")
    for name, (kinds, wanted) in _KINDS.items():
        value = options.get(name)
        if value is not None and not isinstance(value, kinds):
            raise TypeError(f"{name} is of type {_name(value)}, expected {wanted}")
    auth = options.get("auth")
    if not (auth is None or callable(auth) or _is_pair(auth)):
        raise TypeError(f"auth is of type {_name(auth)}, expected (user, password) or a callable")

    _check_texts(options)


def _check_texts(options: Mapping[str, Any]) -> None:
    """Check the contents of options; a value may be a secret, so it is not shown."""
    headers: dict[Any, Any] = dict(options.get("headers") or {})
    for name, value in headers.items():
        # requests takes bytes as well, and None for a header of the session that is to be left out.
        _check_text("headers", name, (str, bytes))
        if value is not None:
            _check_text(f"headers[{name!r}]", value, (str, bytes))
    cookies = options.get("cookies")
    if isinstance(cookies, Mapping):
        pairs: Mapping[Any, Any] = cookies  # pyright: ignore[reportUnknownVariableType]  # items of any type
        for name, value in pairs.items():
            _check_text("cookies", name, str)
            _check_text(f"cookies[{name!r}]", value, str)
    auth: Any = options.get("auth")
    if _is_pair(auth):
        for part, value in zip(("user", "password"), auth, strict=True):
            _check_type(f"the {part} in auth", value, (str, bytes))
            _check_latin(f"the {part} in auth", value)
    proxies: dict[Any, Any] = dict(options.get("proxies") or {})
    for name, value in proxies.items():
        _check_type("a scheme in proxies", name, str)
        if value is not None:
            _check_type(f"proxies[{name!r}]", value, str)
            _check_proxy(f"proxies[{name!r}]", value)
    _check_params(options.get("params"))
    cert = options.get("cert")
    if isinstance(cert, tuple) and not _is_pair(cert):
        raise TypeError("cert is a tuple, expected a path or a pair of paths")


def _check_params(params: Any) -> None:
    if isinstance(params, bytes):
        if not params.isascii():
            raise ValueError("params is bytes beyond ASCII, expected a query as a URL has it")
        return
    if params is None or isinstance(params, str):
        return
    # Items of any type, since callers need not be typed.
    given: Any = params.items() if hasattr(params, "items") else params
    pairs: list[Any] = list(given)
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(cast("list[Any]", pair)) != 2:
            raise TypeError(f"params has a {type(cast('object', pair)).__name__}, expected pairs of a name and a value")
        name, value = cast("tuple[Any, Any]", pair)
        _check_type("a name in params", name, (str, bytes, int, float))
        values: list[Any] = list(cast("list[Any]", value)) if isinstance(value, (list, tuple)) else [value]
        for item in values:
            if item is not None:
                _check_type(f"params[{name!r}]", item, (str, bytes, int, float))


def _check_text(what: str, value: Any, kinds: type | tuple[type, ...]) -> None:
    _check_type(what, value, kinds)
    _check_latin(what, value)
    if re.search(r"[\r\n\0]", value if isinstance(value, str) else str(value, "latin-1")):
        raise ValueError(f"{what} has a line end or a NUL, expected text on one line")


def _check_type(what: str, value: Any, kinds: type | tuple[type, ...]) -> None:
    if not isinstance(value, kinds):
        raise TypeError(f"{what} is of type {_name(value)}, expected str")


def _check_latin(what: str, value: str | bytes) -> None:
    if isinstance(value, str) and any(character > "\xff" for character in value):
        raise ValueError(f"{what} has characters beyond latin-1, which HTTP headers can't hold")


def _check_proxy(what: str, url: str) -> None:
    try:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if url and not valid:
        raise ValueError(f"{what} is malformed, expected a URL such as http://host:port")


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2  # pyright: ignore[reportUnknownArgumentType]  # items of any type


def _name(value: object) -> str:
    return type(value).__name__


def check_timeout(timeout: object) -> float | None:
    """Return *timeout* as seconds; ``None``, and infinity, wait for ever."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout is of type {type(timeout).__name__}, expected a number of seconds or None")
    try:
        seconds = float(timeout)
    except OverflowError:
        seconds = math.copysign(math.inf, 1 if timeout > 0 else -1)
    if math.isnan(seconds) or seconds < 0:
        raise ValueError(f"timeout is {seconds:g}, expected 0 or more seconds, or None")
    return None if math.isinf(seconds) else seconds


def check_max_reply_bytes(max_reply_bytes: object) -> int:
    """Return *max_reply_bytes* when it is a number of bytes."""
    if isinstance(max_reply_bytes, bool) or not isinstance(max_reply_bytes, int):
        raise TypeError(f"max_reply_bytes is of type {type(max_reply_bytes).__name__}, expected int")
    if max_reply_bytes < 0:
        raise ValueError(f"max_reply_bytes is {max_reply_bytes}, expected 0 or more")
    return max_reply_bytes


def without_secrets(url: str) -> str:
    """Return *url*, which is well-formed, as error messages may show it: without user name, password and query."""
    return re.sub(r"(?<=//)[^/?#]*@", "", url.partition("?")[0].partition("#")[0], count=1)


def without_any_secrets(text: str) -> str:
    """
    Return *text*, meant as a URL, as error messages may show it.

    All before the last ``@`` is left out but the scheme, for a password with a slash in it looks like a path; and so is
    the query.
    """
    shown = re.sub(r"^([a-z][a-z0-9+.\-]*://|//)?.*@", r"\1", text, count=1, flags=re.DOTALL | re.IGNORECASE)
    return shown.partition("?")[0]
