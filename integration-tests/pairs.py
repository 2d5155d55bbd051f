"""
The pairs of client and server that the contract suite runs over.

To add one, write a function that yields a :class:`Pair` and mark it with ``@pair(name)``.
"""

import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import gevent.monkey
import gevent.queue
import zmq
import zmq.green
from greenlets import GreenClient, GreenServer, Hub
from interfaces import Client, Server
from tasks import DEADLINE
from web_servers import WebServer, cheroot_server, gevent_server, waitress_server, werkzeug_server

from transport_http import HttpPostClientTransport
from transport_wsgi import WsgiServerTransport
from transport_zmq import ZmqClientTransport, ZmqServerTransport


def _nothing_more() -> list[Server[Any]]:
    return []


@dataclass
class Pair:
    """A server, and the ways to get clients of it."""

    server: Server[Any]
    # Opens a client whose calls last as many seconds; the pair closes it.
    new_client: Callable[[float], Client]
    # Opens further servers that share the work with *server*, where a wire can do that.
    more_workers: Callable[[], list[Server[Any]]] = _nothing_more
    # Where a client in another process finds the server; empty where it can't.
    endpoint: str = ""
    # Whether the calls of one client take turns.
    takes_turns: bool = False
    clients: list[Client] = field(default_factory=list)

    def client(self, timeout: float = DEADLINE) -> Client:
        opened = self.new_client(timeout)
        self.clients.append(opened)
        return opened

    def close(self) -> None:
        """Close every client and the server."""
        for client in self.clients:
            client.close()
        self.server.close()


OpenPair = Callable[[], AbstractContextManager[Pair]]

PAIRS: dict[str, OpenPair] = {}
# Those for a process that gevent has monkey-patched: there, threads are greenlets.
PATCHED_PAIRS: dict[str, OpenPair] = {}


def pair(name: str, among: dict[str, OpenPair] = PAIRS) -> Callable[[Callable[[], Generator[Pair]]], OpenPair]:
    """Enter a generator function that yields a pair under *name*."""

    def enter(opening: Callable[[], Generator[Pair]]) -> OpenPair:
        among[name] = contextmanager(opening)
        return among[name]

    return enter


@contextmanager
def _zmq_pair(endpoint: str, context: zmq.Context[Any]) -> Generator[Pair]:
    with ExitStack() as opened:
        opened.enter_context(context)
        server = opened.enter_context(ZmqServerTransport.create(context, endpoint))

        def new_client(timeout: float) -> Client:
            return opened.enter_context(ZmqClientTransport.create(context, server.endpoint, timeout))

        yield Pair(server, new_client, endpoint=server.endpoint)


@pair("zmq-tcp")
def _zmq_tcp() -> Generator[Pair]:
    with _zmq_pair("tcp://127.0.0.1:*", zmq.Context()) as opened:
        yield opened


@pair("zmq-ipc")
def _zmq_ipc() -> Generator[Pair]:
    # Its own short folder: the path of a Unix socket may have 107 bytes.
    with TemporaryDirectory() as folder, _zmq_pair(f"ipc://{Path(folder, 'server')}", zmq.Context()) as opened:
        yield opened


@pair("zmq-inproc")
def _zmq_inproc() -> Generator[Pair]:
    with _zmq_pair(f"inproc://{uuid4()}", zmq.Context()) as opened:
        yield opened


@pair("zmq-passed-sockets")
def _zmq_passed_sockets() -> Generator[Pair]:
    with ExitStack() as opened:
        context = opened.enter_context(zmq.Context())

        listening = opened.enter_context(context.socket(zmq.ROUTER))
        listening.set(zmq.LINGER, 0)
        listening.bind("tcp://127.0.0.1:*")
        server = opened.enter_context(ZmqServerTransport(listening))

        def new_client(timeout: float) -> Client:
            requesting = opened.enter_context(context.socket(zmq.REQ))
            requesting.set(zmq.LINGER, 1000)
            requesting.connect(listening.get_string(zmq.LAST_ENDPOINT))
            return opened.enter_context(ZmqClientTransport(requesting, timeout))

        yield Pair(server, new_client, endpoint=server.endpoint, takes_turns=True)


