"""Building the distributions, at versions of their own and at others."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = ("transport-base", "transport-http", "transport-wsgi", "transport-zmq")
TRANSPORTS = DISTRIBUTIONS[1:]

# For git in repositories that tests make: no hook, signature, template or repository of whoever runs the tests.
GIT_ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Releaser",
    "GIT_AUTHOR_EMAIL": "releaser@transports.example",
    "GIT_COMMITTER_NAME": "Releaser",
    "GIT_COMMITTER_EMAIL": "releaser@transports.example",
}

_JUNK = shutil.ignore_patterns("__pycache__", ".*_cache", "dist", "*.egg-info")


def package_of(distribution: str) -> str:
    """Return the name that *distribution* is imported by."""
    return distribution.replace("-", "_")


def distribution_of(wheel: Path) -> str:
    """Return the name of the distribution that is in *wheel*."""
    return wheel.name.partition("-")[0].replace("_", "-")


def tool(module: str, *arguments: str | Path, cwd: Path | None = None) -> str:
    """Run a Python tool of this environment; return what it printed, fail with it when the tool fails."""
    return output_of([sys.executable, "-m", module, *arguments], cwd=cwd)


def output_of(
    command: list[str | Path], cwd: Path | None = None, env: dict[str, str] | None = None, seconds: int = 100
) -> str:
    """Run *command*; return what it printed, fail with it when the command fails."""
    ran = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=seconds, check=False)
    assert ran.returncode == 0, f"{' '.join(map(str, command))}\n{ran.stdout}{ran.stderr}"
    return ran.stdout + ran.stderr


def git(tree: Path, *arguments: str) -> str:
    """Run git in *tree*; return what it printed, fail with it when git fails."""
    return output_of(["git", "-C", tree, *arguments], env=GIT_ENVIRONMENT)


def copy_tree(into: Path) -> Path:
    """Copy what a release is made from into a folder, which becomes a repository with nothing committed."""
    shutil.copytree(ROOT / "packages", into / "packages", ignore=_JUNK)
    shutil.copytree(ROOT / ".ci", into / ".ci", ignore=shutil.ignore_patterns("__pycache__", "venv"))
    shutil.copy(ROOT / ".gitignore", into)
    git(into, "init", "--quiet", "--initial-branch=main")
    return into


def commit(tree: Path) -> None:
    """Commit all that *tree* holds."""
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message=Change")


def copy_of(distribution: str, into: Path, version: str | None = None) -> Path:
    """Copy the project *distribution* into a folder, at another version if one is given."""
    project = into / distribution
    shutil.copytree(ROOT / "packages" / distribution, project, ignore=_JUNK)
    if version is not None:
        renumber(project, version)
    return project


def renumber(project: Path, version: str) -> None:
    """Give *project* another version."""
    source = project / "src" / package_of(project.name) / "__init__.py"
    text, changed = re.subn(
        r'^__version__ = ".*"$', f'__version__ = "{version}"', source.read_text(), flags=re.MULTILINE
    )
    assert changed == 1, f"{source} has {changed} literals __version__, expected 1"
    source.write_text(text)


def unpack(archive: Path, into: Path) -> None:
    """Write what is in *archive*, one of our own, into a folder."""
    with tarfile.open(archive) as tar:
        # Older ones among the patch releases of Python 3.11 don't know filters: Debian 12 has 3.11.2.
        if hasattr(tarfile, "data_filter"):
            tar.extractall(into, filter="data")
        else:
            tar.extractall(into)


def build(project: Path, into: Path, target: str = "wheel") -> Path:
    """Build the wheel or the sdist of *project*; return where it is."""
    before = set(into.glob("*"))
    tool("hatchling", "build", f"--target={target}", f"--directory={into}", cwd=project)
    (built,) = set(into.iterdir()) - before
    return built
