"""
A transport over a Unix socket: one connection for each call, and each text behind its length in eight bytes.

``tests/test_examples.py`` runs the contract suite on it.
"""

import contextlib
import socket
import threading
import time
from pathlib import Path

from transport_base import (
    TransportClosedError,
    TransportConnectionError,
    TransportContextError,
    TransportProtocolError,
    TransportTimeoutError,
)


class UnixServer:
    """Listens at *path*, which must not exist."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1024)
        self._accepting = threading.Lock()  # held by the thread that waits for a connection
        self._lock = threading.Lock()  # for what follows, never held while waiting
        self._owed: set[socket.socket] = set()
        self._closed = False

    def receive_message(self) -> tuple[socket.socket, str]:
        """Wait for a connection and read its message."""
        while True:
            with self._accepting:
                try:
                    connection, _ = self._listener.accept()
                except OSError as exc:
                    raise TransportClosedError("the server was closed, expected an open one") from exc
            try:
                message = _read(connection, time.monotonic() + 5)
            except (OSError, EOFError, UnicodeError):
                connection.close()  # not a message
                continue
            with self._lock:
                if not self._closed:
                    self._owed.add(connection)
                    return connection, message
            connection.close()

    def send_reply(self, context: socket.socket, reply: str) -> None:
        """Write the reply and end the connection."""
        data = _packed(reply)
        with self._lock:
            if self._closed:
                raise TransportClosedError("the server was closed, expected an open one")
            if not isinstance(context, socket.socket) or context not in self._owed:  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TransportContextError(f"context is {context!r}, expected one that is still to be answered")
            self._owed.remove(context)
        # A client that has gone is not an error, and one that does not read is given up.
        with context, contextlib.suppress(OSError):
            context.settimeout(1)
            context.sendall(data)

    def close(self) -> None:
        """Wake all that wait for a message, and end every connection."""
        with self._lock:
            self._closed, owed, self._owed = True, self._owed, set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
        with self._accepting:
            self._listener.close()
        for connection in owed:
            connection.close()
        Path(self._path).unlink(missing_ok=True)


class UnixClient:
    """Calls the server at *path*; each call takes at most *timeout* seconds."""

    def __init__(self, path: str, timeout: float = 10) -> None:
        self._path, self._timeout = path, timeout
        self._lock = threading.Lock()
        self._calls: set[socket.socket] = set()
        self._closed = False

    def send_message(self, message: str) -> str:
        """Connect, write the message and read the reply."""
        data, end = _packed(message), time.monotonic() + self._timeout
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.settimeout(self._timeout)
                connection.connect(self._path)
                with self._lock:
                    if self._closed:
                        raise TransportClosedError("the client was closed, expected an open one")
                    self._calls.add(connection)
                connection.sendall(data)
                return _read(connection, end)
            except TimeoutError as exc:
                raise TransportTimeoutError(f"no reply within {self._timeout} s") from exc
            except UnicodeError as exc:
                raise TransportProtocolError("the reply is not UTF-8, expected text") from exc
            except (OSError, EOFError) as exc:
                if self._closed:
                    raise TransportClosedError("the client was closed, expected an open one") from exc
                raise TransportConnectionError(f"{self._path}: {exc}") from exc
            finally:
                with self._lock:
                    self._calls.discard(connection)

    def close(self) -> None:
        """Wake all that wait for a reply."""
        with self._lock:
            self._closed = True
            for connection in self._calls:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)  # wakes its call, which closes it


def _packed(text: str) -> bytes:
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"message is of type {type(text).__name__}, expected str")
    data = text.encode()  # UnicodeEncodeError is a ValueError
    return len(data).to_bytes(8, "big") + data


def _read(connection: socket.socket, end: float) -> str:
    return _exactly(connection, int.from_bytes(_exactly(connection, 8, end), "big"), end).decode()


def _exactly(connection: socket.socket, size: int, end: float) -> bytes:
    received = bytearray()
    while len(received) < size:
        connection.settimeout(max(0.001, end - time.monotonic()))
        if not (part := connection.recv(min(size - len(received), 2**20))):
            raise EOFError("the connection ended before the message did")
        received += part
    return bytes(received)
