"""The type checkers that people use, each as strict as it can be."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .venv import Venv

# The options by which each finds the installed packages and prints one line for each error.
COMMANDS: dict[str, Callable[[Venv], list[str | Path]]] = {
    "mypy": lambda venv: ["--strict", "--no-error-summary", "--python-executable", venv.python],
    "basedpyright": lambda venv: ["--pythonpath", venv.python],
    "ty": lambda venv: ["check", "--output-format=concise", "--python", venv.folder],
    "pyrefly": lambda venv: ["check", "--output-format=min-text", "--python-interpreter-path", venv.python],
}


def errors_of(checker: str, project: Path, venv: Venv) -> dict[tuple[str, int], str]:
    """Check *project* against what is installed in *venv*; return each error by its file's name and its line."""
    command: list[str | Path] = [sys.executable, "-m", checker, *COMMANDS[checker](venv)]
    ran = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=100, check=False)
    found: dict[tuple[str, int], str] = {}
    for line in ran.stdout.splitlines():
        place = re.search(r"([\w.]+\.py):(\d+)\b", line)
        if place is not None and re.search(r"\berror\b", line, flags=re.IGNORECASE):
            found.setdefault((place[1], int(place[2])), line)
    # A checker that ends for another reason than a finding must not pass for a clean run.
    assert bool(found) == bool(ran.returncode), ran.stdout + ran.stderr
    return found
