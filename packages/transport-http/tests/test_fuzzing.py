"""
Generated responses, read by the client and by two other parsers: llhttp (``httptools``) and ``h11``.

What both read as one message is read alike; what either refuses as ambiguous framing is refused. Where they differ from
each other, or we from both, the section of an RFC that decides it stands beside the rule.

``HTTP_FUZZING_EXAMPLES`` sets how many examples each test tries.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import h11
import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transport_base import TransportError
from transport_http import HttpPostClientTransport, HttpStatusError

EXAMPLES = settings(
    max_examples=int(os.environ.get("HTTP_FUZZING_EXAMPLES", "60")), derandomize=True, deadline=None, database=None
)

Reading = tuple[int, bytes] | None


# --- the client


class Wire:
    """A server that answers each connection with what it is given, in pieces, and hangs up."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.pieces: list[bytes] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock, suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(20)
                sock.recv(65536)
                for piece in self.pieces:
                    sock.sendall(piece)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(30)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    wire = Wire()
    try:
        yield wire
    finally:
        wire.close()


def read_ours(wire: Wire, pieces: list[bytes]) -> Reading:
    wire.pieces = pieces
    with HttpPostClientTransport(f"http://127.0.0.1:{wire.port}/", timeout=20, max_reply_bytes=100_000) as client:
        try:
            return 200, client.send_message("?").encode("latin-1")
        except HttpStatusError as exc:
            return exc.status_code, exc.body.encode("latin-1")
        except TransportError:
            return None


# --- the others


