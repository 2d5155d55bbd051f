# ruff: noqa: PLC0415  # a peer that is not installed fails alone, and none pays for what another imports
"""Coroutines on both sides: many calls at once from one event loop, each handled by a coroutine."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from .calls import Run

AsyncCall = Callable[[Any], Awaitable[Any]]

_TIMEOUT = 60.0


def _load(connect: Callable[[], Awaitable[AsyncCall]], at_once: int, *, shared: bool = True) -> Run:
    """Return a ``run`` of so many tasks; each has a call of its own unless it is *shared*."""
    loop = asyncio.new_event_loop()

    async def connected() -> list[AsyncCall]:
        return [await connect()] * at_once if shared else [await connect() for _ in range(at_once)]

    calls = loop.run_until_complete(connected())

    async def task(call: AsyncCall, message: Any, count: int) -> None:
        for _ in range(count):
            reply = await call(message)
        if reply != message:
            raise AssertionError("the reply is not the message")

    async def tasks(message: Any, count: int) -> None:
        await asyncio.gather(*(task(call, message, count // at_once) for call in calls))

    return lambda message, count: loop.run_until_complete(tasks(message, count))


async def _echo(message: str) -> str:
    return message


def serve_ours(announce: Any) -> None:
    import zmq

    from transport_base import serve_async
    from transport_zmq import ZmqServerTransport

    context = zmq.Context.instance()
    server = ZmqServerTransport.create(context, "tcp://127.0.0.1:*")
    announce(server.endpoint)
    asyncio.run(serve_async(server, _echo, tasks=1000))


def client_ours(address: str, threads: int = 1, limit: int = 64) -> Run:
    """Calls of one client, by way of threads: so many at most."""
    import zmq

    from transport_base import ThreadedAsyncClientTransport
    from transport_zmq import ZmqClientTransport

    context = zmq.Context.instance()
    context.set(zmq.MAX_SOCKETS, 4000)
    client = ThreadedAsyncClientTransport(ZmqClientTransport.create(context, address, _TIMEOUT), threads=limit)

    async def connect() -> AsyncCall:
        return client.send_message

    return _load(connect, threads)


def client_ours_http(address: str, threads: int = 1, limit: int = 64) -> Run:
    from transport_base import ThreadedAsyncClientTransport
    from transport_http import HttpPostClientTransport

    client = ThreadedAsyncClientTransport(HttpPostClientTransport(address, timeout=_TIMEOUT), threads=limit)

    async def connect() -> AsyncCall:
        return client.send_message

    return _load(connect, threads)


def serve_zmq(announce: Any) -> None:
    """Echo frames, each message in a task of its own."""
    import zmq
    import zmq.asyncio

    async def main() -> None:
        socket = zmq.asyncio.Context.instance().socket(zmq.ROUTER)
        socket.set(zmq.SNDHWM, 0)
        announce(f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}")
        tasks: set[asyncio.Task[None]] = set()

        async def answer(frames: list[bytes]) -> None:
            await socket.send_multipart(frames)

        while True:
            task = asyncio.create_task(answer(await socket.recv_multipart()))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    asyncio.run(main())


def client_zmq(address: str, threads: int = 1) -> Run:
    """A REQ socket for each task, no timeout."""
    import zmq
    import zmq.asyncio

    context = zmq.asyncio.Context.instance()
    context.set(zmq.MAX_SOCKETS, 4000)

    async def connect() -> AsyncCall:
        socket = context.socket(zmq.REQ)
        socket.connect(address)

        async def call(message: bytes) -> bytes:
            await socket.send(message)
            return bytes(await socket.recv())

        return call

    return _load(connect, threads, shared=False)


def client_aiohttp(address: str, threads: int = 1) -> Run:
    import aiohttp

    async def connect() -> AsyncCall:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=_TIMEOUT)
        )

        async def call(message: bytes) -> bytes:
            async with session.post(address, data=message) as response:
                return await response.read()

        return call

    return _load(connect, threads)


def serve_grpc(announce: Any) -> None:
    import grpc.aio

    async def echo(message: bytes, _: Any) -> bytes:
        return message

    async def main() -> None:
        server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(echo)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", {"Echo": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        announce(f"127.0.0.1:{port}")
        await server.wait_for_termination()

    asyncio.run(main())


def client_grpc(address: str, threads: int = 1) -> Run:
    import grpc.aio

    async def connect() -> AsyncCall:
        channel = grpc.aio.insecure_channel(address)
        await asyncio.wait_for(channel.channel_ready(), 10)
        echo = channel.unary_unary("/bench.Echo/Echo")

        async def call(message: bytes) -> bytes:
            return bytes(await echo(message, timeout=_TIMEOUT))

        return call

    return _load(connect, threads)
