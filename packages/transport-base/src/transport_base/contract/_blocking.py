"""An event loop in a thread of its own, and clients that live there, called from any thread."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

ResultT = TypeVar("ResultT")


class LoopThread:
    """
    An event loop in a thread, for the suite to call native asyncio transports, as a context manager.

    Args:
        loop_factory: Makes the loop; ``None`` for asyncio's own.
    """

    def __init__(self, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
        self._loop = (loop_factory or asyncio.new_event_loop)()
        self._thread = threading.Thread(target=self._run, name="loop", daemon=True)

    def run(self, coroutine: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run *coroutine* in the loop and wait for what it returns; any other thread may call this."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def client(self, client: Any) -> Any:
        """Return a client for the suite that calls *client*, one for asyncio with an ``aclose()``."""
        return _BlockingClient(self, client)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _BlockingClient:
    def __init__(self, loop: LoopThread, client: Any) -> None:
        self._loop = loop
        self._client = client

    def send_message(self, message: str, **options: Any) -> Any:
        return self._loop.run(self._client.send_message(message, **options))

    def close(self) -> None:
        self._loop.run(self._client.aclose())

    def __enter__(self) -> Self:
        self._loop.run(self._client.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.run(self._client.__aexit__(kind, error, traceback))
