"""
String messages between a client and a server over ZeroMQ.

The server stands on a ROUTER socket, the client on REQ sockets. A message is one frame of UTF-8, so any
peer that speaks REQ or DEALER, in any language, can take part.
"""

from ._client import ZmqClientTransport
from ._envelope import Envelope
from ._proxy import ZmqProxy
from ._server import ZmqServerTransport

__all__ = ["Envelope", "ZmqClientTransport", "ZmqProxy", "ZmqServerTransport"]

__version__ = "1.1.0"
