"""Whether this process is still the one that made a socket: libzmq's sockets do not survive a fork."""

import os
import weakref


class Origin:
    """Tells by *left* that its process was left: that this is a child, forked since."""

    __slots__ = ("__weakref__", "left")

    def __init__(self) -> None:
        self.left = False
        _origins.add(self)


_origins: weakref.WeakSet[Origin] = weakref.WeakSet()


def _leave() -> None:
    for origin in _origins:
        origin.left = True


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork either
    os.register_at_fork(after_in_child=_leave)
