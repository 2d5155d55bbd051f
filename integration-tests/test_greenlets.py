"""What greenlets are promised beyond the contract suite: one of them waits, and the others go on."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from typing import Any

import gevent
import gevent.queue
import pytest
import zmq
import zmq.green
from greenlets import Hub
from processes import FOLDER, PATCHED_RUN, python
from tasks import DEADLINE

from transport_base import TransportClosedError, TransportError, TransportTimeoutError, serve
from transport_wsgi import WsgiServerTransport
from transport_zmq import ZmqClientTransport, ZmqServerTransport


def test_contract_holds_where_everything_is_monkey_patched() -> None:
    suite = str(FOLDER / "test_contract.py")
    # The servers in processes of their own have seen this client already.
    options = ["-q", "--tb=short", "-p", "no:cacheprovider", "-k", "zmq_green or http_gevent", suite]
    with python("-W", "error", "-c", PATCHED_RUN, *options) as run:
        output = run.rest(deadline=100)
        assert run.wait() == 0, output
    assert " passed" in output


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        yield running


def goes_on(hub: Hub) -> None:
    """Show that other greenlets of *hub* get their turn, and that their timers fire."""
    for _ in range(3):
        start = time.monotonic()
        hub.run(lambda: gevent.sleep(0.01))
        assert time.monotonic() - start < 1


def server_waits(hub: Hub, opened: ExitStack) -> Callable[[], object]:
    """Have two greenlets wait in one server; return what ends their waits."""
    context: zmq.Context[Any] = hub.run(zmq.green.Context)
    opened.callback(lambda: hub.run(context.term))
    server = hub.run(lambda: ZmqServerTransport.create(context, "tcp://127.0.0.1:*"))
    opened.callback(lambda: hub.run(server.close))
    waiting = [hub.start(server.receive_message) for _ in range(2)]

    def end() -> None:
        hub.run(server.close)
        assert [type(wait.exception(DEADLINE)) for wait in waiting] == [TransportClosedError] * 2

    return end


def client_waits(hub: Hub, opened: ExitStack) -> Callable[[], object]:
    context: zmq.Context[Any] = hub.run(zmq.green.Context)
    opened.callback(lambda: hub.run(context.term))
    server = hub.run(lambda: ZmqServerTransport.create(context, "tcp://127.0.0.1:*"))
    opened.callback(lambda: hub.run(server.close))
    client = hub.run(lambda: ZmqClientTransport.create(context, server.endpoint))
    opened.callback(lambda: hub.run(client.close))
    waiting = [hub.start(lambda: client.send_message("message")) for _ in range(2)]

    def end() -> None:
        serving = hub.start(lambda: serve(server, str))
        assert [wait.result(DEADLINE) for wait in waiting] == ["message"] * 2
        hub.run(server.close)
        assert serving.result(DEADLINE) is None

    return end


def client_of_nobody_waits(hub: Hub, opened: ExitStack) -> Callable[[], object]:
    """Have a greenlet wait for a connection that never comes about."""
    context: zmq.Context[Any] = hub.run(zmq.green.Context)
    opened.callback(lambda: hub.run(context.term))
    client = hub.run(lambda: ZmqClientTransport.create(context, "tcp://127.0.0.1:1", timeout=1))
    opened.callback(lambda: hub.run(client.close))
    waiting = hub.start(lambda: client.send_message("message"))

    def end() -> None:
        assert isinstance(waiting.exception(DEADLINE), TransportTimeoutError)

    return end


def wsgi_server_waits(hub: Hub, opened: ExitStack) -> Callable[[], object]:
    server = hub.run(lambda: WsgiServerTransport(queue_class=gevent.queue.Queue))
    opened.callback(lambda: hub.run(server.close))
    waiting = [hub.start(server.receive_message) for _ in range(2)]

    def end() -> None:
        hub.run(server.close)
        assert [type(wait.exception(DEADLINE)) for wait in waiting] == [TransportClosedError] * 2

    return end


@pytest.mark.parametrize(
    "begin",
    [server_waits, client_waits, client_of_nobody_waits, wsgi_server_waits],
    ids=lambda begin: begin.__name__,
)
def test_waiting_greenlet_does_not_stop_the_hub(
    hub: Hub, begin: Callable[[Hub, ExitStack], Callable[[], object]]
) -> None:
    with ExitStack() as opened:
        end = begin(hub, opened)
        goes_on(hub)
        end()


def test_zmq_context_ends_right_after_the_transports_in_which_greenlets_wait(hub: Hub) -> None:
    """The end of a context stops the hub until each socket is closed: close() can't leave that to a greenlet."""

    ended: list[type[BaseException]] = []

    def call(client: ZmqClientTransport) -> None:
        try:
            client.send_message("message")
        except TransportError as exc:
            ended.append(type(exc))

    def receive(server: ZmqServerTransport) -> None:
        try:
            server.receive_message()
        except TransportError as exc:
            ended.append(type(exc))

    def use() -> "list[Future[None]]":
        with (
            zmq.green.Context() as context,
            ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server,
            ZmqClientTransport.create(context, server.endpoint) as client,
            ZmqClientTransport.create(context, "tcp://127.0.0.1:1") as client_of_nobody,
        ):
            calling = [hub.start(partial(call, client)) for _ in range(2)]
            contexts = [server.receive_message(DEADLINE) for _ in calling]
            receiving = [hub.start(partial(receive, server)) for _ in range(2)]
            sending = hub.start(partial(call, client_of_nobody))
            gevent.sleep(0.05)
            del contexts
        return [*calling, *receiving, sending]

    for greenlet in hub.start(use).result(DEADLINE):
        assert greenlet.result(DEADLINE) is None
    assert ended == [TransportClosedError] * 5
