"""nginx and HAProxy with a given configuration."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from peers.programs import Program, running
from peers.versions import program

# Where everything that nginx writes goes, and who it is: not the system's folders and user.
_MAIN = """
daemon off;
user root root;
pid pid;
error_log stderr notice;
"""
_PATHS = """
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
"""


@contextmanager
def nginx(configuration: str, port: int, folder: Path) -> Generator[Program]:
    """Run nginx with a configuration that listens on *port*."""
    (folder / "nginx.conf").write_text(_MAIN + configuration.replace("http {", "http {" + _PATHS, 1))
    path = program("nginx")
    assert path is not None
    with running(path, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr") as process:
        process.until_listening(port)
        yield process


@contextmanager
def haproxy(configuration: str, port: int, folder: Path) -> Generator[Program]:
    """Run HAProxy with a configuration that listens on *port*."""
    (folder / "haproxy.cfg").write_text(configuration)
    path = program("haproxy")
    assert path is not None
    with running(path, "-db", "-f", str(folder / "haproxy.cfg")) as process:
        process.until_listening(port)
        yield process
