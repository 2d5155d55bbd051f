"""
What breaks, with real processes that are killed and stopped: each call ends in time, with the right error,
and the next one works.
"""

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import zmq
from interfaces import Client
from pairs import PAIRS, Pair
from processes import Process, python
from raw_peers import CuttingProxy, answering, drip, frame, hang_up, listening, read_frame, shake_hands
from resources import held, resident_bytes
from tasks import DEADLINE, tasks

from transport_base import (
    TransportClosedError,
    TransportConnectionError,
    TransportError,
    TransportProtocolError,
    TransportTimeoutError,
    serve,
)
from transport_http import HttpPostClientTransport
from transport_zmq import ZmqClientTransport, ZmqServerTransport

# Seconds for a call that is meant to time out, and how much later than that it may end.
SHORT = 0.5
GRACE = 1.0


class ZmqWire:
    # What a call gets whose server is not there, or goes away: a REQ socket waits for it to come back.
    gone = TransportTimeoutError

    def server(self, port: int | None = None) -> AbstractContextManager[Process]:
        return python("-m", "peer_programs", "zmq_server", f"tcp://127.0.0.1:{port or '*'}")

    @contextmanager
    def client(self, port: int, timeout: float = SHORT) -> Generator[Client]:
        with zmq.Context() as context, ZmqClientTransport.create(context, f"tcp://127.0.0.1:{port}", timeout) as client:
            yield client


class HttpWire:
    gone = TransportConnectionError

    def server(self, port: int | None = None) -> AbstractContextManager[Process]:
        return python("-m", "peer_programs", "wsgi_server", str(port or 0))

    @contextmanager
    def client(self, port: int, timeout: float = SHORT) -> Generator[Client]:
        with HttpPostClientTransport(f"http://127.0.0.1:{port}/", timeout=timeout) as client:
            yield client


Wire = ZmqWire | HttpWire


@pytest.fixture(params=[ZmqWire, HttpWire], ids=["zmq", "http"])
def wire(request: pytest.FixtureRequest) -> Wire:
    made: Wire = request.param()
    return made


@contextmanager
def running(wire: Wire, port: int | None = None) -> Generator[tuple[Process, int]]:
    """Run a server of *wire*; yield it, and its port."""
    with wire.server(port) as server:
        endpoint = server.line()
        yield server, int(endpoint.strip("/").rpartition(":")[2])


def ends_in_time(client: Client, message: str, *errors: type[TransportError]) -> None:
    """Send *message*; show that the call ends with one of *errors*, and when it should."""
    start = time.monotonic()
    with pytest.raises(errors):
        client.send_message(message)
    assert time.monotonic() - start < SHORT + GRACE


def works_again(client: Client, server: Process) -> None:
    """
    Show that *client* gets its own reply, and that *server* was sent nothing else before.

    A client may need a moment to see that its server is back.
    """
    end = time.monotonic() + DEADLINE
    number = 0
    while True:
        message = f"again {number}"
        try:
            assert client.send_message(message) == message
        except TransportError:
            assert time.monotonic() < end, "the client does not find back to its server"
            number += 1
        else:
            break
    got = server.line()
    while got != f"got {message}":
        # Of earlier tries the server may know; of what was sent to its predecessor it may not.
        assert got.startswith("got again")
        got = server.line()


# --- a server that dies


def test_server_killed_before_the_call(wire: Wire) -> None:
    with running(wire) as (server, port), wire.client(port) as client:
        assert client.send_message("first") == "first"
        server.kill()
        ends_in_time(client, "to the dead", wire.gone)
        with running(wire, port) as (restarted, _):
            works_again(client, restarted)


def test_server_killed_during_the_call(wire: Wire) -> None:
    """The message that killed it is not sent to its successor."""
    with running(wire) as (server, port), wire.client(port) as client:
        ends_in_time(client, "die", wire.gone)
        assert server.line() == "got die"
        with running(wire, port) as (restarted, _):
            works_again(client, restarted)


