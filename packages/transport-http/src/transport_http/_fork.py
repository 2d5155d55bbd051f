"""Whether this process is a child of the one that made a client: the two must not share connections."""

import os
import threading
import weakref


class Origin:
    """
    Tells by *left* that the process was left: that this is a child, forked since.

    Whoever starts anew in the child does that under *lock*, which is new there: the parent's may be
    held for ever by a thread that the child does not have.
    """

    __slots__ = ("__weakref__", "left", "lock")

    def __init__(self) -> None:
        self.left = False
        # Of the kind that lets a signal handler of the same thread in.
        self.lock = threading.RLock()
        _origins.add(self)


_origins: weakref.WeakSet[Origin] = weakref.WeakSet()


def _leave() -> None:
    for origin in _origins:
        origin.lock = threading.RLock()
        origin.left = True


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork either
    os.register_at_fork(after_in_child=_leave)
