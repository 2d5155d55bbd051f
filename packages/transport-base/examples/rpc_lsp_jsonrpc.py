"""
JSON-RPC 2.0 with python-lsp-jsonrpc, the layer of Python's language servers, over any transport.

Its ``Endpoint`` takes a decoded message and hands the response to a function. The language server protocol knows no
batches, so a list of messages is taken one by one here.
"""

import json
from typing import Any

from pylsp_jsonrpc.endpoint import Endpoint  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]

from transport_base import OneWayClientTransport, ServerTransport, serve

notes: list[str] = []


def add(params: dict[str, int]) -> int:
    """Return the sum of two numbers."""
    return params["a"] + params["b"]


def fail(_params: None) -> None:
    """Raise an error of the application's own."""
    raise RuntimeError("out of luck")


def note(params: dict[str, str]) -> None:
    """Keep a text: meant to be called as a notification."""
    notes.append(params["text"])


METHODS = {"add": add, "fail": fail, "note": note}


def responses(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the response to one request, or nothing for a notification."""
    handed_back: list[dict[str, Any]] = []
    # An endpoint for each message, because the function that takes responses is the endpoint's.
    endpoint: Any = Endpoint(METHODS, handed_back.append)
    endpoint.consume(message)
    endpoint.shutdown()  # waits for a handler that went on in a thread
    return handed_back


def handle(message: str) -> str:
    """Return the response to *message*, empty for a notification."""
    decoded: dict[str, Any] | list[dict[str, Any]] = json.loads(message)
    if isinstance(decoded, list):
        return json.dumps([response for each in decoded for response in responses(each)])
    return "".join(map(json.dumps, responses(decoded)))


def run(server: ServerTransport[object]) -> None:
    """Answer calls until *server* is closed."""
    serve(server, handle)


def endpoint_of(client: OneWayClientTransport) -> Any:
    """Return an endpoint whose requests go to a server: ``endpoint_of(client).request("add", …).result()``."""

    def send(message: dict[str, Any]) -> None:
        reply = client.send_message(json.dumps(message), expect_reply="id" in message)
        if reply is not None:
            endpoint.consume(json.loads(reply))

    nothing_to_offer: dict[str, Any] = {}
    endpoint: Any = Endpoint(nothing_to_offer, send)
    return endpoint


def call(client: OneWayClientTransport, name: str, **params: object) -> object:
    """Call a method; return its result, or raise what it failed with."""
    return endpoint_of(client).request(name, params or None).result()


def call_all(client: OneWayClientTransport, *calls: tuple[str, dict[str, object]]) -> list[object]:
    """Make several calls in one message; return their results, in the order of the calls."""
    requests = [
        {"jsonrpc": "2.0", "id": number, "method": name, "params": params}
        for number, (name, params) in enumerate(calls)
    ]
    return [response["result"] for response in json.loads(client.send_message(json.dumps(requests)))]


def notify(client: OneWayClientTransport, name: str, **params: object) -> None:
    """Call a method without waiting for it."""
    endpoint_of(client).notify(name, params)
