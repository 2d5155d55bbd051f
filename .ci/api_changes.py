"""
Hold the version of each distribution against what changed in its public API since its last release.

Usage: api_changes.py [DISTRIBUTION...]

What breaks a caller wants the next major version, and any other change of a public name or signature the next
minor one, in the literal ``__version__``. The last release is the last tag ``transport-x-v1.2.3`` behind HEAD;
a distribution without one passes, as does a tree that is not a git checkout.
"""

import argparse
import io
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import griffe

ROOT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r"""^__version__ = "(?P<version>\d+\.\d+\.\d+)"$""", re.MULTILINE)

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Changes:
    """What is different between two states of a distribution, a sentence for each difference."""

    breaking: list[str]
    other: list[str]

    def least(self, before: Version) -> Version:
        """Return the least version that may follow *before*."""
        if self.breaking:
            return (before[0] + 1, 0, 0)
        return (before[0], before[1] + 1, 0) if self.other else before


def main() -> int:
    """Check the distributions that are asked for, all by default; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("distributions", nargs="*", metavar="DISTRIBUTION")
    wanted = parser.parse_args().distributions or sorted(path.name for path in (ROOT / "packages").iterdir())
    status = 0
    for distribution in wanted:
        tag = last_tag(distribution)
        if tag is None:
            print(f"{distribution}: no release yet, nothing to compare with")
            continue
        wrong = too_small_a_step(distribution, tag, ROOT)
        if wrong is None:
            print(f"{distribution}: the step from {tag} to {dotted(version_in(ROOT, distribution))} fits")
        else:
            print(wrong, file=sys.stderr)
            status = 1
    return status


def too_small_a_step(distribution: str, tag: str, tree: Path) -> str | None:
    """Say why the version of *distribution* in *tree* is too low for its changes since *tag*; ``None`` if it is not."""
    with tempfile.TemporaryDirectory() as folder:
        export(tag, Path(folder))
        changes = compare(distribution, Path(folder), tree)
    before, now = version_of(tag), version_in(tree, distribution)
    least = changes.least(before)
    if now >= least:
        return None
    lines = [f"{distribution}: version is {dotted(now)}, expected at least {dotted(least)}; since {tag}"]
    return "\n".join([*lines, *(f"  {change}" for change in changes.breaking + changes.other)])


def compare(distribution: str, old_tree: Path, new_tree: Path) -> Changes:
    """Return what is different in the public API of *distribution*."""
    old, new = _load(distribution, old_tree), _load(distribution, new_tree)
    old_api, new_api = dict(_described(old)), dict(_described(new))
    gone = old_api.keys() - new_api.keys()
    breaking = {
        breakage.explain(griffe.ExplanationStyle.ONE_LINE) for breakage in griffe.find_breaking_changes(old, new)
    }
    other = [f"new: {name}" for name in new_api.keys() - old_api.keys()]
    other += [
        f"changed: {name}{old_api[name]} is now {name}{new_api[name]}"
        for name in old_api.keys() & new_api.keys()
        if old_api[name] != new_api[name]
    ]
    return Changes(sorted({f"gone: {name}" for name in gone} | {f"breaks: {text}" for text in breaking}), sorted(other))


def last_tag(distribution: str) -> str | None:
    """Return the tag of the last release of *distribution* behind HEAD; ``None`` if there is none, or no history."""
    # A file in a linked worktree. Asked first: git would search the folders above for a repository of somebody else's.
    if not (ROOT / ".git").exists():
        return None
    listed = git("tag", "--merged=HEAD", "--sort=-version:refname", "--list", f"{distribution}-v*")
    if listed.returncode:
        # Not taken for a history without tags: git also refuses a checkout that belongs to another user.
        raise SystemExit(f"git tag failed:\n{listed.stderr.decode()}")
    return next(iter(listed.stdout.decode().split()), None)


def export(commit: str, into: Path) -> None:
    """Write all files as they are in *commit* into a folder."""
    archive = git("archive", commit)
    archive.check_returncode()
    unpack(io.BytesIO(archive.stdout), into)


def unpack(archive: IO[bytes], into: Path) -> None:
    """Write what is in a tar archive of our own, compressed or not, into a folder."""
    with tarfile.open(fileobj=archive) as tar:
        # Older ones among the patch releases of Python 3.11 don't know filters: Debian 12 has 3.11.2.
        if hasattr(tarfile, "data_filter"):
            tar.extractall(into, filter="data")
        else:
            tar.extractall(into)  # noqa: S202  # made here


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in the repository and return what came of it."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)  # noqa: S603, S607  # git


def version_file(tree: Path, distribution: str) -> Path:
    """Return where *distribution* keeps its version."""
    return tree / "packages" / distribution / "src" / _package(distribution) / "__init__.py"


def version_in(tree: Path, distribution: str) -> Version:
    """Return the version that *distribution* has in *tree*."""
    found = VERSION.search(version_file(tree, distribution).read_text())
    if found is None:
        raise SystemExit(f'{distribution}: no literal __version__ = "1.2.3" in {version_file(tree, distribution)}')
    return version_of(found["version"])


def version_of(text: str) -> Version:
    """Return the version at the end of *text*, which may be a tag."""
    major, minor, patch = text.rpartition("-v")[2].split(".")
    return int(major), int(minor), int(patch)


def dotted(version: Version) -> str:
    """Return *version* as people write it."""
    return ".".join(map(str, version))


def _package(distribution: str) -> str:
    return distribution.replace("-", "_")


def _load(distribution: str, tree: Path) -> griffe.Object:
    paths = [tree / "packages" / name / "src" for name in (distribution, "transport-base")]
    # Read, never imported: the two states of one package can't both be.
    loaded = griffe.load(_package(distribution), search_paths=paths, allow_inspection=False, resolve_aliases=True)
    assert isinstance(loaded, griffe.Object)
    return loaded


def _described(package: griffe.Object) -> Iterator[tuple[str, str]]:
    """Yield each public name of *package*, and of the classes of its own that these name, with its form."""
    exports = sorted(map(str, package.exports or []))
    yield from ((f"from {package.path} import {name}", "") for name in exports)
    waiting = [_target(package[name]) for name in exports]
    seen: set[str] = set()
    while waiting:
        target = waiting.pop()
        if target.path in seen:
            continue
        seen.add(target.path)
        # A public class may stand in a private module, so the name that callers know is the last one.
        yield target.name, _form(target)
        waiting += _named_by(target, package)
        if isinstance(target, griffe.Class):
            for name, part in target.all_members.items():
                if part.is_public and name != "__slots__":
                    yield f"{target.name}.{name}", _form(_target(part))
                    waiting += _named_by(_target(part), package)


def _target(item: griffe.Object | griffe.Alias) -> griffe.Object:
    return item.final_target if isinstance(item, griffe.Alias) else item


def _form(item: griffe.Object) -> str:
    match item:
        case griffe.Class():
            return f"({', '.join(map(str, item.bases))})"
        case griffe.Function():
            return " | ".join(one.signature().removeprefix(one.name) for one in item.overloads or [item])
        case griffe.Attribute():
            return f": {item.annotation}"
        case _:
            return ""


def _named_by(item: griffe.Object, package: griffe.Object) -> Iterator[griffe.Object]:
    """Yield what is defined in *package* and named by the annotations of *item*."""
    annotations: list[griffe.Expr | str | None] = []
    match item:
        case griffe.Class():
            annotations += item.bases
        case griffe.Function():
            for one in item.overloads or [item]:
                annotations += [one.returns, *(parameter.annotation for parameter in one.parameters)]
        case griffe.Attribute():
            annotations.append(item.annotation)
        case _:
            pass
    for annotation in annotations:
        for part in annotation.iterate(flat=True) if isinstance(annotation, griffe.Expr) else ():
            path = part.canonical_path if isinstance(part, griffe.ExprName) else ""
            if path.startswith(f"{package.path}."):
                yield _target(package[path.removeprefix(f"{package.path}.")])


if __name__ == "__main__":
    sys.exit(main())
