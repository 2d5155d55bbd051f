"""
One echo server, in a process of its own: ``python -m demo._server zmq`` or ``… wsgi``.

Its first line of output is the address that it listens on. It ends when its standard input does, so that it
never outlives the demo.
"""

import logging
import socket
import sys
import threading
from typing import Any

import waitress
import zmq

from transport_base import serve
from transport_wsgi import WsgiServerTransport
from transport_zmq import ZmqServerTransport


def _echo(message: str) -> str:
    return message


def _serve_zmq() -> None:
    with zmq.Context() as context:
        with ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server:
            thread = threading.Thread(target=serve, args=(server, _echo), daemon=True)
            thread.start()
            _announce(server.endpoint)
        # The thread closes the server's socket, and has to do so before the context goes.
        thread.join()


def _serve_wsgi() -> None:
    with WsgiServerTransport() as server, socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(server, _echo), daemon=True).start()
        # It warns of each request that finds no thread waiting, even for the moment that one takes to get ready.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        # Any: the stubs of waitress take each option for a dictionary of all of them.
        options: Any = {"sockets": [listener], "_quiet": True}
        threading.Thread(target=waitress.serve, args=(server,), kwargs=options, daemon=True).start()
        _announce(f"http://127.0.0.1:{listener.getsockname()[1]}/")


def _announce(address: str) -> None:
    """Tell the address to the parent, then wait until the parent is done."""
    print(address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    {"zmq": _serve_zmq, "wsgi": _serve_wsgi}[sys.argv[1]]()
