"""How long a transport can be used: until it is closed, and in the process that made it."""

from transport_base import TransportClosedError, TransportError

from . import _fork


class Life:
    """The life of *what*. ``over``: it has ended, by close() or a fork. ``forked``: this process is a later child."""

    __slots__ = ("__weakref__", "_what", "forked", "over")

    def __init__(self, what: str) -> None:
        self._what = what
        self.forked = False
        self.over = False
        _fork.watch(self)

    def after_fork_in_child(self) -> None:
        """End it: libzmq's sockets do not survive a fork."""
        self.forked = self.over = True

    def error(self) -> TransportError:
        """Return the error for a call made after the end."""
        if self.forked:
            return TransportError(f"{self._what} was made before a fork, expected one made in this process")
        return TransportClosedError(f"{self._what} was closed, expected an open one")
