"""
A server transport whose clients are HTTP clients: each POST is a message, each answer a reply.

:class:`WsgiServerTransport` is a WSGI application, for any WSGI server to run, and at the same time the
:class:`~transport_base.ServerTransport` from which a loop of yours takes the messages.
"""

from ._context import PendingReply
from ._server import WsgiServerTransport

__all__ = ["PendingReply", "WsgiServerTransport"]

__version__ = "2.0.0"
