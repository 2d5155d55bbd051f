"""Workers behind one address: one message each, HAProxy in TCP mode, and another host whose link is cut."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import zmq
from tasks import DEADLINE, tasks

from peers.balancers import haproxy
from peers.load import load
from peers.programs import ROOT, Program, free_port, python_path, running
from transport_base import TransportTimeoutError, serve
from transport_zmq import ZmqClientTransport, ZmqServerTransport

EXAMPLES = ROOT / "packages" / "transport-zmq" / "examples"


def worker(endpoint: str, *options: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "transport_zmq", "serve", endpoint, "work:handle", *options)


@contextmanager
def one_message_each(workers: int) -> Generator[tuple[str, list[str]]]:
    """Run the example; yield its front endpoint and one endpoint for each worker."""
    front = f"tcp://127.0.0.1:{free_port()}"
    backs = [f"tcp://127.0.0.1:{free_port()}" for _ in range(workers)]
    with running(sys.executable, str(EXAMPLES / "one_message_each.py"), front, *backs) as program:
        program.until_listening(int(front.rpartition(":")[2]))
        yield front, backs


def test_messages_do_not_queue_behind_a_worker_that_is_busy() -> None:
    with ExitStack() as opened:
        front, backs = opened.enter_context(one_message_each(2))
        context = opened.enter_context(zmq.Context())
        client = opened.enter_context(ZmqClientTransport.create(context, front, DEADLINE))
        pool = opened.enter_context(ThreadPoolExecutor(1))
        # The only worker, so it gets the first message, and holds it.
        busy = opened.enter_context(ZmqServerTransport.create(context, backs[0], bind=False))
        held = pool.submit(client.send_message, "held")
        envelope, _ = busy.receive_message(DEADLINE)
        quick = opened.enter_context(ZmqServerTransport.create(context, backs[1], bind=False))
        with tasks(quick.close) as running_tasks:
            running_tasks.start(serve, quick, str.upper)
            for number in range(20):
                assert client.send_message(f"message {number}") == f"MESSAGE {number}"
            busy.send_reply(envelope, "HELD")
            assert held.result(DEADLINE) == "HELD"


@pytest.mark.parametrize(
    "fault", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM], ids=["killed", "stopped", "drained"]
)
def test_a_worker_that_is_lost_costs_its_message_alone(fault: signal.Signals) -> None:
    with ExitStack() as opened:
        front, backs = opened.enter_context(one_message_each(2))
        programs = [
            opened.enter_context(running(*worker(back, "--connect"), environment=python_path())) for back in backs
        ]
        for program in programs:
            program.until_written("tcp://")
        context = opened.enter_context(zmq.Context())
        client = opened.enter_context(ZmqClientTransport.create(context, front, 3))
        assert client.send_message("hello", timeout=DEADLINE) == "HELLO"
        with load(client, 4) as calls:
            calls.until("answered", 100)
            programs[0].signal(fault)
            calls.until("answered", 300)
        # One message is under way there; while heartbeats have not noticed, there is no second one.
        assert calls.failed() <= 1, calls.errors


@pytest.mark.peer("haproxy")
@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_haproxy_in_tcp_mode(fault: signal.Signals, tmp_path: Path) -> None:
    """The messages in hand of a server that dies are lost; clients reconnect to the other one."""
    front, ports = free_port(), [free_port(), free_port()]
    configuration = (EXAMPLES / "haproxy.cfg").read_text()
    for old, new in zip(("5555", "5561", "5562"), (front, *ports), strict=True):
        assert old in configuration
        configuration = configuration.replace(f":{old}", f":{new}")
    with ExitStack() as opened:
        servers: list[Program] = []
        for port in ports:
            server = running(*worker(f"tcp://127.0.0.1:{port}"), environment=python_path())
            servers.append(opened.enter_context(server))
            servers[-1].until_listening(port)
        opened.enter_context(haproxy(configuration, front, tmp_path))
        context = opened.enter_context(zmq.Context())
        client = opened.enter_context(ZmqClientTransport.create(context, f"tcp://127.0.0.1:{front}", 3))
        with load(client, 8) as calls:
            calls.until("answered", 300)
            servers[0].signal(fault)
            threading.Event().wait(5)  # for checks to notice, and calls that are lost to end by their timeouts
            failed = calls.failed()
            calls.until("answered", 500)
            assert calls.failed() == failed, "calls still fail although the server is gone for long"
        assert failed <= 8, calls.errors


# --- another host: two network namespaces and a link between them, with CURVE on it


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=DEADLINE)


class Link:
    """Two hosts, as far as the network is concerned, and what links them."""

    address = "198.18.0.1"

    def __init__(self) -> None:
        self.here, self.there = f"here{free_port()}", f"there{free_port()}"

    def open(self) -> None:
        for host in (self.here, self.there):
            ip("netns", "add", host)
            ip("-n", host, "link", "set", "lo", "up")
        ip("-n", self.here, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", self.there)
        for host, address in ((self.here, self.address), (self.there, "198.18.0.2")):
            ip("-n", host, "addr", "add", f"{address}/30", "dev", "wire")
            ip("-n", host, "link", "set", "wire", "up")

    def cut(self) -> None:
        """Let every packet vanish at the far end, of which this one is not told."""
        ip("-n", self.there, "addr", "flush", "dev", "wire")

    def restore(self) -> None:
        ip("-n", self.there, "addr", "add", "198.18.0.2/30", "dev", "wire")

    def close(self) -> None:
        for name in (self.here, self.there):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=DEADLINE, check=False)


@pytest.fixture
def link() -> Generator[Link]:
    opened = Link()
    try:
        try:
            opened.open()
        except subprocess.CalledProcessError as exc:
            pytest.skip(f"no network namespaces can be made here ({exc.stderr.decode().strip()})")
        yield opened
    finally:
        opened.close()


CURVE_PROXY = """
import sys
import zmq
from transport_zmq import ZmqProxy

