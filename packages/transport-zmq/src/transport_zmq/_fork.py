"""
Notice a fork: libzmq's sockets and the threads behind its contexts do not exist in the child.

What was made before must not be used there. libzmq would hang, or disturb the parent.
"""

import os
import socket as sockets
import weakref
from typing import Any, Protocol

import zmq

from transport_base import TransportError


class Forkable(Protocol):
    """What a fork leaves behind in the parent."""

    def after_fork_in_child(self) -> None: ...


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()
# In a forked child, the contexts that are known to be its own.
_own_contexts: weakref.WeakSet[zmq.Context[Any]] | None = None

_LONGEST_ANSWER = 2.0  # seconds: thousands of times what libzmq takes to greet a local connection


def watch(forkable: Forkable) -> None:
    """Tell *forkable* about every fork from now on, in the child."""
    _watched.add(forkable)


def check_context(context: zmq.Context[Any]) -> None:
    """
    Raise ``TransportError`` if *context* was made before a fork, and its threads stayed in the parent.

    libzmq starts them with the first socket, so a context that had none yet works in the child.
    """
    if _own_contexts is None or context in _own_contexts:
        return
    if not _answers(context):
        raise TransportError(
            "the zmq.Context was made before a fork, expected one made in this process: make a new one in the child"
        )
    _own_contexts.add(context)


def _answers(context: zmq.Context[Any]) -> bool:
    """Return whether *context* has its I/O thread in this process, which greets whoever connects."""
    with zmq.Socket(context, zmq.REP) as probe:  # pyright: ignore[reportUnknownMemberType]  # pyzmq's
        probe.linger = 0
        try:
            port = probe.bind_to_random_port("tcp://127.0.0.1")
        except zmq.ZMQError:  # no TCP here, or the context was terminated, which the caller will learn
            return True
        with sockets.create_connection(("127.0.0.1", port), _LONGEST_ANSWER) as connection:
            try:
                return bool(connection.recv(1))
            except TimeoutError:
                return False


def _after_fork_in_child() -> None:
    # The only thread of the child is this one.
    global _own_contexts  # noqa: PLW0603  # None until there was a fork
    _own_contexts = weakref.WeakSet()
    for forkable in list(_watched):
        forkable.after_fork_in_child()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork either
    os.register_at_fork(after_in_child=_after_fork_in_child)
