"""The queue that a concurrency model brings along: what is asked of it."""

from typing import Any, Protocol


class WaitingQueue(Protocol):
    """
    A queue whose ``get`` blocks one thread, or one greenlet, and raises :exc:`queue.Empty` in the end.

    ``queue.SimpleQueue``, ``queue.Queue`` and ``gevent.queue.Queue`` are such queues.
    """

    def put(self, item: Any, /) -> object:
        """Add *item*, never waiting for room."""
        ...

    def get(self, block: bool, timeout: float | None, /) -> Any:
        """Take an item; wait for one *timeout* seconds, or for ever, or not at all."""
        ...

    def qsize(self) -> int:
        """Tell how many items are there."""
        ...
