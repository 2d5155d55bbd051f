"""Where libzmq would say nothing, or nothing of use, the error names what to do."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
import zmq

from transport_base import TransportClosedError, TransportConnectionError, TransportError
from transport_zmq import ZmqClientTransport, ZmqServerTransport

Context = zmq.Context[zmq.Socket[bytes]]
Running = Callable[..., AbstractContextManager[list[threading.Thread]]]


@pytest.mark.parametrize("create", [ZmqServerTransport.create, ZmqClientTransport.create], ids=["server", "client"])
@pytest.mark.parametrize("endpoint", ["tcp://[::1]:5555", "tcp://::1:5555", "tcp://127.0.0.1:0;[::1]:5555"])
def test_an_ipv6_address_without_the_option_for_it_is_an_error_that_names_it(
    context: Context, create: Callable[..., object], endpoint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{endpoint!r} is an IPv6 address")) as caught:
        create(context, endpoint)
    assert "expected socket_options={zmq.IPV6: 1}" in str(caught.value)


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python was built without IPv6")
def test_with_the_option_an_ipv6_address_is_served(context: Context, running: Running) -> None:
    options = {zmq.IPV6: 1}
    try:
        server = ZmqServerTransport.create(context, "tcp://[::1]:*", socket_options=options)
    except TransportConnectionError as exc:
        pytest.skip(str(exc))  # a machine without the address
    with server, ZmqClientTransport.create(context, server.endpoint, 10, socket_options=options) as client:

        def answer() -> None:
            envelope, message = server.receive_message(10)
            server.send_reply(envelope, message)

        with running(answer):
            assert client.send_message("é") == "é"


def test_a_nul_in_an_endpoint_is_an_error(context: Context) -> None:
    with pytest.raises(ValueError, match="has a NUL character, expected none"):
        ZmqServerTransport.create(context, "inproc://a\0b")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


def test_a_path_at_which_a_server_answers_is_refused_and_that_server_serves_on(
    context: Context, path: Path, running: Running
) -> None:
    with ZmqServerTransport.create(context, f"ipc://{path}") as first:
        with pytest.raises(TransportConnectionError, match="a server answers there already") as caught:
            ZmqServerTransport.create(context, f"ipc://{path}")
        assert str(path) in str(caught.value)

        def answer() -> None:
            envelope, message = first.receive_message(10)
            first.send_reply(envelope, message)

        with running(answer), ZmqClientTransport.create(context, f"ipc://{path}", 10) as client:
            assert client.send_message("x") == "x"


def test_a_path_at_which_a_busy_server_of_another_kind_listens_is_refused(context: Context, path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as other, closing(socket.socket(socket.AF_UNIX)) as waiting:
        other.bind(str(path))
        other.listen(0)
        waiting.connect(str(path))  # the backlog is full now
        with pytest.raises(TransportConnectionError, match="a server answers there already"):
            ZmqServerTransport.create(context, f"ipc://{path}")
    assert path.is_socket()


def test_a_file_that_is_not_a_socket_is_refused_and_kept(context: Context, path: Path) -> None:
    path.write_text("a day's work")
    with pytest.raises(TransportConnectionError, match="a file that is not a socket is there"):
        ZmqServerTransport.create(context, f"ipc://{path}")
    assert path.read_text() == "a day's work"


def test_a_socket_file_left_behind_is_taken_over(context: Context, path: Path, running: Running) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))
    with ZmqServerTransport.create(context, f"ipc://{path}") as server:

        def answer() -> None:
            envelope, message = server.receive_message(10)
            server.send_reply(envelope, message)

        with running(answer), ZmqClientTransport.create(context, f"ipc://{path}", 10) as client:
            assert client.send_message("x") == "x"


def test_a_server_that_connects_needs_no_free_path(context: Context, path: Path) -> None:
    with (
        ZmqServerTransport.create(context, f"ipc://{path}"),
        ZmqServerTransport.create(context, f"ipc://{path}", bind=False),
    ):
        pass


def test_more_calls_at_once_than_sockets_are_an_error_that_names_the_limit(
    context: Context, server: ZmqServerTransport, running: Running
) -> None:
    calls = 3
    with zmq.Context() as small:
        small.set(zmq.MAX_SOCKETS, calls)
        with ZmqClientTransport.create(small, server.endpoint) as client:

            def call() -> None:
                with pytest.raises(TransportClosedError):
                    client.send_message("x")

            with running(*[call] * calls):
                for _ in range(calls):
                    server.receive_message(10)
                with pytest.raises(TransportError, match=r"out of sockets of the zmq\.Context") as caught:
                    client.send_message("one more")
                client.close()
    assert "expected ZMQ_MAX_SOCKETS (1023 by default) to suit the calls at once" in str(caught.value)
    assert "zmq_context.set(zmq.MAX_SOCKETS, …)" in str(caught.value)


# In a process of its own, for pytest needs descriptors, too.
OUT_OF_DESCRIPTORS = """
import os, sys
import zmq
from transport_base import TransportError
from transport_zmq import ZmqClientTransport, ZmqServerTransport

with zmq.Context() as context, ZmqServerTransport.create(context, "tcp://127.0.0.1:*") as server:
    taken = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    try:
        if sys.argv[1] == "client":
            ZmqClientTransport.create(context, server.endpoint)
        else:
            ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
    except TransportError as error:
        for number in taken:
            os.close(number)
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is one of Unix")
@pytest.mark.parametrize("kind", ["server", "client"])
def test_out_of_file_descriptors_is_an_error_that_names_the_limit(kind: str) -> None:
    import resource  # noqa: PLC0415  # Unix only

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    run = subprocess.run(
        [sys.executable, "-c", OUT_OF_DESCRIPTORS, kind],
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard)),
    )
    assert run.stdout.startswith("out of file descriptors")
    assert "raise it with 'ulimit -n' or resource.setrlimit(resource.RLIMIT_NOFILE, …)" in run.stdout
