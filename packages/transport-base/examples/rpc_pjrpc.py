"""JSON-RPC 2.0 with pjrpc, over any transport: one function at the server, one method at the client."""

from collections.abc import Mapping
from typing import Any

from pjrpc.client import AbstractClient
from pjrpc.server import Dispatcher, JsonRpcError, MethodRegistry

from transport_base import OneWayClientTransport, ServerTransport, serve

notes: list[str] = []
methods = MethodRegistry()
dispatcher: Dispatcher[None] = Dispatcher()


@methods.add()
def add(a: int, b: int) -> int:
    """Return the sum of two numbers."""
    return a + b


@methods.add()
def fail() -> None:
    """Raise an error of the application's own."""
    raise JsonRpcError(code=1, message="out of luck")


@methods.add()
def note(text: str) -> None:
    """Keep *text*: meant to be called as a notification."""
    notes.append(text)


dispatcher.add_methods(methods)


def handle(message: str) -> str:
    """Return the response to *message*, empty for a notification."""
    response = dispatcher.dispatch(message, None)
    return response[0] if response else ""


def run(server: ServerTransport[object]) -> None:
    """Answer calls until *server* is closed."""
    serve(server, handle)


class Client(AbstractClient):
    """The client of pjrpc, over a transport."""

    def __init__(self, transport: OneWayClientTransport) -> None:
        super().__init__()
        self._transport = transport

    def _request(self, request_text: str, is_notification: bool, request_kwargs: Mapping[str, Any]) -> str | None:  # noqa: ARG002
        return self._transport.send_message(request_text, expect_reply=not is_notification)


def call(client: OneWayClientTransport, name: str, *params: Any) -> object:
    """Call a method; return its result, or raise what it failed with."""
    return Client(client).call(name, *params)


def call_all(client: OneWayClientTransport, *calls: tuple[str, list[Any]]) -> list[object]:
    """Make several calls in one message; return their results, in the order of the calls."""
    with Client(client).batch() as batch:
        for name, params in calls:
            batch.call(name, *params)
    response = batch.get_response()
    return list(response.unwrap_results()) if response else []


def notify(client: OneWayClientTransport, name: str, *params: Any) -> None:
    """Call a method without waiting for it."""
    Client(client).notify(name, *params)