@pair("zmq-proxy")
def _zmq_proxy() -> Generator[Pair]:
    with ExitStack() as opened:
        to_clients, to_workers = opened.enter_context(router_dealer_proxy())
        context = opened.enter_context(zmq.Context())

        def worker() -> Server[Any]:
            return opened.enter_context(ZmqServerTransport.create(context, to_workers, bind=False))

        def new_client(timeout: float) -> Client:
            return opened.enter_context(ZmqClientTransport.create(context, to_clients, timeout))

        yield Pair(worker(), new_client, more_workers=lambda: [worker(), worker()], endpoint=to_clients)


@contextmanager
def router_dealer_proxy() -> Generator[tuple[str, str]]:
    """Run libzmq's proxy; yield the endpoint for clients and the one for workers."""
    context = zmq.Context()
    frontend, backend = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    for socket in (frontend, backend):
        socket.set(zmq.LINGER, 0)
        socket.bind("tcp://127.0.0.1:*")
    endpoints = frontend.get_string(zmq.LAST_ENDPOINT), backend.get_string(zmq.LAST_ENDPOINT)

    def run() -> None:
        with frontend, backend:
            try:
                zmq.proxy(frontend, backend)
            except zmq.ContextTerminated:
                return

    thread = threading.Thread(target=run, name="proxy")
    thread.start()
    try:
        yield endpoints
    finally:
        context.term()
        thread.join(DEADLINE)


@pair("zmq-green")
def _zmq_green() -> Generator[Pair]:
    with ExitStack() as opened:
        hub = opened.enter_context(Hub())
        context: zmq.Context[Any] = hub.run(zmq.green.Context)
        opened.callback(lambda: hub.run(context.term))

        serving = hub.run(lambda: ZmqServerTransport.create(context, "tcp://127.0.0.1:*"))
        server = opened.enter_context(GreenServer(hub, serving))

        def new_client(timeout: float) -> Client:
            made = hub.run(lambda: ZmqClientTransport.create(context, serving.endpoint, timeout))
            return opened.enter_context(GreenClient(hub, made))

        yield Pair(server, new_client, endpoint=serving.endpoint)


@pair("zmq-green", PATCHED_PAIRS)
def _zmq_green_patched() -> Generator[Pair]:
    with _zmq_pair("tcp://127.0.0.1:*", zmq.green.Context()) as opened:
        yield opened


def _clients_of(url: str, opened: ExitStack) -> Callable[[float], Client]:
    return lambda timeout: opened.enter_context(HttpPostClientTransport(url, timeout=timeout))


@contextmanager
def _http_pair(web_server: WebServer) -> Generator[Pair]:
    with ExitStack() as opened:
        server = WsgiServerTransport()
        url = opened.enter_context(web_server(server))
        # Entered last, so closed before the web server stops: no request keeps it then.
        opened.enter_context(server)
        yield Pair(server, _clients_of(url, opened), endpoint=url)


@pair("http-waitress")
def _http_waitress() -> Generator[Pair]:
    with _http_pair(waitress_server) as opened:
        yield opened


@pair("http-cheroot")
def _http_cheroot() -> Generator[Pair]:
    with _http_pair(cheroot_server) as opened:
        yield opened


@pair("http-werkzeug")
def _http_werkzeug() -> Generator[Pair]:
    with _http_pair(werkzeug_server) as opened:
        yield opened


@pair("http-gevent")
def _http_gevent() -> Generator[Pair]:
    with ExitStack() as opened:
        hub = opened.enter_context(Hub())
        serving = hub.run(lambda: WsgiServerTransport(queue_class=gevent.queue.Queue))
        web_server = gevent_server(serving)
        url = hub.run(web_server.__enter__)
        opened.callback(lambda: hub.run(lambda: web_server.__exit__(None, None, None)))
        server = opened.enter_context(GreenServer(hub, serving))
        # The client stays outside the hub: requests blocks the thread that it runs in.
        yield Pair(server, _clients_of(url, opened), endpoint=url)


@pair("http-gevent", PATCHED_PAIRS)
def _http_gevent_patched() -> Generator[Pair]:
    with ExitStack() as opened:
        server = WsgiServerTransport(queue_class=gevent.queue.Queue)
        url = opened.enter_context(gevent_server(server))
        opened.enter_context(server)
        yield Pair(server, _clients_of(url, opened), endpoint=url)


def pairs_of_this_process() -> dict[str, OpenPair]:
    """Return the pairs that can run here: which ones depends on monkey-patching."""
    return PATCHED_PAIRS if gevent.monkey.is_module_patched("threading") else PAIRS
