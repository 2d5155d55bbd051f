"""Each wrong argument has one clear error, at construction."""

import asyncio
import copy
import math
import pickle
import socket as sockets
import threading
from collections.abc import Callable, Generator
from typing import Any

import pytest
import zmq
import zmq.asyncio

from transport_base import TransportClosedError, TransportConnectionError, TransportError
from transport_zmq import ZmqClientTransport, ZmqServerTransport

Context = zmq.Context[zmq.Socket[bytes]]
TRANSPORTS: list[Any] = [ZmqServerTransport, ZmqClientTransport]


@pytest.fixture
def asyncio_context() -> Generator[zmq.asyncio.Context]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with zmq.asyncio.Context() as context:
        yield context
    asyncio.set_event_loop(None)
    loop.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("socket", [None, "tcp://127.0.0.1:5555", 5], ids=["none", "str", "int"])
def test_what_is_no_socket_is_refused(transport: Any, socket: Any) -> None:
    with pytest.raises(TypeError, match=r"expected zmq\.Socket"):
        transport(socket)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_socket_for_asyncio_is_refused(transport: Any, asyncio_context: zmq.asyncio.Context) -> None:
    with asyncio_context.socket(zmq.ROUTER) as socket, pytest.raises(TypeError, match=r"expected zmq\.Socket"):
        transport(socket)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_context_for_asyncio_is_refused(transport: Any, asyncio_context: zmq.asyncio.Context) -> None:
    with pytest.raises(TypeError, match=r"expected zmq\.Context"):
        transport.create(asyncio_context, "tcp://127.0.0.1:*")


def test_a_socket_of_another_type_is_refused(context: Context) -> None:
    with context.socket(zmq.REP) as socket:
        with pytest.raises(ValueError, match="type REP, expected ROUTER"):
            ZmqServerTransport(socket)
        with pytest.raises(ValueError, match="type REP, expected REQ"):
            ZmqClientTransport(socket)


def test_a_closed_socket_is_refused(context: Context) -> None:
    socket = context.socket(zmq.ROUTER)
    socket.close()
    with pytest.raises(ValueError, match="closed, expected an open ROUTER"):
        ZmqServerTransport(socket)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "endpoint",
    ["", "localhost", "tcp://127.0.0.1", "carrier-pigeon://coop", "ipc://" + 300 * "x", "tcp://127.0.0.1:65536"],
    ids=["empty", "bare", "no-port", "unknown-protocol", "long-path", "port-out-of-range"],
)
def test_a_malformed_endpoint_is_refused(context: Context, transport: Any, endpoint: str) -> None:
    with pytest.raises(ValueError, match="expected") as info:
        transport.create(context, endpoint)
    assert repr(endpoint) in str(info.value)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("endpoint", [None, b"tcp://127.0.0.1:5555"], ids=["none", "bytes"])
def test_an_endpoint_that_is_no_str_is_refused(context: Context, transport: Any, endpoint: Any) -> None:
    with pytest.raises(TypeError, match="expected str"):
        transport.create(context, endpoint)


def test_a_port_in_use_is_reported(context: Context, server: ZmqServerTransport) -> None:
    with pytest.raises(TransportConnectionError, match=f"'{server.endpoint}'.*in use.*expected a free local address"):
        ZmqServerTransport.create(context, server.endpoint)


def test_a_port_in_use_by_another_program_is_reported(context: Context) -> None:
    with sockets.create_server(("127.0.0.1", 0)) as other, pytest.raises(TransportConnectionError, match="in use"):
        ZmqServerTransport.create(context, f"tcp://127.0.0.1:{other.getsockname()[1]}")


def test_a_terminated_context_is_refused() -> None:
    context: Context = zmq.Context()
    context.term()
    with pytest.raises(TransportClosedError, match="terminated"):
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "options",
    [{99_999: 1}, {zmq.CURVE_SERVERKEY: "too short"}, {zmq.LINGER: "text"}, {zmq.LINGER: 2**70}],
    ids=["unknown", "bad-key", "text-for-int", "overflow"],
)
def test_an_option_that_libzmq_does_not_take_is_refused(context: Context, transport: Any, options: Any) -> None:
    with pytest.raises(ValueError, match=r"socket option .* was refused"):
        transport.create(context, "tcp://127.0.0.1:*", socket_options=options)


def test_a_refused_key_is_not_shown(context: Context) -> None:
    with pytest.raises(ValueError, match="CURVE_SECRETKEY") as info:
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*", socket_options={zmq.CURVE_SECRETKEY: "hush"})
    assert "hush" not in str(info.value)


