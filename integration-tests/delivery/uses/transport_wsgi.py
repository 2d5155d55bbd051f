"""Serve a message that came by HTTP through the standard library's WSGI server."""

import threading
import urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server

from transport_base import ServerTransport, serve
from transport_wsgi import PendingReply, WsgiServerTransport


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Be quiet."""


def shout(server: ServerTransport[PendingReply]) -> None:
    """Serve until the server is closed."""
    serve(server, str.upper)


def main() -> None:
    """Print a reply."""
    transport = WsgiServerTransport(reply_timeout=10)
    with transport, make_server("127.0.0.1", 0, transport, handler_class=Quiet) as web:
        threads = [threading.Thread(target=web.serve_forever), threading.Thread(target=shout, args=(transport,))]
        for thread in threads:
            thread.start()
        try:
            url = f"http://127.0.0.1:{web.server_port}/"
            with urllib.request.urlopen(url, data=b"hello", timeout=10) as answer:
                print(answer.read().decode())
        finally:
            web.shutdown()
            transport.close()
            for thread in threads:
                thread.join(timeout=10)


if __name__ == "__main__":
    main()
