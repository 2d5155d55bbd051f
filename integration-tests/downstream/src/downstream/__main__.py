"""Call the same procedures over each transport, and print what came of it."""

import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import zmq

from transport_base import OneWayClientTransport, ServerTransport
from transport_http import HttpPostClientTransport
from transport_wsgi import WsgiServerTransport
from transport_zmq import ZmqClientTransport, ZmqServerTransport

from .in_memory import InMemoryClientTransport, InMemoryServerTransport
from .rpc import Caller, CallError, ContextT, Json, Procedures, offer

_SECONDS = 10.0


class _Threading(ThreadingMixIn, WSGIServer):
    pass


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        pass


def _exchange(name: str, server: ServerTransport[ContextT], client: OneWayClientTransport) -> threading.Thread:
    noted = threading.Event()

    def add(arguments: list[Json]) -> Json:
        return sum(number for number in arguments if isinstance(number, int))

    def note(_: list[Json]) -> Json:
        noted.set()
        return None

    thread = threading.Thread(target=offer, args=(server, Procedures({"add": add, "note": note})))
    thread.start()
    caller = Caller(client)
    caller.notify("note")
    total = caller.call("add", 1, 2, 3)
    try:
        caller.call("subtract")
    except CallError as error:
        print(f"{name}: {total}, {noted.wait(_SECONDS)}, {error}")
    return thread


def _in_memory() -> None:
    server = InMemoryServerTransport()
    thread = _exchange("in memory", server, InMemoryClientTransport(server, _SECONDS))
    server.close()
    thread.join(_SECONDS)


def _zmq() -> None:
    with zmq.Context() as context:
        with (
            ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server,
            ZmqClientTransport.create(context, server.endpoint, _SECONDS) as client,
        ):
            thread = _exchange("zmq", server, client)
        # The thread that serves is the one that lets go of the socket, which the context waits for.
        thread.join(_SECONDS)


def _http() -> None:
    server = WsgiServerTransport(reply_timeout=_SECONDS)
    with server, make_server("127.0.0.1", 0, server, _Threading, _Quiet) as web:
        threads = [threading.Thread(target=web.serve_forever)]
        threads[0].start()
        with HttpPostClientTransport(f"http://127.0.0.1:{web.server_port}/", timeout=_SECONDS) as client:
            threads.append(_exchange("http", server, client))
        web.shutdown()
    for thread in threads:
        thread.join(_SECONDS)


def main() -> None:
    """Print a line for each transport."""
    _in_memory()
    _zmq()
    _http()


if __name__ == "__main__":
    main()
