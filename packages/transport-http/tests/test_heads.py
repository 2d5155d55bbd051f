"""Heads of every shape, one after the other on one connection: each reply is that of its own request."""

import itertools
from collections.abc import Callable

import pytest

from transport_http import HttpPostClientTransport, HttpStatusError

from .conftest import Peer, Serve

LONG = "X-Long: " + "y" * 9000 + "\r\nX-Longer: " + "z" * 9000 + "\r\n"

# Each takes the status, the length, and the body, and gives the packets to send.
SHAPES: dict[str, Callable[[str, int, bytes], list[bytes]]] = {
    "whole": lambda status, length, body: [f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n".encode() + body],
    "split": lambda status, length, body: [
        f"HTTP/1.1 {status}\r\n".encode(),
        f"Content-Length: {length}\r\n".encode(),
        b"\r\n" + body,
    ],
    "bare-lf": lambda status, length, body: [f"HTTP/1.1 {status}\nContent-Length: {length}\n\n".encode() + body],
    "folded": lambda status, length, body: [
        f"HTTP/1.1 {status}\r\nX-Folded: a\r\n b\r\nContent-Length: {length}\r\n\r\n".encode() + body
    ],
    "long": lambda status, length, body: [
        f"HTTP/1.1 {status}\r\n{LONG}Content-Length: {length}\r\n\r\n".encode() + body
    ],
    "interim": lambda status, length, body: [
        b"HTTP/1.1 100 Continue\r\n\r\n" + f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n".encode() + body
    ],
}
BODIES = [b"HTTP/1.1 200 OK\r\n\r\n", b"a", b"", b"hello\r\n\r\nworld", b"x" * 300, b"a"]


@pytest.mark.parametrize("shapes", [*([name] for name in SHAPES), [*SHAPES]], ids=[*SHAPES, "all-in-turn"])
@pytest.mark.parametrize("statuses", [["200 OK"], ["200 OK", "500 Oops", "204 No Content"]], ids=["ok", "mixed"])
def test_each_reply_is_that_of_its_request(serve: Serve, shapes: list[str], statuses: list[str]) -> None:
    def script(peer: Peer) -> None:
        for name, status in zip(itertools.cycle(shapes), itertools.cycle(statuses)):
            request = peer.read_request()
            if request is None:
                return
            body = b"" if status.startswith("204") else request.body
            for packet in SHAPES[name](status, len(body), body):
                peer.sock.sendall(packet)
                peer.stopped.wait(0.003)  # so that most of them arrive apart

    server = serve(script)
    with HttpPostClientTransport(server.url, timeout=30) as client:
        for body, status in zip(BODIES * 6, itertools.cycle(statuses)):
            if status.startswith("500"):
                with pytest.raises(HttpStatusError) as raised:
                    client.send_message(body.decode())
                assert (raised.value.status_code, raised.value.body) == (500, body.decode())
            else:
                expected = "" if status.startswith("204") else body.decode()
                assert client.send_message(body.decode()) == expected
