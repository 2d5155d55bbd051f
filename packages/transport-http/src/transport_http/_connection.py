"""One call with its limits, and one connection: how it is opened, and how it sends and receives within a call."""

import base64
import contextlib
import importlib
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import requests.utils

from ._response import MalformedError, Response

# Seconds: poll(2) counts milliseconds in a C int. A longer wait is begun again.
_LONGEST_WAIT = 2**31 // 1000 - 1

# Typed in some versions of requests and its stubs, and not in others.
_utils: Any = requests.utils

_RECEIVED_AT_ONCE = 65_536
_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}


class Call:
    """One call: its deadline, what it may receive, and the connection that it holds. Only its own thread uses it."""

    __slots__ = ("allowance", "body", "connection", "deadline", "max_bytes", "reusable", "sent", "timeout", "way")

    def __init__(self, timeout: float | None, max_bytes: int) -> None:
        self.timeout = timeout
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.max_bytes = max_bytes
        # Beside the body there are its head and the sizes of its chunks: this bounds what never ends.
        self.allowance = 8 * max_bytes + 16 * 1024 * 1024
        # Of the message, until it is sent: a large one must not take memory while its reply is read.
        self.body = b""
        self.connection: Connection | None = None
        # Whether the connection's last response was read to its end, so that it can carry the next request.
        self.reusable = False
        # Whether a byte of the message may have left.
        self.sent = False
        self.way = ""

    def remaining(self) -> float | None:
        """
        Return the seconds that are left, more than 0; ``None`` when there is no limit.

        Raises:
            TimeoutError: nothing is left.
        """
        if self.deadline is None:
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


