"""A client for asyncio out of any other client."""

import asyncio
import time
from types import EllipsisType, TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, overload

from ._async_threads import Job, Threads, finished
from ._errors import TransportTimeoutError
from ._further import TimedClientTransport
from ._interfaces import ClientTransport, OneWayClientTransport

ClientT_co = TypeVar("ClientT_co", bound=ClientTransport, covariant=True)

Timeout = float | EllipsisType | None


class ThreadedAsyncClientTransport(Generic[ClientT_co]):
    """
    A client for asyncio that makes the calls of *client* in threads of its own.

    It takes the options that *client* takes: ``expect_reply`` and ``timeout`` where *client* has them. Calls run side
    by side where those of *client* do. *client* is this one's from then on: :meth:`aclose` closes it. Any number of
    tasks may call, also in several event loops.

    Args:
        client: The client. Calls come from several threads at once.
        threads: How many calls are under way at once; further ones wait for one of them to end. Threads are
            started as needed.

    Raises:
        TypeError: *threads* is not an int.
        ValueError: *threads* is less than 1.
    """

    def __init__(self, client: ClientT_co, *, threads: int = 64) -> None:
        if isinstance(threads, bool) or not isinstance(threads, int):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
            raise TypeError(f"threads is of type {type(threads).__name__}, expected int")
        if threads < 1:
            raise ValueError(f"threads is {threads}, expected 1 or more")
        self._client: Any = client
        self._threads = Threads(threads, "async-client")

    @overload
    async def send_message(
        self: "ThreadedAsyncClientTransport[OneWayClientTransport]", message: str, *, expect_reply: Literal[True] = True
    ) -> str: ...

    @overload
    async def send_message(
        self: "ThreadedAsyncClientTransport[OneWayClientTransport]", message: str, *, expect_reply: Literal[False]
    ) -> None: ...

    @overload
    async def send_message(
        self: "ThreadedAsyncClientTransport[OneWayClientTransport]", message: str, *, expect_reply: bool
    ) -> str | None: ...

    @overload
    async def send_message(
        self: "ThreadedAsyncClientTransport[TimedClientTransport]",
        message: str,
        *,
        expect_reply: Literal[True] = True,
        timeout: Timeout,
    ) -> str: ...

    @overload
    async def send_message(
        self: "ThreadedAsyncClientTransport[TimedClientTransport]",
        message: str,
        *,
        expect_reply: Literal[False],
        timeout: Timeout,
    ) -> None: ...

    @overload
    async def send_message(
        self: "ThreadedAsyncClientTransport[TimedClientTransport]",
        message: str,
        *,
        expect_reply: bool,
        timeout: Timeout,
    ) -> str | None: ...

    @overload
    async def send_message(self, message: str) -> str: ...

    async def send_message(self, message: str, *, expect_reply: bool = True, timeout: Timeout = ...) -> str | None:
        """
        Send *message* and wait for the reply, as the client's ``send_message`` does; return what that returns.

        A *timeout* also covers the wait for a free thread: a call that gets none in time has sent nothing. The client's
        own timeout begins when the call does.

        Cancelling ends the wait at once. A message that still waited for a thread is not sent. A call under way
        goes on in its thread until it ends by itself, and its result is discarded: whether the server has handled
        the message is not known.

        Raises:
            TransportClosedError: this client was closed, before the call or during it.
            TransportTimeoutError: no reply in time. The server may have handled the message.
            Exception: whatever else the client raises.
        """
        options: dict[str, Any] = {} if expect_reply else {"expect_reply": False}
        if isinstance(timeout, EllipsisType):
            job = Job(lambda: self._client.send_message(message, **options))
        else:
            job = Job(_Timed(self._client, message, options, timeout))
        self._threads.submit(job)
        try:
            value, error = await job.outcome
        except asyncio.CancelledError:
            self._threads.withdraw(job)
            raise
        if error is not None:
            try:
                raise error
            finally:
                del error  # else its traceback and this frame keep each other
        return value  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        """
        Close this client and the one it was made of; return when all its threads have ended.

        Every call under way ends with :exc:`TransportClosedError`, as does every later one. Closing again does nothing.
        A client without ``close()`` can't be woken: its calls then end in their own time, and this waits for them.
        Cancelling does not cut the wait short.
        """
        self._threads.close()
        await finished(self._end, "async-client-close")

    def _end(self) -> None:
        close = getattr(self._client, "close", None)
        if callable(close):
            close()
        self._threads.join()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


class _Timed:
    """A call with a timeout of its own that begins before a thread is free."""

    def __init__(
        self, client: TimedClientTransport, message: str, options: dict[str, Any], timeout: float | None
    ) -> None:
        self._call: Any = client.send_message
        self._message = message
        self._options = options
        self._timeout = timeout
        self._began = time.monotonic()

    def __call__(self) -> str | None:
        left = self._timeout
        # What is no number of seconds is for the client to refuse.
        if isinstance(left, int | float) and left > 0:
            left -= time.monotonic() - self._began
            if left <= 0:
                raise TransportTimeoutError(f"no free thread within {self._timeout} s; the message was not sent")
        reply: str | None = self._call(self._message, timeout=left, **self._options)
        return reply
