"""
Typed messages with msgspec, over any transport: no RPC library, and each message checked as it is decoded.

Each kind of request is a class, and its name stands in the JSON: ``{"type":"Add","a":1,"b":2}``.
"""

import msgspec

from transport_base import OneWayClientTransport, ServerTransport, serve

notes: list[str] = []


class Add(msgspec.Struct, tag=True):
    """Ask for the sum of two numbers."""

    a: int
    b: int


class Fail(msgspec.Struct, tag=True):
    """Ask for an error."""


class Note(msgspec.Struct, tag=True):
    """Have a text kept: meant to be sent one way."""

    text: str


class Sum(msgspec.Struct, tag=True):
    """The answer to :class:`Add`."""

    value: int


class Done(msgspec.Struct, tag=True):
    """The answer to :class:`Note`."""


class Failed(msgspec.Struct, tag=True):
    """The answer to a request that failed, or that is none."""

    reason: str


Request = Add | Fail | Note
Response = Sum | Done | Failed

_requests = msgspec.json.Decoder(Request | list[Request])
_responses = msgspec.json.Decoder(Response | list[Response])


def answer(request: Request) -> Response:
    """Do what *request* asks for."""
    match request:
        case Add(a, b):
            return Sum(a + b)
        case Note(text):
            notes.append(text)
            return Done()
        case Fail():
            return Failed("out of luck")


def handle(message: str) -> str:
    """Return the response to *message*, or a list of them to a list of requests."""
    request: Request | list[Request]
    response: Response | list[Response]
    try:
        request = _requests.decode(message)
    except msgspec.DecodeError as exc:
        response = Failed(str(exc))
    else:
        response = [answer(each) for each in request] if isinstance(request, list) else answer(request)
    return msgspec.json.encode(response).decode()


def run(server: ServerTransport[object]) -> None:
    """Answer requests until *server* is closed."""
    serve(server, handle)


def call(client: OneWayClientTransport, request: Request) -> Response:
    """Send one request; return its response."""
    [response] = call_all(client, request)
    return response


def call_all(client: OneWayClientTransport, *requests: Request) -> list[Response]:
    """Send several requests in one message; return their responses, in the same order."""
    response: Response | list[Response] = _responses.decode(client.send_message(msgspec.json.encode(requests).decode()))
    return response if isinstance(response, list) else [response]


def notify(client: OneWayClientTransport, request: Request) -> None:
    """Send a request without waiting for its response."""
    client.send_message(msgspec.json.encode(request).decode(), expect_reply=False)