class Connection:
    """
    A socket that one call at a time uses.

    Sockets are closed, and shut down by another thread, under *lock*: a file descriptor is never used after its end.
    """

    def __init__(self, route: "Route", lock: Any) -> None:
        self.route = route
        # Set when the client is closed while a call holds this connection.
        self.broken = False
        self.use_by = float("inf")
        # What the last head of a response was parsed into, should the next one be the same.
        self.last_head: tuple[bytes, int, int, str, list[tuple[str, str]], dict[str, str]] | None = None
        self._lock = lock
        self._sock: Any = None
        self._base: socket.socket | None = None
        self._pending: Callable[[], int] = _nothing
        self._polls: dict[bool, Any] = {}

    def own(self, sock: Any) -> None:
        """Use *sock* from now on: a new one, or one with TLS around that which was used so far."""
        with self._lock:
            self._sock = sock
            if isinstance(sock, socket.socket):
                self._base = sock
        if self.broken:
            raise ConnectionAbortedError("the client was closed")
        self._pending = getattr(sock, "pending", _nothing)
        self._polls = {}

    def is_quiet(self) -> bool:
        """Tell whether an idle connection is still open, and nothing has come that no request asked for."""
        try:
            # The socket's own method: what TLS has to say is not asked for either.
            socket.socket.recv(self._sock if self._base is None else self._base, 1, socket.MSG_PEEK)
        except BlockingIOError:
            return not self.has_pending()
        except OSError:
            return False
        return False

    def has_pending(self) -> bool:
        """Tell whether TLS has decrypted more than was read."""
        return self._pending() > 0

    def send(self, data: bytes, call: Call) -> None:
        """Send all of *data* within the time of *call*."""
        sent = self._try(call, self._sock.send, data)
        while sent < len(data):
            sent += self._try(call, self._sock.send, memoryview(data)[sent:])

    def receive(self, call: Call, size: int = _RECEIVED_AT_ONCE) -> bytes:
        """Receive something, within the time of *call*; ``b""`` at the end of the connection."""
        if not self._pending():
            self._wait(call, write=False)
        data: bytes = self._try(call, self._sock.recv, size)
        self._count(call, len(data))
        return data

    def receive_into(self, view: memoryview, call: Call) -> int:
        """Receive something into *view*, within the time of *call*; 0 at the end of the connection."""
        if not self._pending():
            self._wait(call, write=False)
        count: int = self._try(call, self._sock.recv_into, view)
        self._count(call, count)
        return count

    def shut_down(self) -> None:
        """Break the connection under a call in another thread, which wakes up."""
        with self._lock:
            self.broken = True
            if self._base is not None:
                with contextlib.suppress(OSError):
                    # Not SSLSocket.shutdown, which takes the TLS state away from the thread that reads.
                    socket.socket.shutdown(self._base, socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            self.abandon()

    def abandon(self) -> None:
        """Close the socket without notifying the peer; in a forked child, that of the parent stays open."""
        base, self._base = self._base, None
        if base is not None:
            base.close()

    def shake_hands(self, context: ssl.SSLContext, host: str, call: Call) -> None:
        """Begin TLS, within the time of *call*."""
        with self._lock:
            if isinstance(self._sock, ssl.SSLSocket):
                self.own(_InnerTls(self._sock, context, host))
            else:
                # A reply that ends with its connection is whole only after TLS's own end (RFC 8446, section 6.1).
                self.own(
                    context.wrap_socket(
                        self._sock, server_hostname=host, do_handshake_on_connect=False, suppress_ragged_eofs=False
                    )
                )
        self._try(call, self._sock.do_handshake)

    def _try(self, call: Call, operation: Callable[..., Any], *arguments: Any) -> Any:
        while True:
            try:
                return operation(*arguments)
            except ssl.SSLWantWriteError:
                self._wait(call, write=True)
            except ssl.SSLWantReadError:
                self._wait(call, write=False)
            except BlockingIOError:
                self._wait(call, write=operation == self._sock.send)

    def _wait(self, call: Call, *, write: bool) -> None:
        """Wait until the socket is ready, within the time of *call*."""
        if sys.platform == "win32":  # which has no poll
            self._select(call, write=write)
            return
        poll = self._polls.get(write)
        if poll is None:
            self._polls[write] = poll = select.poll()
            poll.register(self._base, select.POLLOUT if write else select.POLLIN)  # type: ignore[arg-type]
        while True:
            left = call.remaining()
            if poll.poll(None if left is None else min(left, _LONGEST_WAIT) * 1000):
                return

    def _select(self, call: Call, *, write: bool) -> None:
        socks: list[Any] = [self._base]
        while True:
            left = call.remaining()
            wait = None if left is None else min(left, _LONGEST_WAIT)
            if any(select.select([] if write else socks, socks if write else [], [], wait)):
                return

    @staticmethod
    def _count(call: Call, count: int) -> None:
        call.allowance -= count
        if call.allowance < 0:
            raise MalformedError("the response does not end within what its limit allows")


class Route:
    """
    Where connections lead, and through which proxy; the engine keeps the idle ones here.

    Raises:
        OSError: a file of certificates is missing or malformed.
        ValueError: the proxy needs a library that is missing.
    """

    def __init__(self, url: str, proxy: str | None, verify: Any, cert: Any) -> None:
        parts = urlsplit(url)
        self.scheme, self.host = parts.scheme.lower(), parts.hostname or ""
        self.port = parts.port or _PORTS[self.scheme]
        self.idle: list[Connection] = []
        self.proxy = None if proxy is None else urlsplit(proxy)
        kind = "" if self.proxy is None else self.proxy.scheme
        if kind and kind not in _PORTS:
            raise ValueError(
                f"a proxy has the scheme {kind!r}, expected http, https or socks4, socks4a, socks5, socks5h"
            )
        self.socks: Any = None
        if kind.startswith("socks"):
            try:
                self.socks = importlib.import_module("socks")
            except ImportError:
                raise ValueError("proxies has a SOCKS proxy, expected PySocks to be installed for that") from None
        self.way = "" if self.proxy is None else " through its proxy"
        # The request line has the whole URL for a proxy that reads it (RFC 9112, section 3.2.2).
        self.absolute = self.proxy is not None and self.socks is None and self.scheme == "http"
        self.proxy_headers = {} if self.proxy is None or self.socks else _proxy_headers(self.proxy)
        self._tls = _tls(verify, cert) if self.scheme == "https" else None
        self._proxy_tls = _tls(verify, None) if kind == "https" else None

    def open(self, connection: Connection, call: Call) -> None:
        """Open *connection* within the time of *call*."""
        proxy = self.proxy
        if proxy is None:
            self._connect(connection, call, self.host, self.port)
        else:
            host, port = proxy.hostname or "", proxy.port or _PORTS[proxy.scheme]
            self._connect(connection, call, host, port)
            if self._proxy_tls is not None:
                connection.shake_hands(self._proxy_tls, host.rstrip("."), call)
            if self._tls is not None and self.socks is None:
                self._tunnel(connection, call)
        if self._tls is not None:
            # Certificates know neither the final dot nor the zone of an address.
            connection.shake_hands(self._tls, self.host.rstrip(".").partition("%")[0], call)

    def _connect(self, connection: Connection, call: Call, host: str, port: int) -> None:
        """Connect to the first address that answers, giving each an equal share of the time that is left."""
        call.remaining()
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        error: OSError | None = None
        for index, (family, kind, number, _, address) in enumerate(addresses):
            left = call.remaining()
            share = None if left is None else min(left / (len(addresses) - index), _LONGEST_WAIT)
            try:
                sock = self._socket(family, kind, number)
                connection.close()
                connection.own(sock)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(share)
                sock.connect((self.host, self.port) if self.socks else address)
                sock.settimeout(0)
            except OSError as exc:
                error = exc
                if connection.broken:
                    break
            else:
                return
        raise error or OSError(f"no address for {host}")

    def _socket(self, family: int, kind: int, number: int) -> Any:
        if self.socks is None:
            return socket.socket(family, kind, number)
        proxy = self.proxy
        assert proxy is not None
        sock = self.socks.socksocket(family, kind, number)
        version = self.socks.SOCKS4 if proxy.scheme.startswith("socks4") else self.socks.SOCKS5
        far = proxy.scheme in ("socks4a", "socks5h")
        name, password = unquote(proxy.username or ""), unquote(proxy.password or "")
        sock.set_proxy(version, proxy.hostname, proxy.port or 1080, far, name or None, password or None)
        return sock

    def _tunnel(self, connection: Connection, call: Call) -> None:
        """Ask the proxy for a tunnel (RFC 9110, section 9.3.6)."""
        target = f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *map(": ".join, self.proxy_headers.items()), "", ""]
        connection.send("\r\n".join(lines).encode("latin-1"), call)
        response = Response(connection, call, "CONNECT")
        if not 200 <= response.status < 300:
            raise OSError(f"the proxy answered CONNECT with status {response.status} {response.reason[:100]}".rstrip())
        if response.has_more():
            raise OSError("the proxy sent more than its answer to CONNECT")


