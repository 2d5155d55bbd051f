"""The engine: the calls in progress and the idle connections of one client, which is a transport adapter as well."""

import math
import os
import re
import threading
import time
import weakref
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import requests
import requests.cookies
import requests.utils
from requests.adapters import BaseAdapter

from transport_base import TransportClosedError

from ._connection import Call, Connection, Route
from ._response import Response

# Typed in some versions of requests and its stubs, and not in others.
_cookies: Any = requests.cookies
_utils: Any = requests.utils

# The number of idle connections that are kept. Threads beyond it open a new connection for each call.
_MAX_IDLE = 64

# Below, a copy costs less than a second packet; far above, it would cost memory.
_ONE_PACKET = 65_536

_DEFAULT_PORTS = {"http": 80, "https": 443}

# What would end a line of the head, or the request line's target.
_LINE_END = re.compile("[\r\n\0]")
# A field name (RFC 9110, section 5.1). One with a blank behind it would pass for another one.
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NO_TARGET = re.compile(r"[\0-\x20\x7f]")


class TimeLeft(float):
    """The time that a call has left, as requests hands it to a transport adapter; our own finds the call in it."""

    __slots__ = ("call",)
    call: Call

    @classmethod
    def of(cls, call: Call) -> "TimeLeft":
        """Return the time that *call* has left."""
        left = call.remaining()
        time_left = cls(math.inf if left is None else left)
        time_left.call = call
        return time_left


