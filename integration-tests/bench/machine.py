"""What a run's figures hold for. No name of the machine, and no path."""

import importlib.metadata
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

_PEERS = [
    "pyzmq", "tinyrpc", "pynng", "rpyc", "Pyro5", "grpcio", "zerorpc", "requests", "urllib3", "httpx", "aiohttp",
    "werkzeug", "waitress", "cheroot", "gunicorn", "gevent", "granian", "uwsgi",
    "transport-base", "transport-zmq", "transport-http", "transport-wsgi",
]  # fmt: skip


def machine(niquests: str) -> dict[str, Any]:
    """Return the machine and the versions, as JSON has them; *niquests* is an interpreter that has it."""
    versions = {name: _version(name) for name in _PEERS}
    versions["niquests"] = _asked(niquests, "-c", "import importlib.metadata as m; print(m.version('niquests'))")
    versions["libzmq"] = _libzmq()
    versions["wrk"] = (_asked("wrk", "-v").split() or ["", "not installed"])[1]
    return {
        "day": time.strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.system(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 2),
        "versions": versions,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _libzmq() -> str:
    import zmq  # noqa: PLC0415  # the report alone needs no library

    return zmq.zmq_version()


def _asked(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return "not installed"
    return done.stdout.strip() or "not installed"
