"""
JSON-RPC 2.0 with jsonrpcserver and jsonrpcclient, over any transport.

``dispatch`` takes a string and returns a string, so it is a handler as it stands: ``serve(server, dispatch)``.
"""

import json

from jsonrpcclient import Ok, notification_json, parse_json, request, request_json
from jsonrpcserver import Error, Result, Success, dispatch, method

from transport_base import OneWayClientTransport, ServerTransport, serve

notes: list[str] = []


@method
def add(a: int, b: int) -> Result:
    """Return the sum of two numbers."""
    return Success(a + b)


@method
def fail() -> Result:
    """Return an error of the application's own."""
    return Error(code=1, message="out of luck")


@method
def note(text: str) -> Result:
    """Keep *text*: meant to be called as a notification."""
    notes.append(text)
    return Success()


def run(server: ServerTransport[object]) -> None:
    """Answer calls until *server* is closed."""
    serve(server, dispatch)


def call(client: OneWayClientTransport, name: str, *params: object) -> object:
    """Call a method; return its result, or raise what it failed with."""
    answer = parse_json(client.send_message(request_json(name, params)))
    match answer:
        case Ok(result, _):
            return result
        case error:
            raise RuntimeError(str(error))


def call_all(client: OneWayClientTransport, *calls: tuple[str, list[object]]) -> list[object]:
    """Make several calls in one message; return their results, in the order of the calls."""
    requests = [request(name, tuple(params)) for name, params in calls]
    results = {answer["id"]: answer.get("result") for answer in json.loads(client.send_message(json.dumps(requests)))}
    return [results[sent["id"]] for sent in requests]


def notify(client: OneWayClientTransport, name: str, *params: object) -> None:
    """Call a method without waiting for it."""
    client.send_message(notification_json(name, params), expect_reply=False)