class Engine(BaseAdapter):
    """
    Sends requests and returns responses, each within its call.

    One lock guards what calls share: the set of them, and the idle connections. It is never held while waiting, and is
    of the kind that lets a signal handler of the same thread in.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self.closed = False
        self._max_bytes = max_bytes
        self._routes: dict[Any, Route] = {}
        self._inherited: list[Connection] = []
        self._renew()
        _engines.add(self)

    def _renew(self) -> None:
        """Start again without a connection: in a forked child, those of the parent are not its own."""
        self._lock = threading.RLock()
        self._calls: set[Call] = set()
        for route in self._routes.values():
            self._inherited += route.idle
            route.idle = []

    # --- calls

    def begin(self, timeout: float | None) -> Call:
        """
        Begin a call.

        Raises:
            TransportClosedError: the engine is closed.
        """
        call = Call(timeout, self._max_bytes)
        with self._lock:
            if self.closed:
                raise TransportClosedError("the client is closed")
            self._calls.add(call)
        while self._inherited:
            self._inherited.pop().abandon()
        return call

    def end(self, call: Call) -> None:
        """End *call*: its connection becomes idle if its last response was read to the end, else it is closed."""
        with self._lock:
            self._calls.discard(call)
            self._put_back(call)

    def _put_back(self, call: Call) -> None:
        connection, call.connection = call.connection, None
        if connection is None:
            return
        idle = connection.route.idle
        if call.reusable and not self.closed and len(idle) < _MAX_IDLE:
            idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close the idle connections, and break those of the calls in progress, for good."""
        with self._lock:
            self.closed = True
            for call in self._calls:
                if call.connection is not None:
                    call.connection.shut_down()
            for route in self._routes.values():
                while route.idle:
                    route.idle.pop().close()

    # --- connections

    def route(self, url: str, proxies: Mapping[str, str], verify: Any, cert: Any) -> Route:
        """Return where connections for *url* lead."""
        proxy: str | None = _utils.select_proxy(url, proxies)
        proxy = _utils.prepend_scheme_if_needed(proxy, "http") if proxy else None
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc, proxy, verify, cert)
        route = self._routes.get(key)
        if route is None:
            route = self._routes.setdefault(key, Route(url, proxy, verify, cert))
        return route

    def _take(self, call: Call, route: Route) -> Connection:
        """Give *call* a connection of *route*: the one in its hand, an idle one, or a new one."""
        while True:
            with self._lock:
                if self.closed:
                    raise ConnectionAbortedError("the client was closed")
                self._put_back(call)
                idle = route.idle.pop() if route.idle else None
                call.connection = connection = Connection(route, self._lock) if idle is None else idle
            call.reusable = False
            call.way = route.way
            if idle is None:
                route.open(connection, call)
                return connection
            # A server may have closed it, or said something that nobody asked for.
            if time.monotonic() < connection.use_by and connection.is_quiet():
                return connection

    def exchange(self, call: Call, route: Route, method: str, head: bytes) -> Response:
        """Send a request with the body of *call*, once; return its response when the head of that is there."""
        connection = self._take(call, route)
        call.remaining()
        call.sent = True
        body, call.body = call.body, b""
        broken: OSError | None = None
        try:
            if len(body) <= _ONE_PACKET:
                connection.send(head + body, call)
            else:
                connection.send(head, call)
                connection.send(body, call)
        except (BrokenPipeError, ConnectionResetError) as exc:
            # A server that refuses a message may close before it has read it all; its answer says why.
            broken = exc
        del body
        try:
            response = Response(connection, call, method)
        except OSError:
            if broken is None or self.closed:
                raise
        else:
            response.will_close = response.will_close or broken is not None
            return response
        raise broken

    # --- what requests asks of an adapter

    def send(  # noqa: PLR0917  # the signature is that of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002  # the signature is that of requests
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send *request* for a session of requests."""
        if isinstance(timeout, TimeLeft):
            return self._send(timeout.call, request, verify, cert, proxies)
        # A session's own request, such as for a token, or one whose time the session has changed.
        call = self.begin(_seconds(timeout))
        try:
            response = self._send(call, request, verify, cert, proxies)
            # Read at once, as nobody would end the call later.
            _ = response.content
        finally:
            self.end(call)
        return response

    def _send(
        self, call: Call, request: requests.PreparedRequest, verify: Any, cert: Any, proxies: Any
    ) -> requests.Response:
        url, method = request.url or "", request.method or "POST"
        route = self.route(url, proxies or {}, verify, cert)
        body = _as_bytes(request.body)
        head = write_head(request, route) + _length_line(method, body)
        call.body = body
        raw = self.exchange(call, route, method, head)
        response = requests.Response()
        response.status_code = raw.status
        response.reason = raw.reason
        response.headers = raw.headers
        response.encoding = _utils.get_encoding_from_headers(response.headers)
        response.raw = raw
        response.url = url
        response.request = request
        adapted: Any = response  # its stubs expect an HTTPAdapter
        adapted.connection = self  # which requests.auth looks for
        _cookies.extract_cookies_to_jar(response.cookies, request, raw)
        return response


def write_head(request: requests.PreparedRequest, route: Route) -> bytes:
    """
    Return the request line and the headers of *request*, all but its Content-Length and the empty line.

    Raises:
        ValueError: a header has a line end in it.
    """
    headers = {_as_text(name): _as_text(value) for name, value in request.headers.items()}
    named = {name.lower() for name in headers}
    target: str = _utils.urldefragauth(request.url or "") if route.absolute else request.path_url
    if _NO_TARGET.search(target):
        raise ValueError("the URL of the request has a space or a control character, expected them quoted")
    lines = [f"{request.method} {target} HTTP/1.1"]
    if "host" not in named:
        host = f"[{route.host.partition('%')[0]}]" if ":" in route.host else route.host
        port = "" if route.port == _DEFAULT_PORTS[route.scheme] else f":{route.port}"
        lines.append(f"Host: {host}{port}")
    if "accept-encoding" not in named:
        lines.append("Accept-Encoding: identity")
    lines += [f"{name}: {value}" for name, value in headers.items() if name.lower() not in _NO_COPY]
    if route.absolute:
        lines += map(": ".join, route.proxy_headers.items())
    if any(map(_LINE_END.search, lines)) or not all(map(_FIELD_NAME.fullmatch, headers)):
        raise ValueError("a header is malformed, expected text on one line")
    return "\r\n".join([*lines, ""]).encode("latin-1")


# The body goes out whole and with its length, whatever it was made of.
_NO_COPY = ("content-length", "transfer-encoding")


def _length_line(method: str, body: bytes) -> bytes:
    # RFC 9110, section 8.6: none where a body has no meaning.
    return b"Content-Length: %d\r\n\r\n" % len(body) if body or method not in ("GET", "HEAD", "OPTIONS") else b"\r\n"


def _as_text(value: Any) -> str:
    # requests takes bytes as well.
    return value if isinstance(value, str) else str(value, "latin-1")


def _as_bytes(body: Any) -> bytes:
    """Return a body of any kind that requests takes."""
    if body is None or isinstance(body, bytes):
        return body or b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body.read() if hasattr(body, "read") else b"".join(body))


def _seconds(timeout: Any) -> float | None:
    """Return the one time for a call that a timeout of requests, which may be a pair, amounts to."""
    if isinstance(timeout, tuple):
        parts: list[Any] = list(cast("Any", timeout))
        return None if None in parts else float(sum(parts))
    return None if timeout is None or math.isinf(timeout) else float(timeout)


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _leave_parent() -> None:
    # The child has one thread now, so nobody holds the old lock, nor waits for the new one.
    for engine in _engines:
        engine._renew()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork either
    os.register_at_fork(after_in_child=_leave_parent)
