"""
Hold the version of each distribution against what changed in its public API since its last release.

Usage: api_changes.py [DISTRIBUTION...]

What breaks a caller wants the next major version, and any other change of a public name or signature the next
minor one, in the literal ``__version__``. The last release is the last tag ``transport-x-v1.2.3`` behind HEAD;
a distribution without one passes.
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
    breaking = {breakage.explain(griffe.ExplanationStyle.ONE_LINE) for breakage in griffe.find_breaking_changes(old, new)}
    other = [f"new: {name}" for name in new_api.keys() - old_api.keys()]
    other += [
        f"changed: {name}{old_api[name]} is now {name}{new_api[name]}"
        for name in old_api.keys() & new_api.keys()
        if old_api[name] != new_api[name]
    ]
    return Changes(sorted({f"gone: {name}" for name in gone} | {f"breaks: {text}" for text in breaking}), sorted(other))


def last_tag(distribution: str) -> str | None:
    """Return the tag of the last release of *distribution* behind HEAD."""
    described = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", f"--match={distribution}-v*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or None


def export(commit: str, into: Path, *paths: str) -> None:
    """Write *paths* (all by default) as they are in *commit* into a folder."""
    archive = subprocess.run(["git", "archive", commit, *paths], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(into, filter="data")


def version_file(tree: Path, distribution: str) -> Path:
    """Return where *distribution* keeps its version."""
    return tree / "packages" / distribution / "src" / _package(distribution) / "__init__.py"


def version_in(tree: Path, distribution: str) -> Version:
    """Return the version that *distribution* has in *tree*."""
    found = VERSION.search(version_file(tree, distribution).read_text())
    if found is None:
        raise SystemExit(f"{distribution}: no literal __version__ = \"1.2.3\" in {version_file(tree, distribution)}")
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
    waiting = [package[name] for name in sorted(map(str, package.exports or []))]
    seen: set[str] = set()
    while waiting:
        member = waiting.pop()
        target = member.final_target if isinstance(member, griffe.Alias) else member
        if target.path in seen or not target.path.startswith(f"{package.path}."):
            continue
        seen.add(target.path)
        # A public class may stand in a private module, so the name that callers know is the last one.
        yield target.name, _form(target)
        waiting += _named_by(target, package)
        if isinstance(target, griffe.Class):
            for part in target.all_members.values():
                if part.is_public:
                    yield f"{target.name}.{part.name}", _form(part)
                    waiting += _named_by(part, package)


def _form(item: griffe.Object | griffe.Alias) -> str:
    if item.is_class:
        return f"({', '.join(map(str, item.bases))})"
    if not item.is_function:
        return f": {item.annotation}"
    return " | ".join(signature.signature(name="") for signature in _signatures(item))


def _signatures(function: griffe.Object | griffe.Alias) -> list[griffe.Function]:
    target = function.final_target if isinstance(function, griffe.Alias) else function
    assert isinstance(target, griffe.Function)
    holder = target.parent
    overloads = holder.overloads.get(target.name, []) if isinstance(holder, griffe.Class | griffe.Module) else []
    return overloads or [target]


def _named_by(item: griffe.Object | griffe.Alias, package: griffe.Object) -> Iterator[griffe.Object | griffe.Alias]:
    """Yield what is defined in *package* and named by the annotations of *item*."""
    annotations: list[griffe.Expr | str | None]
    if item.is_class:
        annotations = list(item.bases)
    elif item.is_function:
        parameters = [parameter for signature in _signatures(item) for parameter in signature.parameters]
        annotations = [item.annotation, *(parameter.annotation for parameter in parameters)]
    else:
        annotations = [item.annotation]
    for annotation in annotations:
        for part in annotation.iterate(flat=True) if isinstance(annotation, griffe.Expr) else ():
            path = part.canonical_path if isinstance(part, griffe.ExprName) else ""
            if path.startswith(f"{package.path}."):
                yield package[path.removeprefix(f"{package.path}.")]


if __name__ == "__main__":
    sys.exit(main())
