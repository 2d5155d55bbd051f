"""Programs in other languages: compiled where they have to be, and run."""

import atexit
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from peers.programs import PATIENCE
from peers.versions import NODE_MODULES, program

SOURCES = Path(__file__).parent / "languages"

MESSAGES = ["", "hello", "\0\r\n\ufeff\U0001f600 \u00e9", "x" * 1_048_576]


@cache
def _builds() -> Path:
    folder = mkdtemp(prefix="peers-")
    atexit.register(shutil.rmtree, folder)
    return Path(folder)


@cache
def command(source: str) -> tuple[str, ...]:
    """Return the command that runs a source file, which is compiled first where its language needs it."""
    path = SOURCES / source
    binary = str(_builds() / source.replace(".", "-"))
    if path.suffix == ".c":
        subprocess.run(["gcc", "-Wall", "-Werror", "-O1", "-o", binary, path, "-lzmq"], check=True, timeout=PATIENCE)
        return (binary,)
    if path.suffix == ".go":
        environment = {**os.environ, "GOCACHE": str(_builds() / "go"), "GO111MODULE": "off", "GOFLAGS": "-p=1"}
        subprocess.run(["go", "build", "-o", binary, path], check=True, timeout=PATIENCE * 2, env=environment)
        return (binary,)
    return (program("node") or "node", str(path))


def environment() -> dict[str, str]:
    return {"NODE_PATH": str(NODE_MODULES)}


def ask(source: str, address: str, message: str, times: int = 1) -> str:
    """Have a client send *message*, so many times; return the last reply."""
    done = subprocess.run(
        [*command(source), address, str(times)],
        input=message.encode(),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, **environment()},
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
