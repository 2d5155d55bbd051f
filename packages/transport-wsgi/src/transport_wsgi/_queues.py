"""The queue that a concurrency model brings along: what is asked of it."""

from typing import Any, Protocol


class WaitingQueue(Protocol):
    """
    A queue whose ``get`` blocks one thread, or one greenlet, and raises :exc:`queue.Empty` in the end.

    ``queue.SimpleQueue`` and ``gevent.queue.Queue`` are such queues; ``queue.Queue`` is replaced by the first.
    """

    def put(self, item: Any, /) -> object:
        """
        Add *item*, never waiting for room.

        Must be reentrant: garbage collection and signal handlers call it amid the other methods, in one thread.
        """
        ...

    def get(self, block: bool, timeout: float | None, /) -> Any:
        """Take an item; wait for one *timeout* seconds, or for ever, or not at all."""
        ...

    def qsize(self) -> int:
        """Tell how many items are there."""
        ...