class _InnerTls:
    """TLS within the TLS of a proxy. Each operation raises what a non-blocking ``SSLSocket`` raises."""

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, host: str) -> None:
        self._outer = outer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._unsent = b""
        self.pending = self._has_unread

    def do_handshake(self) -> None:
        self._do(self._tls.do_handshake)

    def recv(self, size: int) -> bytes:
        data: bytes = self._do(self._tls.read, size)
        return data

    def recv_into(self, view: memoryview) -> int:
        count: int = self._do(self._tls.read, len(view), view)
        return count

    def send(self, data: bytes | memoryview) -> int:
        count: int = self._do(self._tls.write, data)
        return count

    def _has_unread(self) -> int:
        return self._tls.pending() + self._incoming.pending + self._outer.pending()

    def _do(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        while True:
            self._flush()
            try:
                result = operation(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                if data := self._outer.recv(_RECEIVED_AT_ONCE):
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            else:
                # It is done, so it must not be tried again: what can't be sent yet goes out with the next operation.
                with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    self._flush()
                return result

    def _flush(self) -> None:
        self._unsent += self._outgoing.read()
        while self._unsent:
            self._unsent = self._unsent[self._outer.send(self._unsent) :]


def _nothing() -> int:
    return 0


def basic(user: str, password: str) -> str:
    """Return the credentials of RFC 7617, in requests' encoding."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode("latin-1")).decode()


def _proxy_headers(proxy: Any) -> dict[str, str]:
    if not proxy.username:
        return {}
    return {"Proxy-Authorization": basic(unquote(proxy.username), unquote(proxy.password or ""))}


def _tls(verify: Any, cert: Any) -> ssl.SSLContext:
    """Return the context for requests' options *verify* and *cert*."""
    if verify is False:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        bundle = _utils.DEFAULT_CA_BUNDLE_PATH if verify in (True, None) else verify
        where = Path(_utils.extract_zipped_paths(bundle))
        if not where.exists():
            raise OSError(f"no CA bundle at {where}")
        folder = where.is_dir()
        context = ssl.create_default_context(cafile=None if folder else where, capath=where if folder else None)
        context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    context.post_handshake_auth = True
    if cert:
        # With an empty password, or OpenSSL asks the terminal for that of an encrypted key.
        files = cast("tuple[Any, Any]", cert) if isinstance(cert, tuple) else (cert, None)
        context.load_cert_chain(files[0], files[1], password="")
    return context
