"""The peers: which of them are here, and in which version."""

import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from pathlib import Path

# Where .ci/peers puts the packages for Node.
NODE_MODULES = Path(__file__).parents[2] / ".peers" / "node_modules"


def _distribution(name: str) -> Callable[[], str | None]:
    def find() -> str | None:
        try:
            return distribution_version(name)
        except PackageNotFoundError:
            return None

    return find


def _program(name: str, *arguments: str, pattern: str = r"(\d+\.[\w.+~-]+)") -> Callable[[], str | None]:
    def find() -> str | None:
        path = program(name)
        if path is None:
            return None
        shown = subprocess.run(
            [path, *arguments], capture_output=True, text=True, errors="replace", timeout=60, check=False
        )
        match = re.search(pattern, shown.stdout + shown.stderr)
        return match[1] if match else "of unknown version"

    return find


def program(name: str) -> str | None:
    """Return where a program is, also one for administrators."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def _libzmq() -> str | None:
    if program("gcc") is None:
        return None
    return _program("pkg-config", "--modversion", "libzmq")() or _header("/usr/include/zmq.h")


def _header(path: str) -> str | None:
    if not Path(path).exists():
        return None
    numbers = re.findall(r"#define ZMQ_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", Path(path).read_text())
    return ".".join(numbers)


def _node_zeromq() -> str | None:
    package = NODE_MODULES / "zeromq" / "package.json"
    if program("node") is None or not package.exists():
        return None
    match = re.search(r'"version": *"([^"]+)"', package.read_text())
    return match[1] if match else None


def _mod_wsgi() -> str | None:
    if program("apache2") is None or not Path("/usr/lib/apache2/modules/mod_wsgi.so").exists():
        return None
    return _program("dpkg-query", "--show", "libapache2-mod-wsgi-py3")()


def _chromium() -> str | None:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if program(name):
            return _program(name, "--version", "--no-sandbox")()
    return None


_PEERS: dict[str, Callable[[], str | None]] = {
    **{
        name: _distribution(name)
        for name in (
            "a2wsgi", "cheroot", "django", "fastapi", "flask", "gevent", "granian", "gunicorn", "hypercorn",
            "jsonrpcclient", "jsonrpcserver", "msgspec", "pjrpc", "python-lsp-jsonrpc", "tinyrpc", "uvicorn", "uwsgi",
            "waitress",
        )
    },
    "apache": _program("apache2", "-v"),
    "chromium": _chromium,
    "curl": _program("curl", "--version"),
    "gcc": _program("gcc", "--version", pattern=r"(\d+\.\d+\.\d+)"),
    "go": _program("go", "version"),
    "haproxy": _program("haproxy", "-v"),
    "iproute2": _program("ip", "-V"),
    "libzmq": _libzmq,
    "mod_wsgi": _mod_wsgi,
    "nginx": _program("nginx", "-v"),
    "node": _program("node", "--version"),
    "node zeromq": _node_zeromq,
    "squid": _program("squid", "--version"),
    "tinyproxy": _program("tinyproxy", "-v"),
}  # fmt: skip


@cache
def version(peer: str) -> str | None:
    """Return the version of *peer*, or ``None`` where it is not installed."""
    return _PEERS[peer]()
