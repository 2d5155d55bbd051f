"""A server in a thread of the client's process, for addresses that don't leave it."""

import queue
import threading
from collections.abc import Callable
from typing import Any


def beside(serve: Callable[..., None], **options: Any) -> str:
    """Start *serve* and return its address."""
    address: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=serve, args=(address.put,), kwargs=options, daemon=True).start()
    return address.get(timeout=10)
