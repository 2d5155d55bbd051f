"""
The service for ASGI servers, as ``service_asgi:app``: a2wsgi runs it in threads beside the event loop.

    uvicorn service_asgi:app
    hypercorn service_asgi:app

The server decodes chunked bodies, but a2wsgi ends a body that was cut short as if it were whole. Here it is an error
instead, so the end of a body can be relied on, which ``wsgi.input_terminated`` says.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from a2wsgi import WSGIMiddleware
from service import app as service

Message = dict[str, Any]


def terminated(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Tell the transport that it may read to the end of the body."""
    environ["wsgi.input_terminated"] = True
    return service(environ, start_response)


# a2wsgi has types of its own for what PEP 3333 and the ASGI specification describe.
_wsgi: Any = terminated
_asgi: Any = WSGIMiddleware(_wsgi, workers=16)


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Serve one request."""

    async def receive_whole() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client has gone before the end of its body")
        return message

    await _asgi(scope, receive_whole, send)
