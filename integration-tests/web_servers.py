"""Web servers in this process, each on a port of its own: context managers that yield the URL."""

import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, cast
from wsgiref.types import WSGIApplication

import cheroot.wsgi
import gevent.pywsgi
import gevent.socket
import waitress.server
import waitress.wasyncore
import werkzeug.serving
from tasks import DEADLINE

WebServer = Callable[[WSGIApplication], AbstractContextManager[str]]

# Requests that are served at once: more than any test has under way on one server.
THREADS = 48


@contextmanager
def waitress_server(app: WSGIApplication, port: int = 0) -> Generator[str]:
    # Warns in the log when requests have to wait for a thread.
    made = waitress.server.create_server(app, host="127.0.0.1", port=port, threads=THREADS)
    # Its stubs leave out what a server on one address has.
    server = cast("Any", made)
    thread = threading.Thread(target=server.run, name="waitress")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}/"
    finally:
        # First its threads, which write to what the loop closes; then the loop, from within, which ends it.
        server.task_dispatcher.shutdown(timeout=DEADLINE)
        # A loop that is awake already may have closed the trigger before it is written to.
        with suppress(OSError):
            server.trigger.pull_trigger(lambda: waitress.wasyncore.close_all(server._map))
        thread.join(DEADLINE)


@contextmanager
def cheroot_server(app: WSGIApplication) -> Generator[str]:
    server = cheroot.wsgi.Server(("127.0.0.1", 0), app, numthreads=THREADS, shutdown_timeout=1, request_queue_size=128)
    server.expiration_interval = 0.02  # how often its loop looks whether it shall stop
    server.prepare()
    host, port = cast("tuple[str, int]", server.bind_addr)  # pyright: ignore[reportUnknownMemberType]  # half typed
    thread = threading.Thread(target=server.serve, name="cheroot")
    thread.start()
    try:
        yield f"http://{host}:{port}/"
    finally:
        server.stop()
        thread.join(DEADLINE)


class _Silent(werkzeug.serving.WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def werkzeug_server(app: WSGIApplication, tls: ssl.SSLContext | None = None) -> Generator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        server = werkzeug.serving.make_server(
            "127.0.0.1", 0, app, threaded=True, request_handler=_Silent, ssl_context=tls, fd=listener.fileno()
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="werkzeug")
        thread.start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{server.port}/"
        finally:
            server.shutdown()
            server.server_close()
            thread.join(DEADLINE)


@contextmanager
def gevent_server(app: WSGIApplication) -> Generator[str]:
    """Serve in greenlets of the hub that this is called in."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as opened:
        listener = gevent.socket.socket(fileno=opened.detach())
    # Else each request takes 40 ms more: pywsgi sends headers and body in two packets.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = gevent.pywsgi.WSGIServer(listener, app, log=None, error_log=None)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.stop(timeout=1)
        listener.close()