def test_server_restarted_between_two_calls(wire: Wire) -> None:
    """Nobody calls while the port is dead: the first call after that works, on a new connection."""
    with running(wire) as (server, port), wire.client(port, timeout=DEADLINE) as client:
        assert client.send_message("before") == "before"
        server.kill()
        with running(wire, port) as (restarted, _):
            assert client.send_message("after") == "after"
            assert restarted.line() == "got after"


def test_server_that_was_never_there(wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with wire.client(port) as client:
        ends_in_time(client, "to nobody", wire.gone)
        with running(wire, port) as (server, _):
            works_again(client, server)


def test_server_that_stands_still_and_goes_on(wire: Wire) -> None:
    """The late reply to what it was asked before is not taken for the next one's."""
    with running(wire) as (server, port), wire.client(port) as client:
        assert client.send_message("first") == "first"
        server.stop()
        for _ in range(3):
            ends_in_time(client, "to one who does not hear", TransportTimeoutError)
        server.signal(signal.SIGCONT)
        end = time.monotonic() + DEADLINE
        replies: list[str] = []
        while len(replies) < 10:
            message = f"number {len(replies)}"
            # It has the old messages to answer first, so a first new one may be late as well.
            with contextlib.suppress(TransportTimeoutError):
                assert client.send_message(message) == message
                replies.append(message)
            assert time.monotonic() < end


# --- a client that dies


@pytest.mark.parametrize("name", ["zmq-tcp", "http-waitress", "http-gevent"])
def test_client_killed_during_the_call(name: str) -> None:
    """Its reply goes nowhere, quietly, and the other clients are served."""
    with PAIRS[name]() as pair, tasks(pair.close) as started:
        endpoint = endpoint_of(pair)
        with python("-m", "peer_programs", "call", endpoint, "from one who will be killed") as client:
            context, message = pair.server.receive_message(DEADLINE)
            assert message == "from one who will be killed"
            client.kill()
        pair.server.send_reply(context, "too late")
        started.start(serve, pair.server, str)
        good = pair.client()
        for number in range(5):
            assert good.send_message(f"good {number}") == f"good {number}"


def endpoint_of(pair: Pair) -> str:
    assert pair.endpoint
    return pair.endpoint


# --- connections that break, and answers that do not end


def test_connection_cut_in_mid_reply(wire: Wire) -> None:
    with running(wire) as (_, port):
        proxy = CuttingProxy(port)
        with listening(proxy.behave) as between, wire.client(between) as client:
            assert client.send_message("whole") == "whole"
            for cut_after in (1_000, 100_000):
                proxy.cut_after = cut_after
                start = time.monotonic()
                with pytest.raises(wire.gone):
                    client.send_message("x" * 1_000_000)
                assert time.monotonic() - start < SHORT + GRACE
                proxy.cut_after = None
                end = time.monotonic() + DEADLINE
                while True:
                    try:
                        assert client.send_message("whole again") == "whole again"
                    except TransportTimeoutError:
                        assert time.monotonic() < end
                    else:
                        break


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 40\r\n"


@pytest.mark.parametrize(
    "begin",
    [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", HEAD + b"\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ids=["status-line", "headers", "body", "chunks"],
)
def test_http_server_that_drips_a_byte_a_second(begin: bytes) -> None:
    slowly = drip(b"HTTP/1.1 200 OK, or so" if begin == b"" else b"1\r\nx\r\n" * 7)
    with listening(answering(begin, then=slowly)) as port, HttpWire().client(port) as client:
        ends_in_time(client, "message", TransportTimeoutError)
        ends_in_time(client, "message", TransportTimeoutError)


def test_zmq_server_that_drips_a_byte_a_second() -> None:
    with listening(drip(b"\xff" + bytes(63))) as port, ZmqWire().client(port) as client:
        ends_in_time(client, "message", TransportTimeoutError)
        ends_in_time(client, "message", TransportTimeoutError)


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"HTTP/1.1 200",
        HEAD,
        HEAD + b"\r\n",
        HEAD + b"\r\n" + b"half",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nhalf",
    ],
    ids=["nothing", "status-line", "headers", "no-body", "body", "no-chunk", "no-last-chunk", "chunk"],
)
def test_half_a_http_reply_is_a_connection_error(half: bytes) -> None:
    first = iter([answering(half, then=hang_up)])
    whole = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")

    def behave(connection: socket.socket) -> None:
        next(first, whole)(connection)

    with listening(behave) as port, HttpWire().client(port) as client:
        ends_in_time(client, "message", TransportConnectionError, TransportProtocolError)
        assert client.send_message("message") == "whole"


