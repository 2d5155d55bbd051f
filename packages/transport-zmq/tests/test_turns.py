"""Only one thread at a time is inside a socket: the others get their turn, whatever becomes of it."""

import contextlib
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager

import pytest
import zmq

from transport_base import TransportClosedError, TransportError, TransportTimeoutError, serve
from transport_zmq import Envelope, ZmqClientTransport, ZmqServerTransport, _turn

LIMIT = 10.0  # seconds that no wait here comes near to

Context = zmq.Context[zmq.Socket[bytes]]
Running = Callable[..., AbstractContextManager[list[threading.Thread]]]


class Interrupt(BaseException):
    """What a signal handler raises."""


def dealer(context: Context, endpoint: str) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.rcvtimeo = int(LIMIT * 1000)
    socket.connect(endpoint)
    return socket


@contextlib.contextmanager
def interrupts() -> Generator[Callable[[Callable[[], object]], None]]:
    """Give what calls a function, over and over, until a signal handler has raised in it."""
    armed = False

    def interrupt(_number: int, _frame: object) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise Interrupt

    # A function, as Python 3.13 takes the jump at the end of a loop for being outside of the try around it.
    def repeat(call: Callable[[], object]) -> None:
        while armed:
            with contextlib.suppress(TransportTimeoutError):
                call()

    def until_interrupted(call: Callable[[], object]) -> None:
        nonlocal armed
        with contextlib.suppress(Interrupt):
            armed = True
            repeat(call)

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        yield until_interrupted
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# Where the signal arrives in a destructor, Python can only report the exception.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("others", [0, 3])
def test_signal_handlers_that_raise_leave_the_server_s_socket_free(
    context: Context, server: ZmqServerTransport, running: Running, others: int
) -> None:
    """They raise some hundred times, at whatever step of receiving, or of waiting to do so, the signal comes."""

    def echo() -> None:
        serve(server, lambda message: message)

    with running(*[echo] * others):
        with interrupts() as until_interrupted:
            for _ in range(300):
                until_interrupted(lambda: server.receive_message(0.0005 if others else 0))
        with running(*[] if others else [echo]), dealer(context, server.endpoint) as peer:
            for _ in range(20):
                peer.send_multipart([b"", b"x"])
                assert peer.recv_multipart() == [b"", b"x"]
            server.close()
    assert server._router._socket.closed  # pyright: ignore[reportPrivateUsage]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:.*[Uu]nclosed socket:ResourceWarning")  # that a signal handler has lost
@pytest.mark.parametrize("passed", [False, True], ids=["create", "passed"])
def test_signal_handlers_that_raise_leave_the_client_s_socket_free_and_none_open(
    running: Running, passed: bool
) -> None:
    with zmq.Context() as context:  # leaving it waits until every socket is closed
        server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
        with running(lambda: serve(server, lambda message: message)), context.socket(zmq.REQ) as socket:
            socket.connect(server.endpoint)
            socket.linger = 0
            client = (
                ZmqClientTransport(socket, LIMIT)
                if passed
                else ZmqClientTransport.create(context, server.endpoint, LIMIT)
            )
            with interrupts() as until_interrupted:
                for _ in range(300):
                    until_interrupted(lambda: client.send_message("x"))
            assert client.send_message("y") == "y"
            client.close()
            server.close()


def test_a_signal_handler_that_raises_during_a_reply_holds_up_no_later_reply(
    context: Context, server: ZmqServerTransport, running: Running
) -> None:
    """It raises where the reply is queued, but the thread inside the socket has not been told yet."""

    class Raising:
        def send(self, _data: bytes, _flags: int) -> None:
            raise Interrupt

    def wait() -> None:
        with pytest.raises(TransportClosedError):
            server.receive_message()

    router = server._router  # pyright: ignore[reportPrivateUsage]
    with dealer(context, server.endpoint) as peer:
        for _ in range(2):
            peer.send_multipart([b"", b"x"])
        first, second = (server.receive_message(LIMIT)[0] for _ in range(2))
        with running(wait):
            while not router._turn.taken:  # pyright: ignore[reportPrivateUsage]
                threading.Event().wait(0.001)
            bell = router._bell  # pyright: ignore[reportPrivateUsage]
            router._bell = Raising()  # type: ignore[assignment]  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
            with pytest.raises(Interrupt):
                server.send_reply(first, "1")
            router._bell = bell  # pyright: ignore[reportPrivateUsage]
            server.send_reply(second, "2")
            assert [peer.recv_multipart()[1] for _ in range(2)] == [b"1", b"2"]
            server.close()


def test_closing_waits_for_the_thread_that_replies(context: Context, running: Running) -> None:
    """Also when it is the thread that received last: after that, the socket is its caller's again."""
    for _ in range(10):
        with context.socket(zmq.ROUTER) as socket:
            port = socket.bind_to_random_port("tcp://127.0.0.1")
            socket.sndtimeo = 1234
            server = ZmqServerTransport(socket)
            with dealer(context, f"tcp://127.0.0.1:{port}") as peer:
                for _ in range(20):
                    peer.send_multipart([b"", b"x"])
                envelopes: list[Envelope] = [server.receive_message(LIMIT)[0] for _ in range(20)]
                under_way = threading.Event()

                def reply(
                    server: ZmqServerTransport = server,
                    envelopes: list[Envelope] = envelopes,
                    under_way: threading.Event = under_way,
                ) -> None:
                    with contextlib.suppress(TransportError):
                        for envelope in envelopes:
                            server.send_reply(envelope, "y" * 500_000)
                            under_way.set()

                with running(reply):
                    assert under_way.wait(LIMIT)
                    server.close()
                    assert socket.sndtimeo == 1234


def test_a_thread_that_waits_for_its_turn_is_woken_without_polling(
    monkeypatch: pytest.MonkeyPatch, context: Context, server: ZmqServerTransport, running: Running
) -> None:
    """The looking up, twice a second, is only for what signal handlers break off."""

    def in_one_go(left: float | None) -> float:
        return 100 * LIMIT if left is None else left

    monkeypatch.setattr(_turn, "next_wait", in_one_go)

    def echo() -> None:
        serve(server, lambda message: message)

    with context.socket(zmq.REQ) as socket:
        socket.connect(server.endpoint)
        client = ZmqClientTransport(socket)

        def call() -> None:
            assert [client.send_message(str(number)) for number in range(50)] == [str(number) for number in range(50)]

        with running(*[echo] * 4):
            with running(*[call] * 4):
                pass
            server.close()
