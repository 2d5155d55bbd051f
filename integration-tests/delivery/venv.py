"""Virtual environments that have nothing but what is installed into them."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from .artefacts import distribution_of, output_of

# Variables for pip and uv (indexes, certificates, offline) are kept; those for Python are removed.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


class Venv:
    """An empty environment of this Python, made by uv, which is quick at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        output_of(_uv("venv", "--quiet", "--python", sys.executable, folder), env=_ENVIRONMENT)

    def install(self, *arguments: str | Path, ours: Iterable[Path] = ()) -> None:
        """
        Install what ``uv pip install`` understands.

        The wheels *ours* are taken for their distributions whatever an index has under these names.
        """
        constraints = self.folder / "ours.txt"
        constraints.write_text("".join(f"{distribution_of(wheel)} @ {wheel.as_uri()}\n" for wheel in ours))
        command = _uv("pip", "install", "--quiet", "--python", self.python, "--constraints", constraints, *arguments)
        output_of(command, env=_ENVIRONMENT)

    def would_install(self, *arguments: str | Path) -> str:
        """Return what ``uv pip install`` says it would do."""
        return output_of(_uv("pip", "install", "--dry-run", "--python", self.python, *arguments), env=_ENVIRONMENT)

    def installed(self) -> dict[str, str]:
        """Return the distributions that are there, with their versions."""
        listed = output_of(_uv("pip", "list", "--quiet", "--format=json", "--python", self.python), env=_ENVIRONMENT)
        return {entry["name"].lower(): entry["version"] for entry in json.loads(listed)}

    def run(self, *arguments: str | Path, cwd: Path | None = None, seconds: int = 60, **variables: str) -> str:
        """Run its Python, isolated from the folder it runs in; return what was printed."""
        env = {**_ENVIRONMENT, "PYTHONSAFEPATH": "1", **variables}
        command = [self.python, "-W", "error", *arguments]
        return output_of(command, cwd=cwd or self.folder, env=env, seconds=seconds)


def _uv(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "uv", *arguments]
