"""What a type checker must accept of the bridge to asyncio, and what it must refuse."""

from types import EllipsisType
from typing import Literal, assert_type, overload

from transport_base import (
    AsyncClientTransport,
    AsyncOneWayClientTransport,
    ClientTransport,
    OneWayClientTransport,
    ServerTransport,
    ThreadedAsyncClientTransport,
    serve_async,
)
from transport_base.contract import ClosableServerTransport, TimedClientTransport


class Timed:
    """A client with every option; it inherits nothing."""

    @overload
    def send_message(
        self, message: str, *, expect_reply: Literal[True] = True, timeout: float | EllipsisType | None = ...
    ) -> str: ...

    @overload
    def send_message(
        self, message: str, *, expect_reply: Literal[False], timeout: float | EllipsisType | None = ...
    ) -> None: ...

    @overload
    def send_message(
        self, message: str, *, expect_reply: bool, timeout: float | EllipsisType | None = ...
    ) -> str | None: ...

    def send_message(
        self, message: str, *, expect_reply: bool = True, timeout: float | EllipsisType | None = ...
    ) -> str | None: ...


async def handler(message: str) -> str | None:
    return message or None


def blocking_handler(message: str) -> str:
    return message


async def plain(client: ClientTransport) -> None:
    bridge = ThreadedAsyncClientTransport(client)
    conforms: AsyncClientTransport = bridge
    assert_type(await conforms.send_message("message"), str)
    assert_type(await bridge.send_message("message"), str)
    await bridge.send_message(b"message")  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    await bridge.send_message("message", expect_reply=False)  # type: ignore[call-arg]  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue, reportArgumentType]
    await bridge.send_message("message", timeout=1)  # type: ignore[call-arg]  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue, reportArgumentType]
    await bridge.aclose()


async def one_way(client: OneWayClientTransport) -> None:
    async with ThreadedAsyncClientTransport(client, threads=8) as bridge:
        conforms: AsyncOneWayClientTransport = bridge
        assert_type(await conforms.send_message("message"), str)
        assert_type(await bridge.send_message("message"), str)
        await bridge.send_message("message", expect_reply=False)


async def timed(client: Timed, protocol: TimedClientTransport) -> None:
    protocol = client
    async with ThreadedAsyncClientTransport(client) as bridge, ThreadedAsyncClientTransport(protocol) as other:
        assert_type(await bridge.send_message("message", timeout=1.5), str)
        assert_type(await other.send_message("message", timeout=None), str)
        await bridge.send_message("message", expect_reply=False, timeout=None)
        await bridge.send_message("message", timeout="1")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


async def serving(server: ClosableServerTransport[int], without_close: ServerTransport[int]) -> None:
    await serve_async(server, handler, tasks=4, on_error=lambda message, error: f"{message}: {error}")
    await serve_async(server, blocking_handler)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await serve_async(without_close, handler)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ThreadedAsyncClientTransport(server)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
