"""What callers may pass: each wrong argument is named at once, with the value seen and the value wanted."""

import queue
import threading
from collections.abc import Callable
from typing import Any

from ._queues import WaitingQueue


def checked_count(name: str, value: object) -> int:
    """Return *value* if it is a whole number from 1 on."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a {type(value).__name__}, expected int")
    if value < 1:
        raise ValueError(f"{name} is {value}, expected 1 or more")
    return value


def checked_seconds(name: str, value: object) -> float | None:
    """Return *value* if it is a number of seconds from 0 on; ``None`` if it is that, or beyond what a wait can last."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a {type(value).__name__}, expected seconds as float, or None")
    if not value >= 0:  # not a number is neither
        raise ValueError(f"{name} is {value}, expected 0 or more seconds")
    return value if value <= threading.TIMEOUT_MAX else None


def checked_content_type(value: object) -> str:
    """Return *value* if it can stand in a header."""
    if not isinstance(value, str):
        raise TypeError(f"content_type is a {type(value).__name__}, expected str")
    if not (value.strip() and value.isascii() and value.isprintable()):
        raise ValueError(f"content_type is {value!r}, expected one line of printable ASCII")
    return value


def checked_queues(queue_class: Callable[[], WaitingQueue]) -> tuple[WaitingQueue, Callable[[], WaitingQueue]]:
    """Return a first queue and what makes more of its kind, if queues are what *queue_class* makes."""
    if not callable(queue_class):
        raise TypeError(f"queue_class is {queue_class!r}, expected a class of queues")
    try:
        made = queue_class()
    except TypeError as exc:
        raise TypeError(f"queue_class is {queue_class!r}, expected one to call without arguments: {exc}") from exc
    for method in ("put", "get", "qsize"):
        if not callable(getattr(made, method, None)):
            raise TypeError(
                f"queue_class makes a {type(made).__name__} without {method}(), expected a queue such as queue.Queue"
            )
    if type(made) is queue.Queue:
        # It blocks for ever when garbage collection, or a signal, puts to it what ends a wait amid that wait's steps.
        # SimpleQueue was made for this and waits for the same threads. (Looked up now: gevent may have patched it.)
        reentrant: type[queue.SimpleQueue[Any]] = queue.SimpleQueue
        return reentrant(), reentrant
    return made, queue_class
