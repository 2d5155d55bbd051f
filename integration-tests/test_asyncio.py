"""The bridge to asyncio over each wire under anyio: its cancel scopes and task groups, on its asyncio backend."""

import asyncio
from collections.abc import Iterator
from typing import cast

import anyio
import pytest
from pairs import OpenPair, Pair, pairs_of_this_process
from tasks import DEADLINE

from transport_base import ThreadedAsyncClientTransport, TransportClosedError, serve_async

PAIRS = pairs_of_this_process()

BACKENDS = {"asyncio": {"use_uvloop": False}, "uvloop": {"use_uvloop": True}}


@pytest.fixture(params=list(PAIRS.values()), ids=list(PAIRS))
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with cast("OpenPair", request.param)() as opened:
        yield opened


@pytest.mark.parametrize("options", BACKENDS.values(), ids=BACKENDS)
def test_task_groups_and_cancel_scopes_end_what_runs_in_them(pair: Pair, options: dict[str, bool]) -> None:
    replies: dict[str, str] = {}

    async def handler(message: str) -> str:
        if message == "never":
            await anyio.sleep_forever()
        await anyio.sleep(0)
        return message.upper()

    async def serve_in_a_group() -> None:
        await serve_async(pair.server, handler, tasks=32)

    async def main() -> None:
        async with ThreadedAsyncClientTransport(pair.client()) as client:

            async def ask(message: str) -> None:
                replies[message] = await client.send_message(message)

            async with anyio.create_task_group() as serving:
                serving.start_soon(serve_in_a_group)
                async with anyio.create_task_group() as asking:
                    for number in range(30):
                        asking.start_soon(ask, f"message {number}")
                with anyio.move_on_after(0.1) as scope:
                    await ask("never")
                assert scope.cancelled_caught
                serving.cancel_scope.cancel()
            with pytest.raises(TransportClosedError):
                await asyncio.to_thread(pair.server.receive_message)

    async def in_time() -> None:
        with anyio.fail_after(DEADLINE):
            await main()

    anyio.run(in_time, backend_options=options)
    assert replies == {f"message {number}": f"MESSAGE {number}" for number in range(30)}
