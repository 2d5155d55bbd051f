"""When close() has returned, the transport touches no socket any more, wherever it was in that moment."""

import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any

import pytest
import zmq

from transport_base import TransportClosedError, serve
from transport_zmq import ZmqClientTransport, ZmqServerTransport

Context = zmq.Context[zmq.Socket[bytes]]
Running = Callable[..., AbstractContextManager[list[threading.Thread]]]

LIMIT = 10.0  # seconds that no wait here comes near to
BEGUN = (
    0.05  # seconds after which close() is taken to wait for the call: a slow machine misses a fault, and invents none
)


class WatchedSocket(zmq.Socket[bytes]):
    """A socket that notes who uses it after its owner was told that it is free."""

    is_free = False
    used_late: list[str] = []  # noqa: RUF012  # zmq.Socket takes no attributes of its own for an instance

    def _note(self, what: str) -> None:
        if WatchedSocket.is_free:
            WatchedSocket.used_late.append(what)

    def send(self, *args: Any, **kwargs: Any) -> Any:
        self._note("send")
        return super().send(*args, **kwargs)  # pyright: ignore[reportUnknownVariableType]  # as pyzmq has it

    def recv(self, *args: Any, **kwargs: Any) -> Any:
        self._note("recv")
        return super().recv(*args, **kwargs)  # pyright: ignore[reportUnknownVariableType]  # as pyzmq has it


@contextmanager
def stopped_at(step: int, call: Callable[[], object]) -> Generator[Callable[[], bool]]:
    """
    Run *call* in a thread that stops before its line number *step* within this package, until the end of the block.

    The block is given what tells whether it got that far.
    """
    left = iter(range(step))
    reached = threading.Event()
    proceed = threading.Event()
    got_there = False

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal got_there
        if "transport_zmq" not in frame.f_code.co_filename or "tests" in frame.f_code.co_filename:
            return None
        if event == "line" and not got_there and next(left, None) is None:
            got_there = True
            reached.set()
            proceed.wait(LIMIT)
        return trace

    def run() -> None:
        sys.settrace(trace)
        try:
            call()
        except TransportClosedError:
            pass
        finally:
            sys.settrace(None)
            reached.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert reached.wait(LIMIT)
        yield lambda: got_there
    finally:
        proceed.set()
        thread.join(LIMIT)
        assert not thread.is_alive()


def close_while_stopped(step: int, call: Callable[[], object], close: Callable[[], None]) -> bool:
    """Have *close* run while *call* stands at *step*; tell whether it came there."""
    WatchedSocket.is_free = False
    WatchedSocket.used_late.clear()

    def run() -> None:
        close()
        WatchedSocket.is_free = True

    closer = threading.Thread(target=run)
    with stopped_at(step, call) as got_there:
        closer.start()
        closer.join(BEGUN)  # longer when it waits for the call, as it should where that is at work on the socket
    closer.join(LIMIT)
    assert not closer.is_alive()
    assert WatchedSocket.used_late == [], f"used at step {step}, after close()"
    WatchedSocket.is_free = False
    return got_there()


@pytest.mark.parametrize("end", ["send_reply", "drop"])
def test_a_server_uses_no_passed_socket_after_close_wherever_a_reply_was(context: Context, end: str) -> None:
    step = 0
    got_there = True
    while got_there:
        with WatchedSocket(context, zmq.ROUTER) as socket, context.socket(zmq.DEALER) as peer:
            socket.bind("tcp://127.0.0.1:*")
            peer.set(zmq.LINGER, 0)
            peer.connect(socket.get_string(zmq.LAST_ENDPOINT))
            server = ZmqServerTransport(socket)
            peer.send_multipart([b"", b"x"])
            envelope, _message = server.receive_message(LIMIT)

            def reply(server: Any = server, envelope: Any = envelope) -> None:
                if end == "drop":
                    server.drop(envelope)
                else:
                    server.send_reply(envelope, "y")

            got_there = close_while_stopped(step, reply, server.close)
        step += 1
    assert step > 3


@pytest.mark.parametrize("expect_reply", [True, False], ids=["request", "one-way"])
def test_a_client_uses_no_passed_socket_after_close_wherever_a_call_was(
    context: Context, echo: ZmqServerTransport, expect_reply: bool
) -> None:
    step = 0
    got_there = True
    while got_there:
        with WatchedSocket(context, zmq.REQ) as socket:
            socket.set(zmq.LINGER, 0)
            socket.connect(echo.endpoint)
            client = ZmqClientTransport(socket, LIMIT)

            def call(client: ZmqClientTransport = client) -> None:
                client.send_message("x", expect_reply=expect_reply)

            got_there = close_while_stopped(step, call, client.close)
        step += 1
    assert step > 3


def test_close_in_a_signal_handler_does_not_wait_for_its_own_thread(context: Context) -> None:
    """A client and a server, each closed by a handler that has interrupted the thread inside libzmq."""
    with (
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server,
        ZmqClientTransport.create(context, server.endpoint) as client,
    ):
        main_thread = threading.main_thread().ident
        assert main_thread is not None

        def interrupt() -> None:
            server.receive_message(LIMIT)
            signal.pthread_kill(main_thread, signal.SIGUSR1)

        before = signal.signal(signal.SIGUSR1, lambda _number, _frame: client.close())
        thread = threading.Thread(target=interrupt)
        try:
            thread.start()
            with pytest.raises(TransportClosedError):
                client.send_message("x")
            thread.join(LIMIT)
            signal.signal(signal.SIGUSR1, lambda _number, _frame: server.close())
            waiting = threading.Thread(target=signal.pthread_kill, args=[main_thread, signal.SIGUSR1])
            waiting.start()
            with pytest.raises(TransportClosedError):
                server.receive_message(LIMIT)
            waiting.join(LIMIT)
        finally:
            signal.signal(signal.SIGUSR1, before)


def test_a_handler_may_close_its_server_and_a_client_in_use(context: Context, running: Running) -> None:
    with (
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server,
        ZmqClientTransport.create(context, server.endpoint) as client,
    ):

        def handle(message: str) -> str:
            client.close()
            server.close()
            return message

        def call() -> None:
            with pytest.raises(TransportClosedError):
                client.send_message("x")

        with running(lambda: serve(server, handle), call):
            pass