@pytest.mark.parametrize(
    "options", [{"LINGER": 1}, {zmq.LINGER: None}, {zmq.LINGER: 1.5}], ids=["key", "none", "float"]
)
def test_an_option_of_the_wrong_type_is_refused(context: Context, options: Any) -> None:
    with pytest.raises(TypeError, match="expected an int key with an int, bytes or str"):
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*", socket_options=options)


def test_a_routing_id_for_many_sockets_is_refused(context: Context) -> None:
    with pytest.raises(ValueError, match="ROUTING_ID"):
        ZmqClientTransport.create(context, "tcp://127.0.0.1:5555", socket_options={zmq.ROUTING_ID: b"me"})


@pytest.mark.parametrize("timeout", [-1, -0.001, math.nan], ids=str)
def test_a_timeout_that_is_no_time_is_refused(context: Context, server: ZmqServerTransport, timeout: float) -> None:
    with pytest.raises(ValueError, match="expected 0 or more seconds"):
        ZmqClientTransport.create(context, "tcp://127.0.0.1:5555", timeout)
    with pytest.raises(ValueError, match="expected 0 or more seconds"):
        server.receive_message(timeout)


@pytest.mark.parametrize("timeout", ["1", True, b""], ids=repr)
def test_a_timeout_that_is_no_number_is_refused(context: Context, server: ZmqServerTransport, timeout: Any) -> None:
    with pytest.raises(TypeError, match="expected a number of seconds or None"):
        ZmqClientTransport.create(context, "tcp://127.0.0.1:5555", timeout)
    with pytest.raises(TypeError, match="expected a number of seconds or None"):
        server.receive_message(timeout)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_size_that_is_no_size_is_refused(context: Context, transport: Any) -> None:
    with pytest.raises(ValueError, match="expected 0 to"):
        transport.create(context, "tcp://127.0.0.1:*", max_message_bytes=-1)
    with pytest.raises(TypeError, match="expected an int"):
        transport.create(context, "tcp://127.0.0.1:*", max_message_bytes=1.5)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_unknown_argument_is_refused(context: Context, transport: Any) -> None:
    with pytest.raises(TypeError, match="time_out"):
        transport.create(context, "tcp://127.0.0.1:*", time_out=3)


def test_an_infinite_timeout_waits_for_ever(context: Context, echo: ZmqServerTransport) -> None:
    with ZmqClientTransport.create(context, echo.endpoint, timeout=math.inf) as client:
        assert client.send_message("x") == "x"


@pytest.mark.parametrize("timeout", [1e306, 10**400], ids=["float", "int"])
def test_a_timeout_beyond_any_clock_waits_for_ever(context: Context, echo: ZmqServerTransport, timeout: float) -> None:
    with ZmqClientTransport.create(context, echo.endpoint, timeout) as client:
        assert client.send_message("x") == "x"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("options", [5, [(1, 2)]], ids=["int", "pairs"])
def test_options_that_are_no_mapping_are_refused(context: Context, transport: Any, options: Any) -> None:
    with pytest.raises(TypeError, match="expected a mapping"):
        transport.create(context, "tcp://127.0.0.1:*", socket_options=options)


def test_a_size_that_libzmq_can_not_hold_is_refused(context: Context) -> None:
    with pytest.raises(ValueError, match=f"is {2**63}, expected"):
        ZmqServerTransport.create(context, "tcp://127.0.0.1:*", max_message_bytes=2**63)


@pytest.mark.parametrize(("transport", "kind"), [(ZmqServerTransport, zmq.ROUTER), (ZmqClientTransport, zmq.REQ)])
def test_a_socket_of_a_terminated_context_is_reported(transport: Any, kind: zmq.SocketType) -> None:
    context: Context = zmq.Context()
    socket = context.socket(kind)
    terminating = threading.Thread(target=context.term)
    terminating.start()
    try:
        while True:  # until the context refuses
            try:
                socket.get(zmq.EVENTS)
            except zmq.ContextTerminated:
                break
        with pytest.raises(TransportClosedError):
            transport(socket)
    finally:
        socket.close(0)
        terminating.join(10)


def test_a_server_that_can_not_be_set_up_leaves_no_socket() -> None:
    with zmq.Context() as context:
        context.max_sockets = 1
        with pytest.raises(TransportError):
            ZmqServerTransport.create(context, "tcp://127.0.0.1:*")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"])
def test_a_transport_cannot_be_copied(
    context: Context, server: ZmqServerTransport, copied: Callable[[object], object]
) -> None:
    with ZmqClientTransport.create(context, server.endpoint) as client:
        for transport in (client, server):
            with pytest.raises(TypeError, match="cannot be copied or pickled: make another one"):
                copied(transport)
