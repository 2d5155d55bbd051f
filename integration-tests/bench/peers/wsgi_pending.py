# ruff: noqa: PLC0415  # a peer that is not installed fails alone, and none pays for what another imports
"""Many requests that wait for their replies at once: a greenlet for each, with no web server around them."""

import io
from typing import Any

from .calls import Run


def client(_: None, app: str, pending: int) -> Run:
    """Let *pending* requests in before the first of them is answered; *count* is a multiple of that."""
    import gevent
    import gevent.queue

    server: Any
    if app == "ours":
        from transport_wsgi import WsgiServerTransport

        server = WsgiServerTransport(queue_class=gevent.queue.Queue, max_pending=pending)
    else:
        from tinyrpc.transports.wsgi import WsgiServerTransport as TinyrpcServer

        server = TinyrpcServer(queue_class=gevent.queue.Queue)

    def request(body: bytes) -> None:
        environ = {
            "REQUEST_METHOD": "POST",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "CONTENT_TYPE": "text/plain; charset=utf-8",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
        }
        if b"".join(server.handle(environ, lambda *_: None)) != body:
            raise AssertionError("the reply is not the message")

    def run(message: Any, count: int) -> None:
        body = message if isinstance(message, bytes) else message.encode()
        for _ in range(count // pending):
            greenlets = [gevent.spawn(request, body) for _ in range(pending)]
            for context, text in [server.receive_message() for _ in range(pending)]:
                server.send_reply(context, text)
            gevent.joinall(greenlets, raise_error=True)

    return run
