"""``python gevent_server.py PORT``: the service under gevent.pywsgi, with a graceful stop on SIGTERM."""

import signal
import socket
import sys

import gevent
import gevent.socket
from gevent.pywsgi import WSGIServer
from service_gevent import app


def main(port: int) -> None:
    """Serve until SIGTERM, then finish what is under way."""
    # pywsgi sends the head and the body of a response separately. Without TCP_NODELAY, which each connection takes over
    # from its listener, the body waits until the client has acknowledged the head: up to 40 ms.
    opened = socket.create_server(("127.0.0.1", port), backlog=1024)
    listener = gevent.socket.socket(fileno=opened.detach())
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = WSGIServer(listener, app, log=None)

    def stop() -> None:
        server.close()  # lets no new connection in
        app.close(drain=20)
        server.stop(timeout=1)  # idle connections end here

    gevent.signal_handler(signal.SIGTERM, stop)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
