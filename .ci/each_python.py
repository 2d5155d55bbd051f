"""
Run one script of hatch.toml on each of the Pythons that this machine has.

Usage: each_python.py [--others] ENVIRONMENT:SCRIPT VERSION...

Looks on PATH and among pyenv's versions, which are often not on PATH, and says which versions it did not
find; exit status 77 says that it found none. A version is like 3.13, or 3.13t for the free-threaded build. --others
leaves out the version that runs this, because the tests ran on it already.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# What automake calls a skipped test.
NONE_FOUND = 77


def main() -> int:
    """Find the interpreters, run the script on each; return its exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--others", action="store_true")
    parser.add_argument("script")
    parser.add_argument("versions", nargs="+")
    arguments = parser.parse_args()
    found: dict[str, Path] = {}
    missing: list[str] = []
    for version in arguments.versions:
        if arguments.others and version == f"{sys.version_info.major}.{sys.version_info.minor}":
            continue
        folder = next((folder for folder in _folders(version) if _has(folder, version)), None)
        if folder is None:
            missing.append(version)
        else:
            found[version] = folder
    if missing:
        print(f"{arguments.script}: not on this machine, left out: Python {', '.join(missing)}", flush=True)
    if not found:
        return NONE_FOUND
    hatch = shutil.which("hatch")
    if hatch is None:
        parser.error("hatch is not on PATH")
    path = os.pathsep.join([*map(str, found.values()), os.environ["PATH"]])
    command = [hatch, "run", "+py=" + ",".join(found), arguments.script]
    return subprocess.run(command, env={**os.environ, "PATH": path}, check=False).returncode  # noqa: S603  # hatch


def _folders(version: str) -> Iterator[Path]:
    """Yield where ``python{version}`` may be, the most likely place first."""
    on_path = [Path(entry) for entry in os.environ["PATH"].split(os.pathsep) if entry]
    yield from on_path
    # Without PYENV_ROOT or a home, the folder of pyenv's shims still tells where it keeps its versions.
    roots = [Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")]
    roots += [folder.parent for folder in on_path if folder.name == "shims"]
    number, threads = version.removesuffix("t"), version[len(version.removesuffix("t")) :]
    for root in roots:
        yield from sorted(root.glob(f"versions/{number}.*[0-9]{threads}/bin"), reverse=True)


def _has(folder: Path, version: str) -> bool:
    """Tell whether *folder* has that Python; a shim of pyenv exists, but fails when its version is not chosen."""
    program = folder / f"python{version}"
    if not program.exists():
        return False
    # A free-threaded build may also be there under the name of the other.
    code = "import sysconfig; raise SystemExit(bool(sysconfig.get_config_var('Py_GIL_DISABLED')))"
    tried = subprocess.run([program, "-c", code], capture_output=True, check=False)  # noqa: S603  # a Python on PATH
    return tried.returncode == version.endswith("t")


if __name__ == "__main__":
    sys.exit(main())
