# ruff: noqa: PLC0415  # a peer that is not installed fails alone, and none pays for what another imports
"""
Web servers, each with the same application (``wsgi_app``) and 16 threads, or with greenlets.

Those that fork or have no Python interface take the place of this process.
"""

import os
import socket
import sys
from pathlib import Path
from typing import Any

_THREADS = 16
_APP = "bench.peers.wsgi_app:application"
_BACKLOG = 2048


def serve(announce: Any, server: str, app: str) -> None:
    os.environ["BENCH_APP"] = app
    os.environ["BENCH_WAIT"] = "gevent" if "gevent" in server else "threads"
    _SERVERS[server](announce)


def _listener() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    # Accepted connections inherit it. Without it a reply in two packets costs gevent.pywsgi 44 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def _waitress(announce: Any) -> None:
    import waitress

    from .wsgi_app import application

    listener = _listener()
    announce(_url(listener))
    waitress.serve(application, sockets=[listener], threads=_THREADS, connection_limit=5000, _quiet=True)


def _cheroot(announce: Any) -> None:
    from cheroot.wsgi import Server

    from .wsgi_app import application

    server = Server(("127.0.0.1", 0), application, numthreads=_THREADS, request_queue_size=_BACKLOG)
    server.prepare()
    announce(f"http://127.0.0.1:{server.bind_addr[1]}/")
    server.serve()


def _gunicorn(announce: Any, *options: str) -> None:
    import gunicorn  # noqa: F401  # tells when it is missing

    listener = _listener()
    announce(_url(listener))
    os.set_inheritable(listener.fileno(), True)
    _become("gunicorn", "--bind", f"fd://{listener.fileno()}", "--log-level", "warning", *options, _APP)


def _gevent_pywsgi(announce: Any) -> None:
    from gevent.pywsgi import WSGIServer
    from gevent.socket import socket as green_socket

    from .wsgi_app import application

    listener = _listener()
    listener.setblocking(False)
    green = green_socket(fileno=listener.detach())
    announce(f"http://127.0.0.1:{green.getsockname()[1]}/")
    WSGIServer(green, application, log=None).serve_forever()


def _granian(announce: Any) -> None:
    import granian  # noqa: F401  # tells when it is missing

    with socket.create_server(("127.0.0.1", 0)) as free:  # it takes no open socket, and tells no port
        port = free.getsockname()[1]
    announce(f"http://127.0.0.1:{port}/")
    _become(
        "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--blocking-threads", str(_THREADS), "--no-access-log", "--log-level", "error", _APP,
    )  # fmt: skip


def _uwsgi(announce: Any) -> None:
    listener = _listener()
    announce(_url(listener))
    os.set_inheritable(listener.fileno(), True)
    program = str(Path(sys.executable).with_name("uwsgi"))
    os.execv(
        program,
        [
            program, "--http11-socket", f"fd://{listener.fileno()}", "--module", "bench.peers.wsgi_app",
            "--threads", str(_THREADS), "--enable-threads", "--disable-logging", "--die-on-term", "--listen", "128",
        ],
    )  # fmt: skip


def _werkzeug(announce: Any) -> None:
    from werkzeug.serving import WSGIRequestHandler, make_server

    from .wsgi_app import application

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_: Any) -> None:
            pass

    listener = _listener()
    announce(_url(listener))
    make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet, fd=listener.fileno()).serve_forever()


def _become(module: str, *arguments: str) -> None:
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


_SERVERS: dict[str, Any] = {
    "waitress": _waitress,
    "cheroot": _cheroot,
    "gunicorn gthread": lambda announce: _gunicorn(
        announce, "--worker-class", "gthread", "--threads", str(_THREADS), "--keep-alive", "60"
    ),
    "gunicorn gevent": lambda announce: _gunicorn(
        announce, "--worker-class", "gevent", "--worker-connections", "5000", "--keep-alive", "60"
    ),
    "gevent.pywsgi": _gevent_pywsgi,
    "granian": _granian,
    "uWSGI": _uwsgi,
    "Werkzeug's": _werkzeug,
}
