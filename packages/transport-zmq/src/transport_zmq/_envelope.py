"""What a server must keep to be able to answer."""


class Envelope:
    """
    The return address of one message, to be handed to ``send_reply`` of the server that gave it.

    It stands for every frame that came before the message: the routing id of the connection, and what REQ
    sockets, correlation and proxies on the way have put in. Opaque; only a server makes one.
    """

    __slots__ = ()


class OpenEnvelope(Envelope):
    """The :class:`Envelope` as the server sees it."""

    __slots__ = ("_frames", "server")

    def __init__(self, server: object, frames: list[bytes]) -> None:
        self.server = server
        self._frames = frames

    def claim(self) -> list[bytes] | None:
        """Return the frames, once in a lifetime; ``None`` after that."""
        try:
            frames = self._frames
            del self._frames  # succeeds once, whichever threads try it
        except AttributeError:
            return None
        return frames
