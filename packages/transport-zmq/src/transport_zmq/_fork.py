"""
Notice a fork: libzmq's sockets and the threads behind its contexts do not exist in the child.

What was made before must not be used there. libzmq would hang, or disturb the parent.
"""

import gc
import os
import weakref
from typing import Any, Protocol

import zmq

from transport_base import TransportError


class Forkable(Protocol):
    """What a fork leaves behind in the parent."""

    def after_fork_in_child(self) -> None: ...


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()
_contexts_of_parents: weakref.WeakSet[zmq.Context[Any]] = weakref.WeakSet()


def watch(forkable: Forkable) -> None:
    """Tell *forkable* about every fork from now on, in the child."""
    _watched.add(forkable)


def check_context(context: zmq.Context[Any]) -> None:
    """Raise ``TransportError`` if *context* was made before a fork, and is the parent's."""
    if context in _contexts_of_parents:
        raise TransportError(
            "the zmq.Context was made before a fork, expected one made in this process: make a new one in the child"
        )


def _after_fork_in_child() -> None:
    # The only thread of the child is this one. pyzmq has no list of its contexts, so the interpreter's own is used.
    found: list[zmq.Context[Any]] = [thing for thing in gc.get_objects() if isinstance(thing, zmq.Context)]
    _contexts_of_parents.update(found)
    for forkable in list(_watched):
        forkable.after_fork_in_child()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork either
    os.register_at_fork(after_in_child=_after_fork_in_child)
