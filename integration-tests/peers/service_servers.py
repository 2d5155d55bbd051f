"""Web servers that run ``service:app``, the example of transport-wsgi, each in processes of its own."""

import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from peers.programs import Program, free_port, python_path, running

Command = Callable[[int, Path], list[str]]


@dataclass
class Served:
    url: str
    port: int
    program: Program


@dataclass(frozen=True)
class WebServer:
    """How to start a web server on a port, given a folder for its files."""

    command: Command
    peers: tuple[str, ...]
    # What has it finish and end.
    stop: signal.Signals = signal.SIGTERM
    # Whether it always sends the replies that it has by then.
    graceful: bool = True
    # How many processes receive messages.
    processes: int = 1
    # Whether a chunked body can be told from a part of one, which WSGI leaves to each server.
    chunked: bool = True


def module(*arguments: str) -> Command:
    return lambda port, _: [sys.executable, "-m", *(argument.replace("PORT", str(port)) for argument in arguments)]


def _example(name: str) -> Command:
    return lambda port, _: [sys.executable, "-m", name, str(port)]


def gunicorn(worker: str, *options: str, app: str = "service:app") -> Command:
    return module("gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "2", "--worker-class", worker, *options, app)


def uvicorn(app: str) -> Command:
    return module("uvicorn", "--port", "PORT", "--log-level", "warning", app)


def _uwsgi(app: str) -> Command:
    options = ["--master", "--processes", "2", "--lazy-apps", "--enable-threads", "--threads", "16"]
    options += ["--disable-logging", "--hook-master-start", "unix_signal:15 gracefully_kill_them_all"]
    program = str(Path(sys.executable).with_name("uwsgi"))
    return lambda port, _: [program, "--http11-socket", f"127.0.0.1:{port}", "--module", app, *options]


def _mod_wsgi(port: int, folder: Path) -> list[str]:
    script = folder / "service.wsgi"
    script.write_text("from service import app as application\n")
    folders = f"{folder}:{python_path()['PYTHONPATH']}"
    (folder / "apache.conf").write_text(f"""
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
Listen 127.0.0.1:{port}
ErrorLog /dev/stderr
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule wsgi_module /usr/lib/apache2/modules/mod_wsgi.so
WSGISocketPrefix {folder}/wsgi
WSGIDaemonProcess service processes=2 threads=16 home={folder} python-path={folders}
WSGIProcessGroup service
WSGIApplicationGroup %{{GLOBAL}}
WSGIChunkedRequest On
WSGIScriptAlias / {script}
<Directory {folder}>
    Require all granted
</Directory>
""")
    return [*as_somebody(), "/usr/sbin/apache2", "-f", f"{folder}/apache.conf", "-DFOREGROUND"]


def as_somebody() -> list[str]:
    """
    Return what to put before a command that starts Apache or squid.

    They refuse to run as root, and whoever they turn into can't read what root has installed: here they can.
    """
    if os.getuid() != 0:
        return []
    somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    return [*somebody, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]


WEB_SERVERS: dict[str, WebServer] = {
    "gunicorn-sync": WebServer(gunicorn("sync"), ("gunicorn",), processes=2),
    "gunicorn-gthread": WebServer(gunicorn("gthread", "--threads", "16"), ("gunicorn",), processes=2),
    "gunicorn-gevent": WebServer(gunicorn("gevent", app="service_gevent:app"), ("gunicorn", "gevent"), processes=2),
    "uwsgi": WebServer(_uwsgi("service:app"), ("uwsgi",), processes=2, chunked=False),
    "uwsgi-chunked": WebServer(_uwsgi("service_uwsgi:app"), ("uwsgi",), processes=2),
    "granian": WebServer(
        module(
            "granian",
            "--interface",
            "wsgi",
            "--host",
            "127.0.0.1",
            "--port",
            "PORT",
            "--workers",
            "2",
            "--blocking-threads",
            "16",
            "--log-level",
            "warning",
            "service:app",
        ),
        ("granian",),
        processes=2,
        chunked=False,
    ),
    "waitress": WebServer(_example("waitress_server"), ("waitress",)),
    "cheroot": WebServer(_example("cheroot_server"), ("cheroot",)),
    "gevent.pywsgi": WebServer(_example("gevent_server"), ("gevent",)),
    "uvicorn": WebServer(uvicorn("service_asgi:app"), ("uvicorn", "a2wsgi")),
    "hypercorn": WebServer(
        module("hypercorn", "--bind", "127.0.0.1:PORT", "service_asgi:app"),
        ("hypercorn", "a2wsgi"),
        graceful=False,
    ),
    "mod_wsgi": WebServer(_mod_wsgi, ("mod_wsgi", "apache"), processes=2, stop=signal.SIGWINCH),
}


def parameters(*names: str) -> list[Any]:
    """Return the servers as parameters of a test, all of them unless some are named."""
    return [
        pytest.param(name, id=name, marks=pytest.mark.peer(*WEB_SERVERS[name].peers)) for name in names or WEB_SERVERS
    ]


@contextmanager
def serving(name: str, folder: Path) -> Generator[Served]:
    """Run a web server until the end of the block."""
    port = free_port()
    with command_serving(WEB_SERVERS[name].command(port, folder), port, folder) as served:
        yield served


@contextmanager
def command_serving(command: list[str], port: int, folder: Path) -> Generator[Served]:
    with running(*command, environment=python_path(), folder=folder) as program:
        program.until_listening(port)
        yield Served(f"http://127.0.0.1:{port}/", port, program)
