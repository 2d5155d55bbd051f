"""Threads that make blocking calls for coroutines."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

from ._errors import TransportClosedError, TransportError


class Job:
    """One blocking call, and the coroutine that waits for it."""

    __slots__ = ("_context", "_function", "_loop", "outcome")

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._context: Context = copy_context()
        self._loop = asyncio.get_running_loop()
        # Holds what the call returned and what it raised: an exception of its own would be logged if nobody awaits it.
        self.outcome: asyncio.Future[tuple[Any, BaseException | None]] = self._loop.create_future()

    def run(self) -> None:
        """Make the call, in a thread."""
        try:
            value = self._context.run(self._function)
        except BaseException as exc:
            self.settle(None, exc)
        else:
            self.settle(value, None)

    def settle(self, value: object, error: BaseException | None) -> None:
        """Wake the coroutine; any thread may call this, and only the first time counts."""
        # RuntimeError: the loop was closed, so nobody waits any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, (value, error))

    def _settle(self, outcome: tuple[Any, BaseException | None]) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class Threads:
    """At most *limit* threads, each started when a job finds no idle one."""

    def __init__(self, limit: int, name: str) -> None:
        self._limit = limit
        self._name = name
        # Guards all that follows. Idle threads wait on it for a job.
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._running: set[Job] = set()
        self._idle = 0
        self._threads: list[threading.Thread] = []
        self._closed = False

    def submit(self, job: Job) -> None:
        """Have *job* run as soon as a thread is free."""
        with self._changed:
            if self._closed:
                raise closed_error()
            self._jobs.append(job)
            # An idle thread that was notified counts as idle until it takes its job, which is still in the list then.
            if len(self._jobs) <= self._idle:
                self._changed.notify()
            elif len(self._threads) < self._limit:
                # A daemon: a program that forgets to close ends all the same.
                name = f"{self._name}-{len(self._threads) + 1}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                try:
                    thread.start()
                except RuntimeError as exc:  # out of threads
                    if not self._threads:  # else one of them comes to it
                        self._jobs.remove(job)
                        raise TransportError(f"cannot start a thread for the call ({exc}); nothing was sent") from exc
                else:
                    self._threads.append(thread)

    def withdraw(self, job: Job) -> None:
        """Forget *job*, unless it has begun."""
        with self._changed, contextlib.suppress(ValueError):
            self._jobs.remove(job)

    def close(self) -> None:
        """Take no more jobs, end those that wait and those that run for whoever waits for them."""
        with self._changed:
            self._closed = True
            ended = [*self._jobs, *self._running]
            self._jobs.clear()
            self._changed.notify_all()
        for job in ended:
            job.settle(None, closed_error())

    def join(self) -> None:
        """Wait until each thread has ended, once closed."""
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job.run()
            with self._changed:
                self._running.discard(job)
            # Not kept while waiting: it holds the message.
            del job

    def _next(self) -> Job | None:
        with self._changed:
            while not self._jobs and not self._closed:
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            if not self._jobs:
                return None
            job = self._jobs.popleft()
            self._running.add(job)
            return job


def closed_error() -> TransportClosedError:
    """Return the error of whoever uses the client after its end."""
    return TransportClosedError("the client was closed, expected an open one")


async def finished(function: Callable[[], object], name: str) -> None:
    """Run *function* in a thread of its own and wait for its end, even when cancelled meanwhile; re-raise its error."""
    job = Job(function)
    thread = threading.Thread(target=job.run, name=name, daemon=True)
    thread.start()
    cancelled = await ended({job.outcome})
    thread.join()  # it has nothing more to do
    error = job.outcome.result()[1]
    if error is not None:
        raise error
    if cancelled is not None:
        raise cancelled


async def ended(futures: set[asyncio.Future[Any]]) -> asyncio.CancelledError | None:
    """Wait until all of *futures* are done, even when cancelled meanwhile; return the cancellation."""
    cancelled: asyncio.CancelledError | None = None
    while not all(future.done() for future in futures):
        try:
            await asyncio.wait(futures)
        except asyncio.CancelledError as exc:
            cancelled = exc
    return cancelled
