"""serve_async(): what it promises whatever the transport."""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import pytest
from memory_transport import MemoryClient, MemoryServer

from transport_base import TransportClosedError, TransportConnectionError, TransportContextError, serve_async

LIMIT = 10.0  # seconds that no wait here comes near to

Handler = Callable[[str], Awaitable[str | None]]


def ask(server: MemoryServer, message: str) -> "asyncio.Future[str | None]":
    """Send *message* in a thread of its own."""
    call: Future[str | None] = Future()

    def run() -> None:
        try:
            call.set_result(MemoryClient(server, LIMIT).send_message(message))
        except BaseException as exc:
            call.set_exception(exc)

    threading.Thread(target=run, name="caller", daemon=True).start()
    return asyncio.wrap_future(call)


def run(main: Callable[[MemoryServer], Awaitable[None]], server: MemoryServer | None = None) -> None:
    """Run *main* with a server; afterwards, no task and no thread of ours is left."""

    async def all_of_it() -> None:
        opened = server or MemoryServer()
        await asyncio.wait_for(main(opened), LIMIT)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(all_of_it())
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("serve-async")] == []


async def echo(message: str) -> str:
    return message


def test_handlers_run_side_by_side_and_no_more_than_the_limit() -> None:
    async def main(server: MemoryServer) -> None:
        begun: list[str] = []
        go_on = asyncio.Event()

        async def handler(message: str) -> str:
            begun.append(message)
            await go_on.wait()
            return message

        serving = asyncio.create_task(serve_async(server, handler, tasks=3))
        calls = [ask(server, f"message {number}") for number in range(5)]
        while len(begun) < 3 or len(server.inbox) < 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        assert len(begun) == 3  # what is beyond the limit waits in the transport
        assert len(server.inbox) == 2
        go_on.set()
        assert await asyncio.gather(*calls) == [f"message {number}" for number in range(5)]
        server.close()
        await serving

    run(main)


def test_none_is_the_empty_reply() -> None:
    async def main(server: MemoryServer) -> None:
        async def handler(_message: str) -> None:
            return None

        serving = asyncio.create_task(serve_async(server, handler))
        assert await ask(server, "a notification") == ""
        server.close()
        await serving

    run(main)


def failing(message: str) -> Awaitable[str]:
    raise RuntimeError("not even a coroutine")


async def raising(message: str) -> str:
    raise RuntimeError("on purpose")


async def no_text(message: str) -> Any:
    return b"bytes"


async def cancelling(message: str) -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)
    return message


@pytest.mark.parametrize("handler", [failing, raising, no_text, cancelling], ids=lambda handler: handler.__name__)
def test_message_of_a_failed_handler_is_dropped_and_the_loop_goes_on(
    handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(server: MemoryServer) -> None:
        async def one_of_them(message: str) -> str | None:
            return await (handler if message == "bad" else echo)(message)

        serving = asyncio.create_task(serve_async(server, one_of_them))
        with pytest.raises(TransportConnectionError, match="dropped"):
            await ask(server, "bad")
        assert await ask(server, "good") == "good"
        server.close()
        await serving

    run(main)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "handler failed; dropped the message"
    ]


def test_on_error_makes_the_reply() -> None:
    async def main(server: MemoryServer) -> None:
        serving = asyncio.create_task(
            serve_async(server, raising, on_error=lambda message, error: f"{message}: {error}")
        )
        assert await ask(server, "message") == "message: on purpose"
        server.close()
        await serving

    run(main)


def test_on_error_that_fails_drops_the_message() -> None:
    async def main(server: MemoryServer) -> None:
        def on_error(message: str, error: Exception) -> str:
            raise ZeroDivisionError

        serving = asyncio.create_task(serve_async(server, raising, on_error=on_error))
        with pytest.raises(TransportConnectionError, match="dropped"):
            await ask(server, "message")
        server.close()
        await serving

    run(main)