class _Events:
    """Takes what llhttp finds."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body = b""
        self.messages: list[tuple[int, bytes]] = []

    def on_message_begin(self) -> None:
        self.body = b""

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.messages.append((self.parser.get_status_code(), self.body))


def read_llhttp(data: bytes) -> Reading:
    """Return the first final response in *data*, which ends with the connection."""
    events = _Events()
    broken = False
    try:
        events.parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        broken = True
    final = next((message for message in events.messages if message[0] >= 200), None)
    if final is not None or broken:
        return final
    # It does not say so when a body ends with the connection; such a message has neither length.
    head, found, _ = data.rpartition(b"\r\n\r\n")
    framed = not found or b"ength" in head or b"ncoding" in head
    return None if framed else (events.parser.get_status_code(), events.body)


def read_h11(data: bytes) -> Reading:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=65_536)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "h"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")
    status, body = 0, b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None


# --- what is generated

TEXT = st.text("abc01 ", max_size=12).map(lambda text: text.encode())
FIELD = st.sampled_from(
    [
        b"X: y", b"x-empty:", b"Content-Type: text/plain; charset=latin-1", b"Date: today", b"A:\tb\t",
        b"Connection: close", b"Connection: keep-alive", b"Keep-Alive: timeout=5", b"X: \xe9",
    ]
)  # fmt: skip
WRONG_FIELD = st.sampled_from(
    [
        b"Content-Length: 3", b"Content-Length: +3", b"Content-Length: 3, 3", b"Content-Length: 3, 4",
        b"Content-Length: 0x3", b"Content-Length : 3", b"Content-Length: -1", b"Content-Length:",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip", b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, gzip",
        b"Transfer-Encoding : chunked", b" folded", b"no colon", b": no name", b"X: a\x00b", b"X\x01: a", b"X: a\rb",
    ]
)  # fmt: skip
STATUS = st.sampled_from([b"200 OK", b"200", b"200 ", b"201 Created", b"404 Not Found", b"500 \xe9", b"299 Odd"])
EXTENSION = st.sampled_from([b"", b"", b";a", b";a=b", b';a="b;c"'])


@st.composite
def chunked(draw: st.DrawFn, end: bytes = b"\r\n") -> bytes:
    body = b""
    for part in draw(st.lists(TEXT.filter(bool), max_size=4)):
        size = draw(st.sampled_from([b"%x", b"%X", b"%03x"])) % len(part)
        body += size + draw(EXTENSION) + end + part + b"\r\n"
    trailer = draw(st.sampled_from([b"", b"T: x\r\n", b"T: x\r\nU: y\r\n"]))
    return body + b"0" + draw(EXTENSION) + b"\r\n" + trailer + b"\r\n"


@st.composite
def right(draw: st.DrawFn) -> bytes:
    """Return a response that is right by the RFC."""
    interim = draw(st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nL: x\r\n\r\n"]))
    fields = draw(st.lists(FIELD, max_size=4, unique_by=lambda field: field.partition(b":")[0]))
    kind = draw(st.sampled_from(["length", "chunked", "close"]))
    body = draw(TEXT)
    if kind == "length":
        fields.append(b"Content-Length: %d" % len(body))
    elif kind == "chunked":
        fields.append(draw(st.sampled_from([b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED"])))
        body = draw(chunked())
    fields = draw(st.permutations(fields))
    return interim + b"\r\n".join([b"HTTP/1.1 " + draw(STATUS), *fields, b"", b""]) + body


@st.composite
def doubtful(draw: st.DrawFn) -> bytes:
    """Return a response with something in it that may be wrong."""
    fields = draw(st.lists(st.one_of(FIELD, WRONG_FIELD), min_size=1, max_size=4))
    body = draw(
        st.one_of(TEXT, chunked(), st.sampled_from([b"abc", b"3\nabc\r\n0\r\n\r\n", b"3 \r\nabc\r\n0\r\n\r\n"]))
    )
    status = draw(st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No", b"HTTP/1.1  200 OK"]))
    end = draw(st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"]))
    return end.join([status, *fields, b"", b""]) + body


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]


def test_what_both_read_as_one_message_is_read_alike(wire: Wire) -> None:
    @EXAMPLES
    @given(right(), st.lists(st.integers(0, 500), max_size=3))
    def agrees(data: bytes, cuts: list[int]) -> None:
        theirs = read_h11(data)
        if theirs == read_llhttp(data) and theirs is not None:
            ours = read_ours(wire, pieces_of(data, cuts))
            assert ours == (theirs if theirs[0] >= 300 else (200, theirs[1]))

    agrees()


def test_a_response_is_read_alike_wherever_it_is_split(wire: Wire) -> None:
    data = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n folded\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n"
    )
    for cut in range(len(data)):
        assert read_ours(wire, [data[:cut], data[cut:]]) == (200, b"abcde"), cut
    assert read_ours(wire, [data[at : at + 1] for at in range(len(data))]) == (200, b"abcde")


def test_a_truncated_response_is_an_error(wire: Wire) -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n"
    for cut in range(len(data)):
        assert read_ours(wire, [data[:cut]]) is None, cut


def agrees_on_framing(data: bytes, ours: Reading) -> bool:
    """Tell whether what we read of *data* is what the others do, as far as framing goes."""
    theirs = [read_h11(data), read_llhttp(data)]
    if ours is None:
        return True
    return all(reading is not None and reading[1] == ours[1] for reading in theirs)


def is_decided(data: bytes) -> bool:
    """Tell whether an RFC decides in our favour, where another parser refuses or reads differently."""
    head, _, _ = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    lines = head.split(b"\n")
    return (
        # RFC 9112, section 2.2: a recipient may take a single LF for the end of a line of the head.
        b"\n" in data.replace(b"\r\n", b"")
        # Section 5.2: a client replaces a folded line by spaces, where others refuse it.
        or any(line.startswith(b" ") for line in lines)
        # Section 4: more than one space in the status line, which a client may parse leniently; and an absent reason.
        or lines[0].startswith(b"HTTP/1.1  ")
        # RFC 9110, section 8.6: a list of equal lengths may be taken for one.
        or b"3, 3" in head
        or head.count(b"Content-Length: 3\n") + head.endswith(b"Content-Length: 3") > 1
        # RFC 9112, section 6.1: chunks of a HTTP/1.0 sender, after which the connection is closed.
        or lines[0].startswith(b"HTTP/1.0")
        # Section 7.1.1: white space before the extension of a chunk (BWS) is allowed, and so at its absence.
        or b"3 \r\n" in data
    )


def test_what_either_refuses_as_ambiguous_framing_is_refused(wire: Wire) -> None:
    @EXAMPLES
    @given(doubtful())
    @example(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    @example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nabc")
    def agrees(data: bytes) -> None:
        ours = read_ours(wire, [data])
        assert agrees_on_framing(data, ours) or is_decided(data), (data, ours, read_h11(data), read_llhttp(data))

    agrees()
