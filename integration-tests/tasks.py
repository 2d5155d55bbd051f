"""Functions that run in threads of their own while the test goes on."""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

ParamT = ParamSpec("ParamT")
ResultT = TypeVar("ResultT")

# Seconds for anything that has to happen. Never used up, unless something hangs.
DEADLINE = 20.0


class Tasks:
    """Starts functions, each in a thread; :func:`tasks` sees to it that none is left."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def start(
        self, function: Callable[ParamT, ResultT], *args: ParamT.args, **kwargs: ParamT.kwargs
    ) -> "Future[ResultT]":
        future: Future[ResultT] = Future()

        def run() -> None:
            try:
                future.set_result(function(*args, **kwargs))
            except BaseException as exc:
                future.set_exception(exc)

        thread = threading.Thread(target=run, name=f"task-{getattr(function, '__name__', 'call')}", daemon=True)
        self.threads.append(thread)
        thread.start()
        return future


@contextmanager
def tasks(*closing: Callable[[], Any]) -> Generator[Tasks]:
    """Run tasks; at the end call each of *closing*, after which they all must come to an end."""
    started = Tasks()
    try:
        yield started
    finally:
        for close in closing:
            close()
        for thread in started.threads:
            thread.join(DEADLINE)
    left = [thread.name for thread in started.threads if thread.is_alive()]
    assert not left, f"still running after close: {left}"
