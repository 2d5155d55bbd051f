"""What a server must keep to be able to answer."""


class Envelope:
    """
    The return address of one message, to be handed back with ``send_reply`` or ``drop`` to the server that gave it.

    It stands for every frame that came before the message: the routing id of the connection, and what REQ
    sockets, correlation and proxies on the way have put in. Opaque; only a server makes one.
    """

    __slots__ = ()


class OpenEnvelope(Envelope):
    """The :class:`Envelope` as the server sees it: whoever takes the frames out of ``owed`` answers, and one can."""

    __slots__ = ("owed", "server")

    server: object
    owed: list[list[bytes]]
