"""
Clients and servers as programs: ``python -m peer_programs ROLE ARGUMENTS``.

A server's first line tells where it is; then it tells each message that it gets, and answers with the same,
unless the message says ``hold`` (no answer, ever) or ``die`` (killed on the spot). It ends with its standard input.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import zmq
from interfaces import Client, Server
from web_servers import waitress_server

from transport_base import TransportError, serve
from transport_http import HttpPostClientTransport
from transport_wsgi import WsgiServerTransport
from transport_zmq import ZmqClientTransport, ZmqServerTransport


def tell(line: str) -> None:
    # One write, so that lines of several threads stay whole.
    os.write(1, line.encode() + b"\n")


def answer(server: Server[Any]) -> None:
    held: list[Any] = []
    while True:
        context, message = server.receive_message()
        tell(f"got {message[:100]}")  # not more than a pipe holds, as nobody may be reading
        if message == "hold":
            held.append(context)
        elif message == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            server.send_reply(context, message)


def zmq_server(endpoint: str) -> None:
    server = ZmqServerTransport.create(zmq.Context(), endpoint)
    threading.Thread(target=answer, args=(server,), daemon=True).start()
    tell(server.endpoint)
    sys.stdin.read()
    os._exit(0)


def wsgi_server(port: str) -> None:
    server = WsgiServerTransport()
    threading.Thread(target=answer, args=(server,), daemon=True).start()
    with waitress_server(server, int(port)) as url:
        tell(url)
        sys.stdin.read()
        os._exit(0)


def client(endpoint: str) -> Client:
    if endpoint.startswith("http"):
        return HttpPostClientTransport(endpoint, timeout=60)
    return ZmqClientTransport.create(zmq.Context(), endpoint, 60)


def call(endpoint: str, message: str) -> None:
    """Send one message; tell that it is under way."""
    tell("calling")
    client(endpoint).send_message(message)


def keep_calling(endpoint: str, name: str) -> None:
    """Send messages from several threads, until somebody puts an end to it; tell that it began."""
    shared = client(endpoint)

    def run(thread: int) -> None:
        number = 0
        while True:
            message = f"{name}-{thread}-{number}"
            assert shared.send_message(message) == message
            number += 1

    for thread in range(4):
        threading.Thread(target=run, args=(thread,), daemon=True).start()
    shared.send_message(f"{name}-first")
    tell("calling")
    sys.stdin.read()


# --- Ctrl-C: each tells when it is about to block, that it was interrupted, and that all works afterwards


@contextmanager
def interrupted_here() -> Generator[None]:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tell("blocking")
    try:
        yield
    except KeyboardInterrupt:
        tell("interrupted")
    else:
        tell("not interrupted")


def round_trip(server: Server[Any], client: Client) -> None:
    thread = threading.Thread(target=serve, args=(server, str))
    thread.start()
    tell("works" if client.send_message("message") == "message" else "broken")
    client.close()
    server.close()
    thread.join()


def interrupt_zmq_receive() -> None:
    with zmq.Context() as context:
        server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
        with interrupted_here():
            server.receive_message()
        round_trip(server, ZmqClientTransport.create(context, server.endpoint, 20))


def interrupt_zmq_serve() -> None:
    with zmq.Context() as context:
        server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
        with interrupted_here():
            serve(server, str)
        round_trip(server, ZmqClientTransport.create(context, server.endpoint, 20))


def interrupt_zmq_call() -> None:
    with zmq.Context() as context:
        server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
        client = ZmqClientTransport.create(context, server.endpoint)
        with interrupted_here():
            client.send_message("nobody answers")
        server.receive_message()
        round_trip(server, client)


def interrupt_zmq_call_without_server() -> None:
    with zmq.Context() as context:
        client = ZmqClientTransport.create(context, "tcp://127.0.0.1:1")
        with interrupted_here():
            client.send_message("nobody is there")
        client.close()
        tell("works")


def interrupt_zmq_call_on_a_passed_socket() -> None:
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
        socket.connect(server.endpoint)
        client = ZmqClientTransport(socket)
        with interrupted_here():
            client.send_message("nobody answers")
        server.receive_message()
        round_trip(server, client)


def interrupt_wsgi_receive() -> None:
    server = WsgiServerTransport()
    with interrupted_here():
        server.receive_message()
    with waitress_server(server) as url:
        round_trip(server, HttpPostClientTransport(url, timeout=20))


def interrupt_http_call() -> None:
    server = WsgiServerTransport()
    with waitress_server(server) as url:
        client = HttpPostClientTransport(url)
        with interrupted_here():
            client.send_message("nobody answers")
        held = server.receive_message()
        round_trip(server, client)
        del held


# --- a fork after creation: the child tells what becomes of each method, the parent that it still works


def fork_zmq() -> None:
    context = zmq.Context()
    server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
    client = ZmqClientTransport.create(context, server.endpoint, 20)
    sending = threading.Thread(target=client.send_message, args=("before the fork",))
    sending.start()
    envelope, _ = server.receive_message()
    pid = os.fork()
    if pid == 0:
        methods: dict[str, Callable[[], object]] = {
            "send_message": lambda: client.send_message("from the child"),
            "receive_message": server.receive_message,
            "send_reply": lambda: server.send_reply(envelope, "from the child"),
        }
        for name, method in methods.items():
            try:
                method()
            except TransportError as exc:
                tell(f"{name}: {type(exc).__name__}: {exc}")
        client.close()
        server.close()
        tell("child closed both")
        os._exit(0)
    os.waitpid(pid, 0)
    server.send_reply(envelope, "reply")
    sending.join()
    round_trip(server, client)
    context.term()


def fork_http() -> None:
    server = WsgiServerTransport()
    serving = threading.Thread(target=serve, args=(server, str))
    serving.start()
    with waitress_server(server) as url:
        client = HttpPostClientTransport(url, timeout=20)
        assert client.send_message("before the fork") == "before the fork"
        pid = os.fork()
        if pid == 0:
            # On connections of its own: two processes on one would take each other's replies.
            for number in range(20):
                assert client.send_message(f"child {number}") == f"child {number}"
            client.close()
            tell("child closed it")
            os._exit(0)
        for number in range(20):
            assert client.send_message(f"parent {number}") == f"parent {number}"
        os.waitpid(pid, 0)
        tell("works" if client.send_message("message") == "message" else "broken")
        client.close()
        server.close()
    serving.join()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
