"""From a function that makes one call to a load of many, in one thread or in several."""

import threading
from collections.abc import Callable
from itertools import repeat
from typing import Any

Call = Callable[[Any], Any]
Run = Callable[[Any, int], None]


def load(connect: Callable[[], Call], threads: int = 1, *, shared: bool = False, takes: type = bytes) -> Run:
    """
    Return a ``run`` whose *threads* make their calls side by side; its count is a multiple of them.

    *connect* makes the call for each thread, or one for all where it is *shared*. A call that takes bytes is
    given the encoding and decoding that its user would have to write when the message is a ``str``.
    """
    calls = [connect()] * threads if shared else [connect() for _ in range(threads)]

    def as_text(call: Call) -> Call:
        return lambda message: call(message.encode()).decode()

    def run(message: Any, count: int) -> None:
        todo = [as_text(call) for call in calls] if isinstance(message, str) and takes is bytes else calls
        if threads == 1:
            _repeat(todo[0], message, count)
            return
        errors: list[BaseException] = []
        each = count // threads
        workers = [threading.Thread(target=_try, args=(call, message, each, errors)) for call in todo]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if errors:
            raise errors[0]

    return run


def _repeat(call: Call, message: Any, count: int) -> None:
    for _ in repeat(None, count):
        reply = call(message)
    if reply != message:
        raise AssertionError("the reply is not the message")


def _try(call: Call, message: Any, count: int, errors: list[BaseException]) -> None:
    try:
        _repeat(call, message, count)
    except BaseException as exc:
        errors.append(exc)