def test_half_a_zmq_reply_is_no_reply() -> None:
    def half(connection: socket.socket) -> None:
        shake_hands(connection, "ROUTER")
        read_frame(connection)
        connection.sendall(frame(b"", more=True) + frame(b"half", announced=40))

    with listening(half) as port, ZmqWire().client(port) as client:
        ends_in_time(client, "message", TransportTimeoutError)
        ends_in_time(client, "message", TransportTimeoutError)


TEN_GB = 10_000_000_000


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunk"])
def test_http_reply_of_10_gb_is_refused_unread(chunked: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\n"
    size = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" if chunked else b"Content-Length: %d\r\n\r\n"
    before = resident_bytes()
    flood = answering(head + size % TEN_GB, then=send_for_ever)
    with (
        listening(flood) as port,
        HttpWire().client(port, timeout=DEADLINE) as client,
        pytest.raises(TransportProtocolError),
    ):
        client.send_message("message")
    # 64 MiB is the most that a reply may have.
    assert resident_bytes() - before < 200_000_000


def test_zmq_reply_of_10_gb_is_refused_unread() -> None:
    def announce(connection: socket.socket) -> None:
        shake_hands(connection, "ROUTER")
        for _ in range(2):
            read_frame(connection)
        connection.sendall(frame(b"", more=True) + frame(b"", announced=TEN_GB))
        send_for_ever(connection)

    before = resident_bytes()
    with listening(announce) as port, ZmqWire().client(port) as client:
        ends_in_time(client, "message", TransportTimeoutError)
    assert resident_bytes() - before < 200_000_000


def send_for_ever(connection: socket.socket) -> None:
    while True:
        connection.sendall(bytes(65536))


# --- outages


def test_outage_with_a_client_that_tries_again_and_again() -> None:
    """Nothing of it is sent when the server comes; meanwhile neither memory nor open files grow."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with ZmqWire().client(port, timeout=0.02) as client:
        for number in range(50):
            with pytest.raises(TransportTimeoutError):
                client.send_message(f"stale {number}")
        before, memory = held(), resident_bytes()
        for number in range(50, 250):
            with pytest.raises(TransportTimeoutError):
                client.send_message(f"stale {number}", expect_reply=number % 10 > 0)
        # A socket or two are new: each call that timed out has given up its own.
        before.comes_back(but=10)
        assert resident_bytes() - memory < 20_000_000
        with running(ZmqWire(), port) as (server, _):
            works_again(client, server)


def test_outage_after_a_connection_with_a_client_that_tries_again_and_again(wire: Wire) -> None:
    with running(wire) as (server, port), wire.client(port) as client:
        assert client.send_message("first") == "first"
        server.kill()
        with wire.client(port, timeout=0.02) as hasty:
            for number in range(100):
                with pytest.raises((wire.gone, TransportTimeoutError)):
                    hasty.send_message(f"stale {number}")
        for _ in range(2):
            ends_in_time(client, "stale", wire.gone)
        with running(wire, port) as (restarted, _):
            works_again(client, restarted)


# --- interrupts and forks


@pytest.mark.parametrize(
    "program",
    [
        "interrupt_zmq_receive",
        "interrupt_zmq_serve",
        "interrupt_zmq_call",
        "interrupt_zmq_call_without_server",
        "interrupt_zmq_call_on_a_passed_socket",
        "interrupt_wsgi_receive",
        "interrupt_http_call",
    ],
)
def test_ctrl_c_ends_a_blocking_call_and_all_works_afterwards(program: str) -> None:
    with python("-m", "peer_programs", program) as process:
        assert process.line() == "blocking"
        wait_until_it_sleeps(process)
        start = time.monotonic()
        process.signal(signal.SIGINT)
        assert process.line() == "interrupted"
        assert time.monotonic() - start < GRACE
        assert process.line() == "works"


def wait_until_it_sleeps(process: Process) -> None:
    """Wait until the main thread of *process* was asleep at ten looks in a row."""
    end = time.monotonic() + DEADLINE
    asleep = 0
    while asleep < 10:
        assert time.monotonic() < end
        state = Path(f"/proc/{process.pid}/task/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        asleep = asleep + 1 if state == "S" else 0
        time.sleep(0.005)


def test_zmq_transports_tell_that_they_were_forked() -> None:
    with python("-m", "peer_programs", "fork_zmq") as process:
        for method in ("send_message", "receive_message", "send_reply"):
            line = process.line()
            assert line.startswith(f"{method}: TransportError: ")
            assert "fork" in line
        assert process.line() == "child closed both"
        assert process.line() == "works"
        assert process.wait() == 0


def test_http_client_works_in_parent_and_child_after_a_fork() -> None:
    with python("-W", "ignore::DeprecationWarning", "-m", "peer_programs", "fork_http") as process:
        assert process.line() == "child closed it"
        assert process.line() == "works"


# --- a zmq context that is terminated under the transport


@pytest.fixture
def context() -> Iterator["zmq.Context[zmq.Socket[bytes]]"]:
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


def test_context_terminated_under_a_waiting_server(context: "zmq.Context[zmq.Socket[bytes]]") -> None:
    server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
    with tasks(server.close) as started:
        receivers = [started.start(server.receive_message) for _ in range(3)]
        terminating = started.start(context.term)
        assert [type(receiver.exception(DEADLINE)) for receiver in receivers] == [TransportClosedError] * 3
        assert terminating.result(DEADLINE) is None
    with pytest.raises(TransportClosedError):
        server.receive_message()


def test_context_terminated_under_a_call(context: "zmq.Context[zmq.Socket[bytes]]") -> None:
    with zmq.Context() as own, ZmqServerTransport.create(own, "tcp://127.0.0.1:*") as server:
        client = ZmqClientTransport.create(context, server.endpoint)
        with tasks(client.close) as started:
            calls = [started.start(client.send_message, "message") for _ in range(3)]
            for _ in calls:
                server.receive_message(DEADLINE)
            terminating = started.start(context.term)
            assert [type(call.exception(DEADLINE)) for call in calls] == [TransportClosedError] * 3
            # The idle sockets are closed with the client.
            client.close()
            assert terminating.result(DEADLINE) is None
        with pytest.raises(TransportClosedError):
            client.send_message("too late")


def test_context_terminated_before_a_call(context: "zmq.Context[zmq.Socket[bytes]]") -> None:
    server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
    client = ZmqClientTransport.create(context, server.endpoint)
    terminating = threading.Thread(target=context.term)
    terminating.start()
    try:
        end = time.monotonic() + DEADLINE
        while not context.closed:
            assert time.monotonic() < end
            with contextlib.suppress(TransportTimeoutError):
                server.receive_message(0.01)
                raise AssertionError("received what nobody sent")
    except TransportClosedError:
        pass
    finally:
        client.close()
        server.close()
        terminating.join(DEADLINE)
    assert not terminating.is_alive()
    for call in (server.receive_message, lambda: client.send_message("message")):
        with pytest.raises(TransportClosedError):
            call()
