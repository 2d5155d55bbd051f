"""
The one family of errors that transports raise.

``TypeError`` and ``ValueError`` are what they are everywhere in Python: the caller's own mistakes.
"""


class TransportError(Exception):
    """The root: ``except TransportError`` catches what any transport of any distribution raises."""


class TransportTimeoutError(TransportError, TimeoutError):
    """
    No reply, or no message, came within the time given.

    A server may have handled the message of a call that timed out: there is no way to know.
    """


class TransportConnectionError(TransportError, ConnectionError):
    """
    The peer is unreachable, the connection broke during a call, or the address to listen on is unavailable.

    When the connection broke during a call, the peer may have handled the message: there is no way to know.
    """


class TransportClosedError(TransportError):
    """This side was closed, before the call or during it."""


class TransportProtocolError(TransportError):
    """The peer's answer breaks the contract: not text, too large, or an HTTP status outside 2xx."""


class TransportContextError(TransportError, ValueError):
    """The context was answered or dropped before, or this server did not hand it out."""
