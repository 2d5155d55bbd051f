"""The two ways from a client to a server, each with a real server in a process of its own."""

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import requests
import zmq

from transport_http import HttpPostClientTransport
from transport_zmq import ZmqClientTransport

from ._exchange import ClosableClient

# Seconds for one round trip: on a loopback, one that takes longer is stuck.
_TIMEOUT = 60.0


class ServerError(Exception):
    """A server of the demo did not start; what it said about it is on standard error."""


@contextmanager
def zmq_wire() -> Generator[ClosableClient]:
    with (
        _server("zmq") as endpoint,
        zmq.Context() as context,
        ZmqClientTransport.create(context, endpoint, timeout=_TIMEOUT) as client,
    ):
        yield client


@contextmanager
def http_wire() -> Generator[ClosableClient]:
    with _server("wsgi") as endpoint, requests.Session() as session:
        # The server is on the loopback, where no proxy of the environment can reach it.
        session.trust_env = False
        with HttpPostClientTransport(endpoint, session=session, timeout=_TIMEOUT) as client:
            yield client


WIRES = {"ZMQ": zmq_wire, "HTTP+WSGI": http_wire}


@contextmanager
def _server(kind: str) -> Generator[str]:
    """Run a server; yield the address that it listens on."""
    # Ctrl-C is held back until the server can be ended by it. The server inherits that, and leaves Ctrl-C to the demo.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    command = [sys.executable, "-m", f"{__package__}._server", kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            if not address:
                raise ServerError(f"the {kind} server did not start")
            yield address
        finally:
            # A server has nothing to lose, so there is no wait for an orderly end.
            process.kill()
