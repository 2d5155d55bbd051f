"""How long a transport can be used: until it is closed, and in its own process. No socket of libzmq survives a fork."""

import os
import weakref

from transport_base import TransportClosedError, TransportError


class Life:
    """The life of *what*: ``over`` tells that it has ended, ``left`` that this process is a child, forked since."""

    __slots__ = ("__weakref__", "_what", "left", "over")

    def __init__(self, what: str) -> None:
        self._what = what
        self.left = False
        self.over = False
        _lives.add(self)

    def error(self) -> TransportError:
        """Return the error for a call that comes when it is over."""
        if self.left:
            return TransportError(f"{self._what} was made before a fork, expected one made in this process")
        return TransportClosedError(f"{self._what} was closed, expected an open one")


_lives: weakref.WeakSet[Life] = weakref.WeakSet()


def _leave() -> None:
    for life in _lives:
        life.left = life.over = True


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork either
    os.register_at_fork(after_in_child=_leave)
