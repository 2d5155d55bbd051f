# ruff: noqa: PLC0415  # a peer that is not installed fails alone, and none pays for what another imports
"""Both ends over HTTP by other means."""

from typing import Any

from .calls import Run, load


def serve_xmlrpc(announce: Any) -> None:
    from socketserver import ThreadingMixIn
    from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

    class Handler(SimpleXMLRPCRequestHandler):
        protocol_version = "HTTP/1.1"  # keeps the connection, as the others do

    class Server(ThreadingMixIn, SimpleXMLRPCServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler, logRequests=False)
    server.register_function(lambda message: message, "echo")
    announce(f"http://127.0.0.1:{server.server_address[1]}/")
    server.serve_forever()


def client_xmlrpc(address: str, threads: int = 1) -> Run:
    from xmlrpc.client import ServerProxy

    return load(lambda: ServerProxy(address).echo, threads, takes=str)


def serve_aiohttp(announce: Any) -> None:
    import asyncio

    from aiohttp import web

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), content_type="text/plain")

    async def main() -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/", echo)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        announce(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        await asyncio.Event().wait()

    asyncio.run(main())
