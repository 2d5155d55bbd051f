"""
What every transport of string messages promises: interfaces, errors, a serving loop, and the same for asyncio.

A *message* is any ``str`` that has a UTF-8 form: empty, with NUL or line ends in it, megabytes long.
A server transport receives messages and answers each of them; a client transport sends a message and
returns the reply. The interfaces are Protocols: a class conforms by its methods, not by inheriting.
"""

from ._async_client import ThreadedAsyncClientTransport
from ._async_interfaces import AsyncClientTransport, AsyncOneWayClientTransport, AsyncServerTransport
from ._async_serve import serve_async
from ._errors import (
    TransportClosedError,
    TransportConnectionError,
    TransportContextError,
    TransportError,
    TransportProtocolError,
    TransportTimeoutError,
)
from ._interfaces import ClientTransport, DroppingServerTransport, OneWayClientTransport, ServerTransport
from ._serve import serve

__all__ = [
    "AsyncClientTransport",
    "AsyncOneWayClientTransport",
    "AsyncServerTransport",
    "ClientTransport",
    "DroppingServerTransport",
    "OneWayClientTransport",
    "ServerTransport",
    "ThreadedAsyncClientTransport",
    "TransportClosedError",
    "TransportConnectionError",
    "TransportContextError",
    "TransportError",
    "TransportProtocolError",
    "TransportTimeoutError",
    "serve",
    "serve_async",
]

__version__ = "1.1.0"
