"""A keep-alive HTTP server that does as little as can be: what is measured is the client."""

import re
import socket
import ssl
import threading
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LARGEST_READ = 65536


def serve(announce: Any, certificate: str = "") -> None:
    """Echo the body of each request, whatever it asks; with a *certificate* (key and chain in one file), over TLS."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    tls = None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
    announce(f"{'https' if tls else 'http'}://localhost:{listener.getsockname()[1]}/")
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection, tls), daemon=True).start()


def rest(connection: socket.socket, start: bytes, size: int) -> bytes | bytearray:
    """Return the body of *size* bytes that begins with *start*, reading what is missing."""
    if len(start) == size:
        return start
    whole = bytearray(size)
    whole[: len(start)] = start
    view, at = memoryview(whole), len(start)
    while at < size:
        at += connection.recv_into(view[at:])
    return whole


def _answer(connection: socket.socket, tls: ssl.SSLContext | None) -> None:
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            connection = tls.wrap_socket(connection, server_side=True)
        with connection:
            data = b""
            while data := data or connection.recv(_LARGEST_READ):
                while (head := data.find(b"\r\n\r\n")) < 0:
                    data += connection.recv(_LARGEST_READ)
                length = _LENGTH.search(data, 0, head)
                body = rest(connection, data[head + 4 :], int(length[1]) if length else 0)
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(body), body)
                )
                data = b""
    except OSError:
        pass
