"""
JSON-RPC 2.0 with tinyrpc's own server and client, over any transport.

tinyrpc encodes and decodes by itself and hands bytes to its transports; these transports take strings. An adapter at
each side turns one into the other, and everything else stays: protocol, dispatcher, ``RPCServer``, ``RPCClient``.
"""

from contextlib import suppress
from typing import Any

from tinyrpc import RPCClient  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
from tinyrpc.dispatch import RPCDispatcher  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
from tinyrpc.protocols.jsonrpc import JSONRPCProtocol  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
from tinyrpc.server import RPCServer  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]

from transport_base import OneWayClientTransport, ServerTransport, TransportClosedError

notes: list[str] = []
dispatcher: Any = RPCDispatcher()


class BytesServer:
    """A server transport for tinyrpc."""

    def __init__(self, server: ServerTransport[Any]) -> None:
        self._server = server

    def receive_message(self) -> tuple[Any, bytes]:
        """Wait for the next message."""
        context, message = self._server.receive_message()
        return context, message.encode()

    def send_reply(self, context: Any, reply: bytes) -> None:
        """Answer the message that came with *context*."""
        self._server.send_reply(context, reply.decode())


class BytesClient:
    """A client transport for tinyrpc."""

    def __init__(self, client: OneWayClientTransport) -> None:
        self._client = client

    def send_message(self, message: bytes, expect_reply: bool = True) -> bytes | None:
        """Send *message*; return the reply, if one is wanted."""
        reply = self._client.send_message(message.decode(), expect_reply=expect_reply)
        return None if reply is None else reply.encode()


def add(a: int, b: int) -> int:
    """Return the sum of two numbers."""
    return a + b


def fail() -> None:
    """Raise an error of the application's own."""
    raise RuntimeError("out of luck")


def note(text: str) -> None:
    """Keep *text*: meant to be called one way."""
    notes.append(text)


for function in (add, fail, note):
    dispatcher.add_method(function)


def run(server: ServerTransport[Any]) -> None:
    """Answer calls until *server* is closed."""
    transport: Any = BytesServer(server)
    with suppress(TransportClosedError):
        RPCServer(transport, JSONRPCProtocol(), dispatcher).serve_forever()


def rpc_client(client: OneWayClientTransport) -> Any:
    """Return tinyrpc's client; ``rpc_client(transport).get_proxy().add(1, 2)`` is a call."""
    transport: Any = BytesClient(client)
    return RPCClient(JSONRPCProtocol(), transport)


def call(client: OneWayClientTransport, name: str, *params: Any) -> object:
    """Call a method; return its result, or raise what it failed with."""
    return rpc_client(client).call(name, params, {})


def call_all(client: OneWayClientTransport, *calls: tuple[str, list[Any]]) -> list[object]:
    """Make several calls in one message; return their results, in the order of the calls."""
    responses = rpc_client(client).batch_call([(name, params, {}) for name, params in calls])
    return [response.result for response in responses]


def notify(client: OneWayClientTransport, name: str, *params: Any) -> None:
    """Call a method without waiting for it."""
    rpc_client(client).call(name, params, {}, one_way=True)
