"""Peers that speak in bytes, for what no well-behaved library would send."""

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from tasks import DEADLINE

Behaviour = Callable[[socket.socket], None]


@contextmanager
def listening(behave: Behaviour) -> Generator[int]:
    """Accept connections and let *behave* have each of them, in a thread of its own; yield the port."""
    connections: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def run(connection: socket.socket) -> None:
        # A peer that goes away ends the conversation, as does the end of the test.
        with contextlib.suppress(OSError):
            behave(connection)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(DEADLINE)
            connections.append(connection)
            thread = threading.Thread(target=run, args=(connection,), name="raw peer")
            threads.append(thread)
            thread.start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        accepting = threading.Thread(target=accept, name="raw listener")
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(DEADLINE)
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(DEADLINE)
            for connection in connections:
                connection.close()


class CuttingProxy:
    """A relay between a client and a server that cuts the connection on request."""

    def __init__(self, port: int) -> None:
        self._port = port
        # Cut a connection once so many bytes came from the server; None never does.
        self.cut_after: int | None = None

    def behave(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._port)) as server:
            passed = 0
            while True:
                readable, _, _ = select.select([client, server], [], [], DEADLINE)
                for source in readable:
                    data = source.recv(4096)
                    if not data:
                        return
                    if source is client:
                        server.sendall(data)
                        continue
                    if self.cut_after is not None and passed + len(data) > self.cut_after:
                        client.sendall(data[: max(0, self.cut_after - passed)])
                        return
                    passed += len(data)
                    client.sendall(data)


# --- HTTP


def read_request(connection: socket.socket) -> bytes:
    """Read one request with a Content-Length; return its head."""
    received = b""
    while b"\r\n\r\n" not in received:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("no request")
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return head


def answering(*pieces: bytes, then: Behaviour | None = None) -> Behaviour:
    """Answer each request on a connection with *pieces*, then do *then*, or else wait for the next request."""

    def behave(connection: socket.socket) -> None:
        while True:
            read_request(connection)
            for piece in pieces:
                connection.sendall(piece)
            if then is not None:
                then(connection)
                return

    return behave


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def drip(data: bytes) -> Behaviour:
    """Send *data* a byte a second, until the peer goes away."""

    def behave(connection: socket.socket) -> None:
        connection.settimeout(1)
        for byte in data:
            connection.sendall(bytes([byte]))
            try:
                # Wakes up at the end of the test, while this waits.
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    return behave


# --- ZMTP 3.0 with the mechanism NULL: https://rfc.zeromq.org/spec/23/

GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)

_MORE, _LONG, _COMMAND = 1, 2, 4


def frame(body: bytes, *, more: bool = False, announced: int | None = None) -> bytes:
    """Return *body* as a frame, which may announce another size than it has."""
    size = len(body) if announced is None else announced
    return struct.pack(">BQ", _LONG | (_MORE if more else 0), size) + body


def ready(socket_type: str, identity: bytes = b"") -> bytes:
    properties = _property(b"Socket-Type", socket_type.encode()) + _property(b"Identity", identity)
    return _command(b"\x05READY" + properties)


def shake_hands(connection: socket.socket, socket_type: str, identity: bytes = b"") -> None:
    """Greet the peer and tell it to be a socket of *socket_type*."""
    connection.sendall(GREETING)
    _exactly(connection, 64)
    connection.sendall(ready(socket_type, identity))
    read_frame(connection)


def read_frame(connection: socket.socket) -> bytes:
    flags = _exactly(connection, 1)[0]
    size = struct.unpack(">Q", _exactly(connection, 8))[0] if flags & _LONG else _exactly(connection, 1)[0]
    return _exactly(connection, size)


def _property(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value


def _command(body: bytes) -> bytes:
    return struct.pack(">BQ", _LONG | _COMMAND, len(body)) + body


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError("the peer went away")
        data += piece
    return data
