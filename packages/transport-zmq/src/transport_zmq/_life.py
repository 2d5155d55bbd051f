"""How long a transport can be used: until it is closed, and in its own process: libzmq's sockets survive no fork."""

import os
import weakref

from transport_base import TransportClosedError, TransportError


class Life:
    """The life of *what*. ``over``: it has ended, by close() or a fork. ``forked``: this process is a later child."""

    __slots__ = ("__weakref__", "_what", "forked", "over")

    def __init__(self, what: str) -> None:
        self._what = what
        self.forked = False
        self.over = False
        _lives.add(self)

    def error(self) -> TransportError:
        """Return the error for a call made after the end."""
        if self.forked:
            return TransportError(f"{self._what} was made before a fork, expected one made in this process")
        return TransportClosedError(f"{self._what} was closed, expected an open one")


_lives: weakref.WeakSet[Life] = weakref.WeakSet()


def _end_all() -> None:
    for life in _lives:
        life.forked = life.over = True


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork either
    os.register_at_fork(after_in_child=_end_all)
