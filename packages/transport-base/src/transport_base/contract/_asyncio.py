"""The level "asyncio"."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from .._async_client import ThreadedAsyncClientTransport
from .._async_serve import serve_async
from .._errors import TransportClosedError
from ._calls import BrokenPromiseError, show
from ._pair import Suite
from ._promise import promise
from ._trial import Trial

SEND = ThreadedAsyncClientTransport[Any].send_message
ACLOSE = ThreadedAsyncClientTransport[Any].aclose


class Asyncio(Suite):
    """The transport works in coroutines, by way of threads."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Make the event loop: asyncio's own, unless overridden."""
        return asyncio.new_event_loop()

    def _run(self, pair: Trial, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run *main* in a loop of its own, in a thread."""

        def run() -> None:
            with asyncio.Runner(loop_factory=self.new_event_loop) as runner:
                runner.run(main())

        error = pair.start(run).outcome()[1]
        if isinstance(error, BrokenPromiseError):
            raise error
        if error is not None:
            raise BrokenPromiseError(f"the event loop ended by {error!r}") from error

    @promise("asyncio", "close", by=SEND)
    def test_many_calls_of_coroutines_get_their_own_replies(self, pair: Trial) -> None:
        """Many calls at once from coroutines, handled by coroutines, each get their own reply."""

        async def handler(message: str) -> str:
            await asyncio.sleep(0)
            return f"reply to {message}"

        async def main() -> None:
            async with ThreadedAsyncClientTransport(pair.client(), threads=8) as client:
                serving = asyncio.create_task(serve_async(pair.server, handler, tasks=8))
                messages = [f"message {number}" for number in range(40)]
                replies = await asyncio.gather(*map(client.send_message, messages))
                if replies != [f"reply to {message}" for message in messages]:
                    raise BrokenPromiseError(f"the replies were {show(replies)}, expected that to each message")
                await asyncio.to_thread(pair.server.close)
                await serving

        self._run(pair, main)

    @promise("asyncio", "close", by=SEND)
    def test_cancelled_call_ends_at_once_and_the_client_works_on(self, pair: Trial) -> None:
        """A coroutine whose call is cancelled goes on at once, and the client works on."""

        async def main() -> None:
            async with ThreadedAsyncClientTransport(pair.client(self.deadline)) as client:
                call = asyncio.create_task(client.send_message("cancelled"))
                context, _ = await asyncio.to_thread(pair.receive, "cancelled")
                call.cancel()
                done, _pending = await asyncio.wait([call], timeout=self.deadline / 2)
                if not done or not call.cancelled():
                    raise BrokenPromiseError(f"a cancelled call was {call!r}, expected a cancelled task")
                await asyncio.to_thread(pair.reply, context, "nobody wants to know")
                call = asyncio.create_task(client.send_message("next"))
                context, _ = await asyncio.to_thread(pair.receive, "next")
                await asyncio.to_thread(pair.reply, context, "its own reply")
                if (reply := await call) != "its own reply":
                    raise BrokenPromiseError(f"the next call returned {show(reply)}, expected 'its own reply'")

        self._run(pair, main)

    @promise("asyncio", "close", by=ACLOSE)
    def test_aclose_wakes_every_coroutine_and_leaves_no_thread(self, pair: Trial) -> None:
        """aclose() ends every call of coroutines with TransportClosedError, and leaves no thread behind."""

        async def main() -> None:
            client = ThreadedAsyncClientTransport(pair.client())
            calls = [asyncio.create_task(client.send_message(f"message {number}")) for number in range(3)]
            await asyncio.to_thread(pair.receive)
            await client.aclose()
            ends = await asyncio.gather(*calls, client.send_message("too late"), return_exceptions=True)
            if [type(end) for end in ends] != [TransportClosedError] * 4:
                raise BrokenPromiseError(f"the calls ended by {ends}, expected TransportClosedError")
            left = [thread.name for thread in threading.enumerate() if thread.name.startswith("async-client-")]
            if left:
                raise BrokenPromiseError(f"the threads {left} were left after aclose()")

        self._run(pair, main)

    @promise("asyncio", "close", by=serve_async)
    def test_cancelled_serve_async_ends(self, pair: Trial) -> None:
        """Cancelling serve_async() ends its handlers, closes the server, and leaves no thread behind."""

        async def main() -> None:
            began = asyncio.Event()

            async def handler(_message: str) -> str:
                began.set()
                await asyncio.Event().wait()
                return "never"

            serving = asyncio.create_task(serve_async(pair.server, handler))
            client = pair.client()
            call = pair.start(client.send_message, "message")
            await asyncio.wait_for(began.wait(), self.deadline)
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait_for(serving, self.deadline)
            pair.start(pair.server.receive_message).raises(TransportClosedError)
            await asyncio.to_thread(client.close)
            call.outcome()
            if any(thread.name == "serve-async" for thread in threading.enumerate()):
                raise BrokenPromiseError("the thread of serve_async() was left")

        self._run(pair, main)
