"""The client for asyncio: what it adds to the client that it is made of."""

import asyncio
import contextvars
import threading
import time
from typing import Any

import pytest
from memory_transport import MemoryClient, MemoryServer

from transport_base import (
    ThreadedAsyncClientTransport,
    TransportClosedError,
    TransportError,
    TransportTimeoutError,
    serve,
)

LIMIT = 10.0  # seconds that no wait here comes near to


class Recorder:
    """A client that keeps what it was called with, and blocks until told to go on."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.threads: set[threading.Thread] = set()
        self.go_on = threading.Event()
        self.begun = threading.Semaphore(0)

    def send_message(self, message: str, **options: Any) -> str:
        self.calls.append((message, options))
        self.threads.add(threading.current_thread())
        self.begun.release()
        assert self.go_on.wait(LIMIT)
        return message


def left() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("async-client")]


def test_options_reach_the_client_only_where_they_were_given() -> None:
    recorder = Recorder()
    recorder.go_on.set()

    async def main() -> None:
        async with ThreadedAsyncClientTransport[Any](recorder) as client:
            await client.send_message("plain")
            await client.send_message("one way", expect_reply=False)
            await client.send_message("for ever", timeout=None)
            await client.send_message("timed", timeout=LIMIT)

    asyncio.run(main())
    assert recorder.calls[:3] == [("plain", {}), ("one way", {"expect_reply": False}), ("for ever", {"timeout": None})]
    assert 0 < recorder.calls[3][1]["timeout"] <= LIMIT
    assert left() == []


def test_threads_are_started_as_needed_and_no_more_than_the_limit() -> None:
    recorder = Recorder()

    async def main() -> None:
        async with ThreadedAsyncClientTransport(recorder, threads=3) as client:
            assert left() == []
            calls = [asyncio.create_task(client.send_message("message")) for _ in range(10)]
            for _ in range(3):
                assert await asyncio.to_thread(recorder.begun.acquire, timeout=LIMIT)
            assert len(left()) == 3
            assert len(recorder.calls) == 3
            recorder.go_on.set()
            assert await asyncio.gather(*calls) == ["message"] * 10
            for _ in range(10):
                await client.send_message("one after the other")
            assert len(recorder.threads) == 3

    asyncio.run(main())
    assert left() == []


def test_idle_thread_is_taken_before_another_is_started() -> None:
    recorder = Recorder()
    recorder.go_on.set()

    async def main() -> None:
        async with ThreadedAsyncClientTransport(recorder) as client:
            for _ in range(20):
                await client.send_message("message")
                while not client._threads._idle:  # pyright: ignore[reportPrivateUsage]
                    await asyncio.sleep(0)
            assert len(recorder.threads) == 1

    asyncio.run(main())


def test_call_that_is_cancelled_while_it_waits_for_a_thread_is_not_sent() -> None:
    recorder = Recorder()

    async def main() -> None:
        async with ThreadedAsyncClientTransport(recorder, threads=1) as client:
            first = asyncio.create_task(client.send_message("first"))
            assert await asyncio.to_thread(recorder.begun.acquire, timeout=LIMIT)
            second = asyncio.create_task(client.send_message("second"))
            await asyncio.sleep(0)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            recorder.go_on.set()
            assert await first == "first"
            assert await client.send_message("third") == "third"

    asyncio.run(main())
    assert [message for message, _ in recorder.calls] == ["first", "third"]


def test_timeout_covers_the_wait_for_a_thread() -> None:
    recorder = Recorder()

    async def main() -> None:
        async with ThreadedAsyncClientTransport[Any](recorder, threads=1) as client:
            first = asyncio.create_task(client.send_message("first"))
            assert await asyncio.to_thread(recorder.begun.acquire, timeout=LIMIT)
            second = asyncio.create_task(client.send_message("second", timeout=0.05))
            await asyncio.sleep(0.1)
            recorder.go_on.set()
            with pytest.raises(TransportTimeoutError, match="the message was not sent"):
                await second
            await first

    asyncio.run(main())
    assert [message for message, _ in recorder.calls] == ["first"]


def test_aclose_ends_calls_under_way_and_those_that_wait_for_a_thread() -> None:
    server = MemoryServer()

    async def main() -> None:
        client = ThreadedAsyncClientTransport[Any](MemoryClient(server), threads=2)
        calls = [asyncio.create_task(client.send_message(f"message {number}")) for number in range(5)]
        for _ in range(2):
            await asyncio.to_thread(server.receive_message, LIMIT)
        await asyncio.gather(client.aclose(), client.aclose())
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(end) for end in ends] == [TransportClosedError] * 5
        with pytest.raises(TransportClosedError):
            await client.send_message("too late")
        await client.aclose()
        assert left() == []
        # The loop is as it was.
        assert await asyncio.to_thread(str, 1) == "1"

    asyncio.run(main())


def test_cancelled_aclose_has_closed_all_the_same() -> None:
    server = MemoryServer()

    async def main() -> None:
        client = ThreadedAsyncClientTransport[Any](MemoryClient(server))
        call = asyncio.create_task(client.send_message("message"))
        await asyncio.to_thread(server.receive_message, LIMIT)
        closing = asyncio.create_task(client.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(TransportClosedError):
            await call
        assert left() == []

    asyncio.run(main())


def test_client_without_close_ends_its_calls_by_itself() -> None:
    recorder = Recorder()

    async def main() -> None:
        client = ThreadedAsyncClientTransport(recorder)
        call = asyncio.create_task(client.send_message("message"))
        assert await asyncio.to_thread(recorder.begun.acquire, timeout=LIMIT)
        closing = asyncio.create_task(client.aclose())
        with pytest.raises(TransportClosedError):
            await call
        assert not closing.done()
        recorder.go_on.set()
        await closing
        assert left() == []

    asyncio.run(main())


@pytest.mark.parametrize("error", [TypeError("no str"), StopIteration("odd"), SystemExit(3)], ids=repr)
def test_whatever_the_client_raises_reaches_the_coroutine(error: BaseException) -> None:
    class Failing:
        def send_message(self, message: str) -> str:
            raise error

    async def main() -> None:
        async with ThreadedAsyncClientTransport(Failing()) as client:
            # A coroutine can't raise StopIteration: Python makes it a RuntimeError.
            with pytest.raises((type(error), RuntimeError)):
                await client.send_message("message")

    asyncio.run(main())


def test_call_sees_the_context_variables_of_its_coroutine() -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    class Reader:
        def send_message(self, message: str) -> str:
            return message + variable.get()

    async def main() -> None:
        variable.set("set")
        async with ThreadedAsyncClientTransport(Reader()) as client:
            assert await client.send_message("is ") == "is set"

    asyncio.run(main())


def test_one_client_serves_several_loops() -> None:
    server = MemoryServer()
    serving = threading.Thread(target=serve, args=(server, str.upper), kwargs={"threads": 2})
    serving.start()
    client = ThreadedAsyncClientTransport[Any](MemoryClient(server, LIMIT))
    replies: list[str] = []

    async def main() -> None:
        replies.extend(await asyncio.gather(*[client.send_message(f"message {number}") for number in range(20)]))

    loops = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(2)]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join()
    asyncio.run(client.aclose())
    server.close()
    serving.join()
    assert sorted(replies) == sorted([f"MESSAGE {number}" for number in range(20)] * 2)


def test_event_loop_may_end_before_the_call_does() -> None:
    recorder = Recorder()
    client = ThreadedAsyncClientTransport(recorder)

    async def main() -> None:
        task = asyncio.create_task(client.send_message("abandoned"))
        assert await asyncio.to_thread(recorder.begun.acquire, timeout=LIMIT)
        task.cancel()

    asyncio.run(main())
    recorder.go_on.set()
    asyncio.run(client.aclose())
    assert left() == []


@pytest.mark.parametrize("threads", [0, -1], ids=repr)
def test_threads_out_of_range_are_a_value_error(threads: int) -> None:
    with pytest.raises(ValueError, match=f"threads is {threads}, expected 1 or more"):
        ThreadedAsyncClientTransport(Recorder(), threads=threads)


@pytest.mark.parametrize("threads", [True, "2", 1.5, None], ids=repr)
def test_threads_that_are_no_int_are_a_type_error(threads: Any) -> None:
    with pytest.raises(TypeError, match="threads is of type"):
        ThreadedAsyncClientTransport(Recorder(), threads=threads)


def test_waiting_takes_no_processor_time() -> None:
    """Threads and loop sleep while a call is under way."""
    recorder = Recorder()

    async def main() -> float:
        async with ThreadedAsyncClientTransport(recorder) as client:
            call = asyncio.create_task(client.send_message("message"))
            assert await asyncio.to_thread(recorder.begun.acquire, timeout=LIMIT)
            start = time.process_time()
            await asyncio.sleep(0.5)
            used = time.process_time() - start
            recorder.go_on.set()
            await call
            return used

    assert asyncio.run(main()) < 0.25


def test_call_for_which_no_thread_can_be_started_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    recorder.go_on.set()
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("async-client"):
            monkeypatch.setattr(threading.Thread, "start", start)
            raise RuntimeError("can't start new thread")
        start(thread)

    async def main() -> None:
        async with ThreadedAsyncClientTransport[Any](recorder) as client:
            monkeypatch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(TransportError, match=r"cannot start a thread for the call .*; nothing was sent"):
                await client.send_message("one")
            assert await client.send_message("two") == "two"

    asyncio.run(main())
    assert [message for message, _ in recorder.calls] == ["two"]
    assert left() == []
