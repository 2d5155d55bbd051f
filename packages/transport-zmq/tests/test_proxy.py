"""The proxy: workers behind it, workers that stop, and every way in which it ends."""

import copy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import pytest
import zmq

from transport_base import TransportClosedError, TransportConnectionError, TransportError, TransportTimeoutError, serve
from transport_zmq import ZmqClientTransport, ZmqProxy, ZmqServerTransport

LIMIT = 20.0


@contextmanager
def running(proxy: ZmqProxy) -> Generator[ZmqProxy]:
    thread = threading.Thread(target=proxy.run)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join(LIMIT)
        assert not thread.is_alive()


@pytest.fixture
def proxy() -> Generator[ZmqProxy]:
    with zmq.Context() as context, ZmqProxy.create(context, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*") as made:
        yield made


def test_clients_reach_workers_that_come_and_go(proxy: ZmqProxy) -> None:
    with ExitStack() as opened:
        context = opened.enter_context(zmq.Context())
        opened.enter_context(running(proxy))
        client = opened.enter_context(ZmqClientTransport.create(context, proxy.front_endpoint, LIMIT))
        pool = opened.enter_context(ThreadPoolExecutor(8))
        early = pool.submit(client.send_message, "before any worker")
        for name in ("first", "second"):
            with ZmqServerTransport.create(context, proxy.back_endpoint, bind=False) as worker:
                loop = threading.Thread(target=serve, args=(worker, f"{name}: {{}}".format))
                loop.start()
                assert early.result(LIMIT) == "first: before any worker"
                messages = [f"message {number}" for number in range(50)]
                assert list(pool.map(client.send_message, messages)) == [f"{name}: {message}" for message in messages]
                worker.close(drain=LIMIT)
                loop.join(LIMIT)


def is_freed(endpoint: str) -> bool:
    """Tell whether *endpoint* can be bound to, soon: libzmq closes its listeners in the background."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        with suppress(TransportConnectionError), zmq.Context() as context, ZmqServerTransport.create(context, endpoint):
            return True
        threading.Event().wait(0.01)
    return False


def test_close_ends_run_in_another_thread_and_frees_the_ports(proxy: ZmqProxy) -> None:
    with running(proxy):
        pass
    for endpoint in (proxy.front_endpoint, proxy.back_endpoint):
        assert is_freed(endpoint)
    with pytest.raises(TransportClosedError, match="was closed"):
        proxy.run()
    proxy.close()


def test_terminating_the_context_ends_run() -> None:
    context = zmq.Context()
    proxy = ZmqProxy.create(context, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
    with running(proxy):
        context.term()


def test_destroying_the_context_ends_run() -> None:
    context = zmq.Context()
    proxy = ZmqProxy.create(context, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
    with running(proxy):
        context.destroy()


def test_only_one_thread_runs_it(proxy: ZmqProxy) -> None:
    with (
        running(proxy),
        zmq.Context() as context,
        ZmqServerTransport.create(context, proxy.back_endpoint, bind=False) as worker,
        ZmqClientTransport.create(context, proxy.front_endpoint, LIMIT) as client,
    ):
        client.send_message("hello", expect_reply=False)
        worker.receive_message(LIMIT)  # it runs, then
        with pytest.raises(TransportError, match="runs already"):
            proxy.run()


def test_an_address_in_use_leaves_nothing_open(proxy: ZmqProxy) -> None:
    with zmq.Context() as context, pytest.raises(TransportConnectionError, match="in use"):
        ZmqProxy.create(context, "tcp://127.0.0.1:*", proxy.back_endpoint)


WORKER = """
import sys, zmq
from transport_base import serve
from transport_zmq import ZmqServerTransport
with zmq.Context() as context, ZmqServerTransport.create(context, sys.argv[1], bind=False) as worker:
    print("ready", flush=True)
    serve(worker, str.upper)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP is POSIX's")
def test_a_stopped_worker_gets_no_further_messages(proxy: ZmqProxy) -> None:
    with ExitStack() as opened:
        context = opened.enter_context(zmq.Context())
        opened.enter_context(running(proxy))
        workers = [
            opened.enter_context(
                subprocess.Popen([sys.executable, "-c", WORKER, proxy.back_endpoint], stdout=subprocess.PIPE)
            )
            for _ in range(2)
        ]
        for worker in workers:
            opened.callback(worker.kill)
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"ready\n"
        client = opened.enter_context(ZmqClientTransport.create(context, proxy.front_endpoint, 1))
        assert client.send_message("hello", timeout=LIMIT) == "HELLO"
        workers[0].send_signal(signal.SIGSTOP)
        in_a_row = failed = 0
        while in_a_row < 20:  # every second one would fail, were it still fed
            try:
                assert client.send_message("hello") == "HELLO"
                in_a_row += 1
            except TransportTimeoutError:
                in_a_row = 0
                failed += 1
                assert failed < 20


def test_a_proxy_is_not_copied(proxy: ZmqProxy) -> None:
    with pytest.raises(TypeError, match="cannot be copied"):
        copy.copy(proxy)
