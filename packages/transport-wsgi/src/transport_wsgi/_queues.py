"""The queues to wait on, which belong to a concurrency model: threads, or greenlets."""

import queue
from collections.abc import Callable
from typing import Any, Protocol


class WaitingQueue(Protocol):
    """
    A queue whose ``get`` blocks one thread, or one greenlet, and finally raises :exc:`queue.Empty`.

    ``queue.SimpleQueue`` and ``gevent.queue.Queue`` are such queues.
    """

    def put(self, item: Any, /) -> object:
        """
        Add *item*, never waiting for room.

        Must be reentrant: a signal handler may call it between the steps of any other method.
        """
        ...

    def get(self, block: bool, timeout: float | None, /) -> Any:
        """Take the oldest item; wait for one *timeout* seconds, or for ever, or not at all."""
        ...

    def qsize(self) -> int:
        """Return how many items are there."""
        ...


def checked_queues(queue_class: Callable[[], WaitingQueue]) -> tuple[WaitingQueue, Callable[[], WaitingQueue]]:
    """Return a first queue and what makes more of its kind, if *queue_class* makes queues that will do."""
    if not callable(queue_class):
        raise TypeError(f"queue_class is {queue_class!r}, expected a class of queues such as queue.SimpleQueue")
    try:
        made = queue_class()
    except TypeError as exc:
        raise TypeError(f"queue_class is {queue_class!r}, expected one to call without arguments: {exc}") from exc
    kind = type(made).__name__
    for method in ("put", "get", "qsize"):
        if not callable(getattr(made, method, None)):
            raise TypeError(
                f"queue_class makes a {kind} without {method}(), expected a queue such as queue.SimpleQueue"
            )
    if queue.Queue.__module__ == "queue" and isinstance(made, queue.Queue):  # gevent may have put its own there
        # The lock in it is not reentrant, so a signal handler that closes the transport could block for ever.
        raise ValueError(
            f"queue_class makes a {kind}, whose put() can deadlock in a signal handler, "
            "expected queue.SimpleQueue, which waits for the same threads"
        )
    if getattr(made, "maxsize", None):
        raise ValueError(f"queue_class makes a {kind} with a maxsize, expected a queue whose put() never waits")
    if not _is_first_in_first_out(made):
        raise ValueError(
            f"queue_class makes a {kind}, which does not give back the objects put into it, oldest first, "
            "expected a queue within one process, such as queue.SimpleQueue"
        )
    return made, queue_class


def _is_first_in_first_out(made: WaitingQueue) -> bool:
    first, second = object(), object()
    try:
        made.put(first)
        made.put(second)
        return made.get(False, None) is first and made.get(False, None) is second
    except Exception:  # multiprocessing's may be Empty still, a priority queue's cannot compare
        return False
