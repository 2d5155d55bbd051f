"""The options of requests that a transport takes, and the check of all that its constructor is given."""

import math
import re
from collections.abc import Callable, Mapping
from http.cookiejar import CookieJar
from os import PathLike
from typing import Any, TypedDict

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


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2  # pyright: ignore[reportUnknownArgumentType]  # of whatever


def _name(value: object) -> str:
    return type(value).__name__


def check_timeout(timeout: object) -> float | None:
    """Return *timeout* as seconds; ``None``, and infinity, wait for ever."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout is of type {type(timeout).__name__}, expected seconds as a number, or None")
    if math.isnan(timeout) or timeout < 0:
        raise ValueError(f"timeout is {timeout}, expected 0 or more seconds, or None")
    return None if math.isinf(timeout) else float(timeout)


def check_max_reply_bytes(max_reply_bytes: object) -> int:
    """Return *max_reply_bytes* when it is a number of bytes."""
    if isinstance(max_reply_bytes, bool) or not isinstance(max_reply_bytes, int):
        raise TypeError(f"max_reply_bytes is of type {type(max_reply_bytes).__name__}, expected int")
    if max_reply_bytes < 0:
        raise ValueError(f"max_reply_bytes is {max_reply_bytes}, expected 0 or more")
    return max_reply_bytes


def without_secrets(url: str) -> str:
    """Return *url*, which may be malformed, as error messages may show it: without user name and password."""
    return re.sub(r"(?<=//)[^/?#]*@", "", url, count=1)
