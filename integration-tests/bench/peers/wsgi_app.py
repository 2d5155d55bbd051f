# ruff: noqa: PLC0415  # a peer that is not installed fails alone, and none pays for what another imports
"""
The WSGI application that the environment names: BENCH_APP is plain, tinyrpc or ours; BENCH_WAIT threads or gevent.

By environment, because each web server has a way of its own to be given an application, and loads it in the
process that serves. There the receiving loop is started.
"""

import os
import threading
from typing import Any


def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The limit: no transport, no loop; read the body and return it."""
    message = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(message)))])
    return [message]


def _tinyrpc(*, green: bool) -> Any:
    import queue

    from tinyrpc.transports.wsgi import WsgiServerTransport

    if green:
        import gevent.queue

        server = WsgiServerTransport(max_content_length=2**26, queue_class=gevent.queue.Queue)
    else:
        server = WsgiServerTransport(max_content_length=2**26, queue_class=queue.Queue)

    def loop() -> None:
        while True:
            server.send_reply(*server.receive_message())

    _start(loop, green=green)
    return server.handle


def _ours(*, green: bool) -> Any:
    from transport_base import serve
    from transport_wsgi import WsgiServerTransport

    if green:
        import gevent.queue

        server = WsgiServerTransport(queue_class=gevent.queue.Queue, max_pending=100_000)
    else:
        server = WsgiServerTransport(max_pending=100_000)
    _start(lambda: serve(server, lambda message: message), green=green)
    return server


def _start(loop: Any, *, green: bool) -> None:
    if green:
        import gevent

        gevent.spawn(loop)
    else:
        threading.Thread(target=loop, daemon=True).start()


def _chosen() -> Any:
    green = os.environ.get("BENCH_WAIT") == "gevent"
    match os.environ.get("BENCH_APP", "plain"):
        case "ours":
            return _ours(green=green)
        case "tinyrpc":
            return _tinyrpc(green=green)
        case _:
            return plain


application = _chosen()
