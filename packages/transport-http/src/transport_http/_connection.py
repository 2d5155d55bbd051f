"""
Connections and pools of urllib3 which keep to the limits of the current call.

The time-outs of sockets, and so of requests, are for each single operation: a server that sends a byte
a second never runs into one. Here each operation gets the time that the call has left.
"""

import contextlib
import queue
import socket
from collections.abc import Mapping
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from ._call import Call, current_call
from ._response import BoundedResponse

# Below, a copy costs less than a second packet; far above, it would cost memory.
_ONE_PACKET = 65_536

# What one TLS record holds (RFC 8446, section 5.1), and SSL_write takes at a time.
_TLS_RECORD = 16_384


class BoundedHTTPConnection(HTTPConnection):
    """A connection which connects, sends and receives within the time of the current call."""

    response_class = BoundedResponse

    _held: list[bytes] | None = None
    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers, giving each an equal share of the time that is left."""
        call = current_call()
        try:
            # As urllib3 does: a final dot matters to the resolver, and not to anything else.
            host = getattr(self, "_dns_host", self.host).strip("[]")
            addresses = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as exc:
            raise NameResolutionError(self.host, self, exc) from exc
        except UnicodeError as exc:
            raise NewConnectionError(self, f"{self.host} is no host name") from exc
        error: OSError | None = None
        for index, (family, kind, proto, _, address) in enumerate(addresses):
            if call.aborted:
                break
            sock = socket.socket(family, kind, proto)
            try:
                self._connect_to(address, sock, call, len(addresses) - index)
            except OSError as exc:
                error = exc
                sock.close()
            else:
                return sock
        # The kernel gives up with an errno (ETIMEDOUT), the call's own time without one.
        if isinstance(error, TimeoutError) and error.errno is None:
            raise ConnectTimeoutError(self, f"connection to {self.host} timed out") from error
        raise NewConnectionError(self, f"failed to establish a new connection: {error}") from error

    def _connect_to(self, address: Any, sock: socket.socket, call: Call, shares: int) -> None:
        for option in self.socket_options or ():
            sock.setsockopt(*option)
        if self.source_address:
            sock.bind(self.source_address)
        # A second handle, since a TLS handshake takes the first one away until it is done.
        self._drop_handle()
        self._handle = sock.dup()
        call.wait_on(self._handle)
        left = call.remaining()
        sock.settimeout(None if left is None else left / shares)
        sock.connect(address)
        # For the handshake, should there be one.
        sock.settimeout(call.remaining())

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            self._drop_handle()
        self._watch()

    def request(  # type: ignore[override]  # as in the class above
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        if self.sock is not None:
            self._watch()
        self._held = []
        try:
            super().request(method, url, body, headers, **options)
        finally:
            held, self._held = self._held, None
        # Head and body in one packet where they fit.
        if sum(map(len, held)) <= _ONE_PACKET:
            held = [b"".join(held)]
        for part in held:
            self.send(part)

    def send(self, data: Any) -> None:
        if self._held is not None:
            self._held.append(data)
            return
        if self.sock is None:
            self.connect()
        assert self.sock is not None
        call = current_call()
        # socket.sendall() heeds one time-out for all of the data, SSLSocket.sendall() one for each record.
        step = len(data) if type(self.sock) is socket.socket else _TLS_RECORD
        for start in range(0, len(data), step or 1):
            self.sock.settimeout(call.remaining())
            super().send(data if step == len(data) else data[start : start + step])

    def _watch(self) -> None:
        # TLS through a TLS proxy is no socket, but holds one.
        current_call().wait_on(getattr(self.sock, "socket", self.sock))

    def _drop_handle(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self._handle.close()
            self._handle = None


class BoundedHTTPSConnection(BoundedHTTPConnection, HTTPSConnection):
    """The same over TLS; the handshake has to keep to the time as well."""


class _IdleConnections(queue.LifoQueue[Any]):
    """
    The idle connections of a pool, without a lock: each step is atomic.

    urllib3 empties this queue when its pool is collected, and at exit. In a forked child that must not
    wait for a lock which a thread of the parent held.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._items: list[Any] = []

    def qsize(self) -> int:
        return len(self._items)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002
        if 0 < self.maxsize <= len(self._items):
            raise queue.Full
        self._items.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ARG002
        try:
            return self._items.pop()
        except IndexError:
            raise queue.Empty from None


class BoundedHTTPConnectionPool(HTTPConnectionPool):
    """A pool of such connections."""

    ConnectionCls = BoundedHTTPConnection  # pyright: ignore[reportAssignmentType]  # so are urllib3's own
    QueueCls = _IdleConnections


class BoundedHTTPSConnectionPool(HTTPSConnectionPool):
    """A pool of such connections over TLS."""

    ConnectionCls = BoundedHTTPSConnection  # pyright: ignore[reportAssignmentType]  # so are urllib3's own
    QueueCls = _IdleConnections


POOL_CLASSES = {"http": BoundedHTTPConnectionPool, "https": BoundedHTTPSConnectionPool}
