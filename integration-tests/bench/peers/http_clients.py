# ruff: noqa: PLC0415  # a peer that is not installed fails alone, and none pays for what another imports
"""
Clients that POST a message and read the reply, over one connection that stays open where the library can.

*verify* is the file of a certificate authority, or empty for plain HTTP. Each sends the message as text/plain.
"""

import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from .calls import Run, load
from .http_server import rest

_TIMEOUT = 30.0
_HEADERS = {"Content-Type": "text/plain; charset=utf-8"}


def client_ours(address: str, threads: int = 1, verify: str = "") -> Run:
    """One client for all threads."""
    from transport_http import HttpPostClientTransport

    options: dict[str, Any] = {"verify": verify} if verify else {}
    transport = HttpPostClientTransport(address, timeout=_TIMEOUT, **options)
    return load(lambda: transport.send_message, threads, shared=True, takes=str)


def client_socket(address: str, threads: int = 1, verify: str = "") -> Run:
    """The limit: a request that is put together by hand, and a reply whose headers are not read."""
    port = urlsplit(address).port
    assert port
    host = f"localhost:{port}".encode()

    def connect() -> Any:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if verify:
            connection = ssl.create_default_context(cafile=verify).wrap_socket(connection, server_hostname="localhost")
        send, recv = connection.sendall, connection.recv
        head = b"POST / HTTP/1.1\r\nHost: " + host + b"\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"

        def call(message: bytes) -> bytes:
            send(head % len(message) + message)
            data = recv(65536)
            return rest(connection, data[data.index(b"\r\n\r\n") + 4 :], len(message))

        return call

    return load(connect, threads)


def client_stdlib(address: str, threads: int = 1, verify: str = "") -> Run:
    import http.client

    port = urlsplit(address).port

    def connect() -> Any:
        if verify:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "localhost", port, timeout=_TIMEOUT, context=ssl.create_default_context(cafile=verify)
            )
        else:
            connection = http.client.HTTPConnection("localhost", port, timeout=_TIMEOUT)

        def call(message: bytes) -> bytes:
            connection.request("POST", "/", message, _HEADERS)
            return connection.getresponse().read()

        return call

    return load(connect, threads)


def client_urllib3_pool(address: str, threads: int = 1, verify: str = "") -> Run:
    """One pool for one server: the part of urllib3 that does the work."""
    import urllib3

    options: dict[str, Any] = {"ca_certs": verify} if verify else {}
    pool = urllib3.connection_from_url(address, maxsize=max(1, threads), timeout=_TIMEOUT, **options)

    def call(message: bytes) -> bytes:
        return pool.urlopen("POST", "/", body=message, headers=_HEADERS).data

    return load(lambda: call, threads, shared=True)


def client_urllib3(address: str, threads: int = 1, verify: str = "") -> Run:
    import urllib3

    options: dict[str, Any] = {"ca_certs": verify} if verify else {}
    manager = urllib3.PoolManager(maxsize=max(1, threads), timeout=_TIMEOUT, **options)

    def call(message: bytes) -> bytes:
        return manager.request("POST", address, body=message, headers=_HEADERS).data

    return load(lambda: call, threads, shared=True)


def client_session(address: str, threads: int = 1, verify: str = "") -> Run:
    """``requests.Session.post``; a session for each thread, as it is not safe to share."""
    import requests

    def connect() -> Any:
        session = requests.Session()
        session.verify = verify or True

        def call(message: bytes) -> bytes:
            return bytes(session.post(address, data=message, headers=_HEADERS, timeout=_TIMEOUT).content)

        return call

    return load(connect, threads)


def client_requests(address: str, threads: int = 1, verify: str = "") -> Run:
    """``requests.post``: a new connection for each call."""
    import requests

    def call(message: bytes) -> bytes:
        options: dict[str, Any] = {"verify": verify} if verify else {}
        return requests.post(address, data=message, headers=_HEADERS, timeout=_TIMEOUT, **options).content

    return load(lambda: call, threads, shared=True)


def client_tinyrpc(address: str, threads: int = 1, verify: str = "") -> Run:
    """As its manual has it: a new connection for each call, and no timeout unless one is given."""
    from tinyrpc.transports.http import HttpPostClientTransport

    options: dict[str, Any] = {"verify": verify} if verify else {}
    transport = HttpPostClientTransport(address, timeout=_TIMEOUT, headers=_HEADERS, **options)
    return load(lambda: transport.send_message, threads, shared=True)


def client_httpx(address: str, threads: int = 1, verify: str = "") -> Run:
    import httpx

    options: dict[str, Any] = {"verify": ssl.create_default_context(cafile=verify)} if verify else {}
    client = httpx.Client(timeout=_TIMEOUT, **options)

    def call(message: bytes) -> bytes:
        return client.post(address, content=message, headers=_HEADERS).content

    return load(lambda: call, threads, shared=True)


def client_niquests(address: str, threads: int = 1, verify: str = "") -> Run:
    import niquests

    def connect() -> Any:
        session = niquests.Session()
        session.verify = verify or True

        def call(message: bytes) -> bytes:
            return bytes(session.post(address, data=message, headers=_HEADERS, timeout=_TIMEOUT).content or b"")

        return call

    return load(connect, threads)


def client_aiohttp(address: str, threads: int = 1, verify: str = "") -> Run:
    """One event loop, with as many tasks as the others have threads."""
    import asyncio

    import aiohttp

    loop = asyncio.new_event_loop()

    async def connect() -> aiohttp.ClientSession:
        options: dict[str, Any] = {"ssl": ssl.create_default_context(cafile=verify)} if verify else {}
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(**options), timeout=aiohttp.ClientTimeout(total=_TIMEOUT)
        )

    session = loop.run_until_complete(connect())

    async def call(message: bytes) -> bytes:
        async with session.post(address, data=message, headers=_HEADERS) as response:
            return await response.read()

    async def task(message: bytes, count: int) -> None:
        for _ in range(count):
            reply = await call(message)
        if reply != message:
            raise AssertionError("the reply is not the message")

    async def tasks(message: bytes, count: int) -> None:
        await asyncio.gather(*(task(message, count // threads) for _ in range(threads)))

    return lambda message, count: loop.run_until_complete(tasks(message, count))
