"""
Cut a release of one distribution: its version, its changelog, its artefacts, a commit and a tag.

Usage: release.py DISTRIBUTION VERSION [--dry-run]

What is built is what stands in HEAD, with the version and the dated changelog put in. Nothing in the working
tree changes until the artefacts have passed their checks. Pushing and uploading are left to a person.
"""

import argparse
import difflib
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

# Before the next import: a dry run and a refusal leave nothing behind, not even the bytecode of what this imports.
sys.dont_write_bytecode = True

import api_changes  # noqa: E402

ROOT = api_changes.ROOT
UNRELEASED = "## [Unreleased]\n"


class Refusal(Exception):  # noqa: N818  # it is not an error of the program
    """Why there is to be no release."""


def main() -> int:
    """Cut the release, or say why not; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("distribution", help="such as transport-zmq")
    parser.add_argument("version", help="the new version, such as 1.2.0")
    parser.add_argument(
        "--dry-run", action="store_true", help="build and check, show what would happen, change nothing"
    )
    arguments = parser.parse_args()
    try:
        _cut(arguments.distribution, arguments.version, dry_run=arguments.dry_run)
    except Refusal as refusal:
        print(f"release: {refusal}", file=sys.stderr)
        return 1
    return 0


def _cut(distribution: str, version: str, *, dry_run: bool) -> None:
    known = sorted(path.name for path in (ROOT / "packages").iterdir())
    if distribution not in known:
        raise Refusal(f"distribution is {distribution}, expected one of {', '.join(known)}")
    # Named, because a user's settings may leave new files out.
    dirty = _git("status", "--porcelain", "--untracked-files=normal")
    if dirty:
        raise Refusal(f"the working tree has changes, expected none:\n{dirty}")
    tag = f"{distribution}-v{version}"
    before = api_changes.last_tag(distribution)
    _check_step(distribution, version, before)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        api_changes.export("HEAD", tree)
        edited = _edit(tree, distribution, version)
        wrong = api_changes.too_small_a_step(distribution, before, tree) if before else None
        if wrong:
            raise Refusal(wrong)
        artefacts = _built(tree / "packages" / distribution, Path(folder) / "dist", version)
        if dry_run:
            _show(tree, edited)
            print(f"would put {', '.join(path.name for path in artefacts)} into dist/")
            print(f"would commit {', '.join(map(str, edited))} and tag {tag}")
            return
        for path in edited:
            shutil.copyfile(tree / path, ROOT / path)
        (ROOT / "dist").mkdir(exist_ok=True)
        for path in artefacts:
            shutil.copy(path, ROOT / "dist")
    _git("commit", "--quiet", f"--message=Release {distribution} {version}", "--", *map(str, edited))
    _git("tag", "--annotate", f"--message={distribution} {version}", tag)
    print(f"committed and tagged {tag}; to publish it:")
    print(f"  git push --atomic origin HEAD {tag}")
    print(f"  twine upload {' '.join(f'dist/{path.name}' for path in artefacts)}")


def _check_step(distribution: str, version: str, before: str | None) -> None:
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version):
        raise Refusal(f"version is {version}, expected three numbers like 1.2.0")
    # The literal may have stepped on already, together with the change that asked for it.
    now = api_changes.version_in(ROOT, distribution)
    if api_changes.version_of(version) < now:
        raise Refusal(f"version is {version}, expected {api_changes.dotted(now)} or more, as __version__ has it")
    if before and api_changes.version_of(version) <= api_changes.version_of(before):
        raise Refusal(f"version is {version}, expected more than that of the last release, {before}")


def _edit(tree: Path, distribution: str, version: str) -> list[Path]:
    """Put *version* and its date into *tree*; return the files that are different now, relative to it."""
    source = api_changes.version_file(tree, distribution)
    changelog = tree / "packages" / distribution / "CHANGELOG.md"
    before = {path: path.read_text() for path in (source, changelog)}
    source.write_text(api_changes.VERSION.sub(f'__version__ = "{version}"', before[source]))
    head, heading, rest = before[changelog].partition(UNRELEASED)
    news = re.split(r"^## |^\[[^]]+\]: ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    if not re.sub(r"^#.*", "", news, flags=re.MULTILINE).strip():
        name = changelog.relative_to(tree)
        raise Refusal(f"{name} has nothing under [Unreleased], expected what this version changes for its users")
    today = datetime.now(UTC).date()
    changelog.write_text(f"{head}{heading}\n## [{version}] - {today}\n{rest}")
    return [path.relative_to(tree) for path, text in before.items() if path.read_text() != text]


def _built(project: Path, into: Path, version: str) -> list[Path]:
    """Build *project*, the wheel from the sdist; return both when the checks let them pass."""
    _tool("hatchling", "build", "--target=sdist", f"--directory={into}", cwd=project)
    (sdist,) = into.iterdir()
    with sdist.open("rb") as archive:
        api_changes.unpack(archive, into.parent / "unpacked")
    (unpacked,) = (into.parent / "unpacked").iterdir()
    _tool("hatchling", "build", "--target=wheel", f"--directory={into}", cwd=unpacked)
    artefacts = sorted(into.iterdir())
    name = project.name.replace("-", "_")
    wanted = [f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.tar.gz"]
    if [path.name for path in artefacts] != wanted:
        raise Refusal(f"built {[path.name for path in artefacts]}, expected {wanted}")
    _tool("twine", "check", "--strict", *map(str, artefacts))
    _tool("check_wheel_contents", str(artefacts[0]))
    return artefacts


def _show(tree: Path, edited: list[Path]) -> None:
    for path in edited:
        old, new = ((top / path).read_text().splitlines(keepends=True) for top in (ROOT, tree))
        sys.stdout.writelines(difflib.unified_diff(old, new, str(path), str(path)))


def _tool(module: str, *arguments: str, cwd: Path | None = None) -> None:
    command = [sys.executable, "-m", module, *arguments]
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603  # our own tools
    if ran.returncode:
        raise Refusal(f"{module} found fault:\n{ran.stdout}{ran.stderr}")


def _git(*arguments: str) -> str:
    ran = api_changes.git(*arguments)
    if ran.returncode:
        raise Refusal(f"git {arguments[0]} failed:\n{(ran.stdout + ran.stderr).decode()}")
    return ran.stdout.decode()


if __name__ == "__main__":
    sys.exit(main())
