"""
Notice a fork: its child has none of the threads that receive.

Web servers that load an application before they fork their workers (gunicorn's ``preload_app``, uWSGI without
``lazy-apps``) leave the receiving loop in the parent, where no request will ever arrive.
"""

import logging
import os
import weakref
from typing import Protocol

_log = logging.getLogger(__name__)


class Forkable(Protocol):
    """What a fork leaves behind in the parent."""

    def after_fork_in_child(self) -> None: ...


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()
_warned_in: list[int] = []


def watch(forkable: Forkable) -> None:
    """Tell *forkable* about every fork from now on, in the child."""
    _watched.add(forkable)


def warn_once() -> None:
    """Log, once in this process, that nobody here receives."""
    if _warned_in != [os.getpid()]:
        _warned_in[:] = [os.getpid()]
        _log.error(
            "the transport was made before a fork and no loop receives in process %d; its clients get status 503. "
            "Start the receiving loop after the fork (gunicorn: preload_app off; uWSGI: lazy-apps)",
            os.getpid(),
        )


def _after_fork_in_child() -> None:
    # The only thread of the child is this one.
    for forkable in list(_watched):
        forkable.after_fork_in_child()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork either
    os.register_at_fork(after_in_child=_after_fork_in_child)