def test_each_handler_has_a_copy_of_the_callers_context_variables() -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    async def main(server: MemoryServer) -> None:
        async def handler(message: str) -> str:
            before = variable.get()
            variable.set(message)
            await asyncio.sleep(0)
            return f"{before}, then {variable.get()}"

        variable.set("of the caller")
        serving = asyncio.create_task(serve_async(server, handler))
        for message in ("one", "two"):
            assert await ask(server, message) == f"of the caller, then {message}"
        server.close()
        await serving
        assert variable.get() == "of the caller"

    run(main)


def test_cancelling_ends_the_handlers_drops_their_messages_and_closes_the_server() -> None:
    ended: list[str] = []

    async def main(server: MemoryServer) -> None:
        async def handler(message: str) -> str:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)  # cleaning up takes its time
                ended.append(message)
            return message

        serving = asyncio.create_task(serve_async(server, handler))
        calls = [ask(server, f"message {number}") for number in range(3)]
        while len(server.owed) < 3:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [str(end) for end in ends] == ["the server dropped the message"] * 3
        with pytest.raises(TransportClosedError):
            server.receive_message(0)

    run(main)
    assert sorted(ended) == ["message 0", "message 1", "message 2"]


def test_cancelling_when_nothing_is_under_way_and_when_all_tasks_are_taken() -> None:
    for taken in (False, True):

        async def main(server: MemoryServer, taken: bool = taken) -> None:
            begun = asyncio.Event()

            async def handler(message: str) -> str:
                begun.set()
                await asyncio.Event().wait()
                return message

            serving = asyncio.create_task(serve_async(server, handler, tasks=1))
            calls = [ask(server, "message")] if taken else []
            if taken:
                await begun.wait()
            await asyncio.sleep(0.01)
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving
            for call in calls:
                with suppress(TransportConnectionError):
                    await call

        run(main)


def test_close_lets_handlers_end_by_themselves() -> None:
    ended: list[str] = []

    async def main(server: MemoryServer) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def handler(message: str) -> str:
            begun.set()
            await go_on.wait()
            ended.append(message)
            return message

        serving = asyncio.create_task(serve_async(server, handler))
        call = ask(server, "message")
        await begun.wait()
        server.close()
        with pytest.raises(TransportConnectionError):
            await call
        assert not serving.done()
        go_on.set()
        await serving

    run(main)
    assert ended == ["message"]


def test_drain_answers_what_is_under_way() -> None:
    async def main(server: MemoryServer) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def handler(message: str) -> str:
            begun.set()
            await go_on.wait()
            return message

        serving = asyncio.create_task(serve_async(server, handler, tasks=1))
        calls = [ask(server, "one"), ask(server, "two")]
        await begun.wait()
        while not server.inbox:
            await asyncio.sleep(0.001)
        closing = asyncio.create_task(asyncio.to_thread(server.close, LIMIT))
        while not server.draining:
            await asyncio.sleep(0.001)
        go_on.set()
        assert sorted(await asyncio.gather(*calls)) == ["one", "two"]  # type: ignore[type-var]
        await closing
        await serving

    run(main)


class Failing(MemoryServer):
    def send_reply(self, context: Any, reply: str) -> None:
        raise TransportContextError("a fault of the server")


def test_error_of_the_server_ends_all_and_is_raised() -> None:
    async def main(server: MemoryServer) -> None:
        serving = asyncio.create_task(serve_async(server, echo))
        call = ask(server, "message")
        with pytest.raises(TransportContextError, match="a fault of the server"):
            await serving
        with pytest.raises(TransportConnectionError):
            await call

    run(main, Failing())


class Deaf(MemoryServer):
    def receive_message(self, timeout: float | None = None) -> tuple[Any, str]:
        raise TransportConnectionError("the address is in use")


def test_error_of_receiving_is_raised() -> None:
    async def main(server: MemoryServer) -> None:
        with pytest.raises(TransportConnectionError, match="the address is in use"):
            await serve_async(server, echo)

    run(main, Deaf())


@pytest.mark.parametrize(("tasks", "error"), [(0, ValueError), (True, TypeError), ("2", TypeError)], ids=repr)
def test_invalid_number_of_tasks_is_refused(tasks: Any, error: type[Exception]) -> None:
    async def main(server: MemoryServer) -> None:
        with pytest.raises(error, match="tasks is "):
            await serve_async(server, echo, tasks=tasks)

    run(main)
