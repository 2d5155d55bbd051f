"""
The one family of errors that transports raise.

``TypeError`` and ``ValueError`` stay what they are everywhere in Python: the caller's own mistakes.
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
    The peer can't be reached, went away in mid-call, or the address to listen on can't be had.

    When the peer went away in mid-call, it may have handled the message: there is no way to know.
    """


class TransportClosedError(TransportError):
    """This side was closed, before the call or during it."""


class TransportProtocolError(TransportError):
    """The peer's answer breaks the contract: not text, too large, or a status that is no success."""


class TransportContextError(TransportError, ValueError):
    """The context was answered already, or it is not one that this server gave."""