front, back, secret = sys.argv[1:]
proxy = ZmqProxy.create(zmq.Context(), front, back, back_options={zmq.CURVE_SERVER: 1, zmq.CURVE_SECRETKEY: secret})
print("ready", flush=True)
proxy.run()
"""

CURVE_WORKER = """
import sys
import zmq
from transport_base import serve
from transport_zmq import ZmqServerTransport

name, endpoint, server_key = sys.argv[1:]
public, secret = zmq.curve_keypair()
options = {zmq.CURVE_SERVERKEY: server_key, zmq.CURVE_PUBLICKEY: public, zmq.CURVE_SECRETKEY: secret}
# The worker notices as well, and connects again by itself.
options |= {zmq.HEARTBEAT_IVL: 200, zmq.HEARTBEAT_TIMEOUT: 600, zmq.RECONNECT_IVL_MAX: 500}
worker = ZmqServerTransport.create(zmq.Context(), endpoint, bind=False, socket_options=options)
print("ready", flush=True)
serve(worker, lambda message: f"{name} {message}")
"""


@pytest.mark.peer("iproute2")
def test_a_worker_on_another_host_whose_link_is_cut_and_restored(link: Link, tmp_path: Path) -> None:
    """Heartbeats notice: the calls go to the worker here, and to both again once the link is back."""
    server_key, server_secret = (key.decode() for key in zmq.curve_keypair())
    # A path is the same for both hosts.
    front, back = f"ipc://{tmp_path}/front", f"tcp://{link.address}:5556"
    with ExitStack() as opened:

        def start(host: str, program: str, *arguments: str) -> None:
            command = ["ip", "netns", "exec", host, sys.executable, "-c", program, *arguments]
            opened.enter_context(running(*command, environment=python_path())).until_written("ready")

        start(link.here, CURVE_PROXY, front, back, server_secret)
        start(link.here, CURVE_WORKER, "near", back, server_key)
        start(link.there, CURVE_WORKER, "far", back, server_key)
        context = opened.enter_context(zmq.Context())
        client = opened.enter_context(ZmqClientTransport.create(context, front, 1))
        until(client, {"near hello", "far hello"})
        link.cut()
        assert until(client, {"near hello"}) > 0, "the link was not cut"
        link.restore()
        until(client, {"near hello", "far hello"})


def until(client: ZmqClientTransport, expected: set[str]) -> int:
    """Call until 20 calls in a row have succeeded with exactly these replies; return how many failed before."""
    failed = 0
    seen: set[str] = set()
    pause = threading.Event()
    end = time.monotonic() + 3 * DEADLINE
    while time.monotonic() < end:
        seen.clear()
        try:
            for _ in range(20):
                seen.add(client.send_message("hello"))
        except TransportTimeoutError:
            failed += 1
        else:
            if seen == expected:
                return failed
            pause.wait(0.2)  # the other one has not connected yet
    raise AssertionError(f"{seen} answered, expected {expected}; {failed} calls failed")
