"""Greenlets in a thread of their own, and transports that live there, called from anywhere."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from types import EllipsisType, TracebackType
from typing import Any, Literal, Self, TypeVar, overload

import gevent
import gevent.event
from interfaces import Client, Server

ResultT = TypeVar("ResultT")
Timeout = float | EllipsisType | None

_DEADLINE = 60.0


class Hub:
    """
    A gevent hub in a thread of its own: nothing is monkey-patched, so what blocks the thread blocks the hub.

    To be used as a context manager.
    """

    def __init__(self) -> None:
        self._tasks: deque[Callable[[], None]] = deque()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub")

    def start(self, function: Callable[[], ResultT]) -> "Future[ResultT]":
        """Run *function* in a greenlet; any thread may call this."""
        future: Future[ResultT] = Future()

        def task() -> None:
            try:
                future.set_result(function())
            except BaseException as exc:
                future.set_exception(exc)

        self._tasks.append(task)
        self._bell.send()
        return future

    def run(self, function: Callable[[], ResultT]) -> ResultT:
        """Run *function* in a greenlet and wait for what it returns."""
        return self.start(function).result(_DEADLINE)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(_DEADLINE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.run(self._over.set)
        self._thread.join(_DEADLINE)

    def _run(self) -> None:
        hub = gevent.get_hub()
        self._over = gevent.event.Event()
        self._bell: Any = hub.loop.async_()
        self._bell.start(self._spawn)
        self._ready.set()
        self._over.wait()
        gevent.sleep(0)  # lets the greenlet that set it end
        self._bell.stop()
        self._bell.close()
        hub.destroy(destroy_loop=True)

    def _spawn(self) -> None:
        while self._tasks:
            gevent.spawn(self._tasks.popleft())


class GreenServer:
    """A server that lives in a hub: each call runs there, in a greenlet, while the calling thread waits for it."""

    def __init__(self, hub: Hub, server: Server[Any]) -> None:
        self._hub = hub
        self._server = server

    def receive_message(self, timeout: float | None = None) -> tuple[Any, str]:
        return self._hub.run(lambda: self._server.receive_message(timeout))

    def send_reply(self, context: Any, reply: str) -> None:
        self._hub.run(lambda: self._server.send_reply(context, reply))

    def drop(self, context: Any) -> None:
        self._hub.run(lambda: self._server.drop(context))

    def close(self, drain: float = 0) -> None:
        self._hub.run(lambda: self._server.close(drain))

    def __enter__(self) -> Self:
        self._hub.run(self._server.__enter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._hub.run(lambda: self._server.__exit__(kind, error, traceback))


class GreenClient:
    """A client that lives in a hub, likewise."""

    def __init__(self, hub: Hub, client: Client) -> None:
        self._hub = hub
        self._client = client

    @overload
    def send_message(self, message: str, *, expect_reply: Literal[True] = True, timeout: Timeout = ...) -> str: ...

    @overload
    def send_message(self, message: str, *, expect_reply: Literal[False], timeout: Timeout = ...) -> None: ...

    @overload
    def send_message(self, message: str, *, expect_reply: bool, timeout: Timeout = ...) -> str | None: ...

    def send_message(self, message: str, *, expect_reply: bool = True, timeout: Timeout = ...) -> str | None:
        return self._hub.run(lambda: self._client.send_message(message, expect_reply=expect_reply, timeout=timeout))

    def close(self) -> None:
        self._hub.run(self._client.close)

    def __enter__(self) -> Self:
        self._hub.run(self._client.__enter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._hub.run(lambda: self._client.__exit__(kind, error, traceback))
