"""
What every transport of string messages promises: interfaces, errors, and a serving loop.

A *message* is any ``str`` that has a UTF-8 form: empty, with NUL or line ends in it, megabytes long.
A server transport receives messages and answers each of them; a client transport sends a message and
returns the reply. The interfaces are Protocols: a class conforms by its methods, not by inheriting.
"""

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
    "ClientTransport",
    "DroppingServerTransport",
    "OneWayClientTransport",
    "ServerTransport",
    "TransportClosedError",
    "TransportConnectionError",
    "TransportContextError",
    "TransportError",
    "TransportProtocolError",
    "TransportTimeoutError",
    "serve",
]

__version__ = "1.1.0"
