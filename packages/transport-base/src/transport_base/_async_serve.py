"""The serving loop for coroutine handlers: receives in a thread, handles and replies on the event loop."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Awaitable, Callable
from typing import Generic

from ._async_threads import ended, finished
from ._errors import TransportClosedError, TransportError
from ._further import ClosableServerTransport
from ._interfaces import ContextT
from ._serve import OnError, drop, reply_with, send

AsyncHandler = Callable[[str], Awaitable[str | None]]


async def serve_async(
    server: ClosableServerTransport[ContextT],
    handler: AsyncHandler,
    *,
    tasks: int = 64,
    on_error: OnError | None = None,
) -> None:
    """
    Answer every message with ``await handler(message)``, until *server* is closed.

    A thread receives; each message is handled in a task of its own, which is also what replies. At most *tasks* of them
    exist at once: beyond that no message is received, so that the transport holds clients back as it does for a
    blocking server. Each task has a copy of the caller's ``contextvars``. Returns when the server was closed and every
    task has ended; ``server.close(drain=…)`` works as with :func:`serve`, from any thread (``asyncio.to_thread``).

    A handler that raises, or returns ``None`` or an invalid reply, is treated as by :func:`serve`, as is *on_error*.
    A handler that is cancelled by something else is a failed one.

    Cancelling ends every handler, drops their messages and closes *server*: nothing else wakes the thread that
    receives. No task and no thread outlives the call.

    Args:
        server: The server, with its ``close()``.
        handler: Makes the reply to a message.
        tasks: How many messages are handled at once.
        on_error: Makes the reply to a message whose handler failed. It runs on the event loop.

    Raises:
        TypeError: *tasks* is not an int.
        ValueError: *tasks* is less than 1.
        TransportError: *server* raised one, other than :exc:`TransportClosedError`. The server is closed then.
    """
    if isinstance(tasks, bool) or not isinstance(tasks, int):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"tasks is of type {type(tasks).__name__}, expected int")
    if tasks < 1:
        raise ValueError(f"tasks is {tasks}, expected 1 or more")
    await _Serving(server, handler, tasks, on_error).run()


class _Serving(Generic[ContextT]):
    """One call of :func:`serve_async`. Everything but the receiving thread runs on the event loop."""

    def __init__(
        self,
        server: ClosableServerTransport[ContextT],
        handler: AsyncHandler,
        tasks: int,
        on_error: OnError | None,
    ) -> None:
        self._server = server
        self._handler = handler
        self._on_error = on_error
        # One for each task that may exist: taken before a message is received.
        self._free = threading.Semaphore(tasks)
        self._stopping = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._tasks: set[asyncio.Task[None]] = set()
        # Done when nothing more will be received.
        self._end: asyncio.Future[None] = self._loop.create_future()
        # What failed, other than a handler.
        self._failure: BaseException | None = None

    async def run(self) -> None:
        receiver = threading.Thread(target=self._receive, name="serve-async", daemon=True)
        receiver.start()
        try:
            await self._end
            while self._tasks and self._failure is None:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._stop(receiver)
            raise
        if self._failure is not None:
            await self._stop(receiver)
            raise self._failure
        receiver.join()  # it has nothing more to do

    async def _stop(self, receiver: threading.Thread) -> None:
        """End every task, the server and the thread."""
        self._stopping.set()
        self._free.release()  # for a thread that waits until a task ends
        for task in self._tasks:
            task.cancel()
        cancelled = await ended(set(self._tasks))

        def close() -> None:
            self._server.close()
            receiver.join()

        await finished(close, "serve-async-close")
        if cancelled is not None:
            raise cancelled

    def _receive(self) -> None:
        """Run in the thread: hand each message over to the loop."""
        error: BaseException | None = None
        try:
            while True:
                self._free.acquire()
                if self._stopping.is_set():
                    break
                self._loop.call_soon_threadsafe(self._begin, *self._server.receive_message())
        except TransportClosedError:
            pass
        except BaseException as exc:
            error = exc
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits
            self._loop.call_soon_threadsafe(self._ended, error)

    def _ended(self, error: BaseException | None) -> None:
        self._failure = self._failure or error
        if not self._end.done():
            self._end.set_result(None)

    def _begin(self, context: ContextT, message: str) -> None:
        if self._stopping.is_set():
            with contextlib.suppress(TransportError):
                drop(self._server, context)
            return
        task = self._loop.create_task(self._answer(context, message), context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free.release()
        if (
            not task.cancelled()
            and (error := task.exception()) is not None
            and not isinstance(error, TransportClosedError)
        ):
            self._ended(error)

    async def _answer(self, context: ContextT, message: str) -> None:
        try:
            failure = await self._handle(context, message)
            if failure is None:
                return
            reply_with(self._server, context, message, failure, self._on_error)
        except TransportError:
            raise
        except BaseException:
            # Cancelled, maybe after the reply has left: then there is nothing to drop.
            with contextlib.suppress(TransportError):
                drop(self._server, context)
            raise

    async def _handle(self, context: ContextT, message: str) -> Exception | None:
        try:
            reply = await self._handler(message)
        except asyncio.CancelledError as exc:
            if self._stopping.is_set():
                raise
            failure = RuntimeError("the handler was cancelled")
            failure.__cause__ = exc
            return failure
        except Exception as exc:
            return exc
        return send(self._server, context, reply)
