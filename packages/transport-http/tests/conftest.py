"""Servers of a few lines on real sockets: what they answer, each test scripts itself."""

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import pytest


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(eq=False)
class Peer:
    """One accepted connection."""

    sock: socket.socket
    stopped: threading.Event
    _rest: bytes = b""

    def read_request(self) -> Request | None:
        """Read one request with a Content-Length; ``None`` when the client has gone."""
        while b"\r\n\r\n" not in self._rest:
            data = self.sock.recv(65536)
            if not data:
                return None
            self._rest += data
        head, _, rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", "0"))
        parts = [rest]
        size = len(rest)
        while size < length:
            data = self.sock.recv(1 << 20)
            if not data:
                return None
            parts.append(data)
            size += len(data)
        body = b"".join(parts)
        self._rest = body[length:]
        method, target, _ = first.split(" ")
        return Request(method, target, headers, body[:length])

    def reply(self, body: bytes, *headers: str, status: str = "200 OK") -> None:
        self.sock.sendall(response(body, *headers, status=status))

    def drip(self, data: bytes, every: float = 0.1) -> None:
        """Send *data* byte by byte, until the test is over."""
        for index in range(len(data)):
            if self.stopped.wait(every):
                return
            self.sock.sendall(data[index : index + 1])


Script = Callable[[Peer], object]


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def say(data: bytes, *, drip: bytes = b"") -> Script:
    """Answer the first request with *data*, and then with *drip* byte by byte; close."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.sock.sendall(data)
        peer.drip(drip)

    return script


@dataclass
class Server:
    """Accepts connections, and runs a script for each in a thread of its own."""

    script: Script
    port: int = 0
    tls: ssl.SSLContext | None = None
    accepted: int = 0
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._socks: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/rpc"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._socks.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._socks.append(sock)
            with sock:
                self.script(Peer(sock, self._stopped))

    def close(self) -> None:
        self._stopped.set()
        for sock in [self._listener, *self._socks]:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        self._listener.close()
        for thread in [self._acceptor, *self._threads]:
            thread.join(5)
            assert not thread.is_alive()
        for sock in self._socks:
            sock.close()


class Serve(Protocol):
    """Starts a server that ends with the test."""

    def __call__(self, script: Script, *, port: int = 0, tls: ssl.SSLContext | None = None) -> Server: ...


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that run the scripts given; they end with the test."""
    servers: list[Server] = []

    def start(script: Script, *, port: int = 0, tls: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(script, port, tls))
        return servers[-1]

    try:
        yield start
    finally:
        for server in servers:
            server.close()


@pytest.fixture
def echo(serve: Serve) -> Server:
    """A server that answers every message with itself, and keeps the requests."""

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) is not None:
            server.requests.append(request)
            peer.reply(request.body)

    server = serve(script)
    return server


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the machine's environment says about proxies, certificates and passwords out of the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    # Instead of ~/.netrc, whose default entry is for every host.
    monkeypatch.setenv("NETRC", os.devnull)
