"""The command that cuts a release, in a repository of its own."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .artefacts import GIT_ENVIRONMENT, commit, copy_tree, git, renumber

Edit = Callable[[Path], None]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The tree as it is, committed in a repository without tags; transport-zmq is at 1.0.0 and has news to tell."""
    tree = copy_tree(tmp_path / "repository")
    renumber(tree / "packages" / "transport-zmq", "1.0.0")
    (tree / "packages/transport-zmq/CHANGELOG.md").write_text(
        "# Changelog\n\n## [Unreleased]\n\n### Fixed\n\n- Something.\n\n## [0.9.0] - 2026-01-01\n\n- Before.\n"
    )
    commit(tree)
    return tree


def release(tree: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, tree / ".ci" / "release.py", *arguments]
    env = {**GIT_ENVIRONMENT, **variables}
    # Its own to decide.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False)


def state(tree: Path) -> tuple[str, ...]:
    return git(tree, "log", "--format=%H"), git(tree, "tag"), git(tree, "status", "--porcelain", "--ignored")


def test_release_bumps_dates_builds_commits_and_tags(repository: Path) -> None:
    ran = release(repository, "transport-zmq", "1.2.0")
    assert ran.returncode == 0, ran.stderr
    assert git(repository, "status", "--porcelain") == ""
    assert git(repository, "log", "-1", "--format=%s").strip() == "Release transport-zmq 1.2.0"
    assert git(repository, "tag", "--points-at", "HEAD").strip() == "transport-zmq-v1.2.0"
    assert git(repository, "cat-file", "-t", "transport-zmq-v1.2.0").strip() == "tag"
    changed = git(repository, "diff", "--name-only", "HEAD~").split()
    assert changed == ["packages/transport-zmq/CHANGELOG.md", "packages/transport-zmq/src/transport_zmq/__init__.py"]
    assert '__version__ = "1.2.0"\n' in (repository / changed[1]).read_text()
    changelog = (repository / changed[0]).read_text()
    assert re.sub(r"- \d{4}-\d\d-\d\d\n", "- TODAY\n", changelog, count=1).startswith(
        "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - TODAY\n\n### Fixed\n\n- Something.\n\n## [0.9.0] - 2026-01-01\n"
    )
    assert sorted(path.name for path in (repository / "dist").iterdir()) == [
        "transport_zmq-1.2.0-py3-none-any.whl",
        "transport_zmq-1.2.0.tar.gz",
    ]


def test_dry_run_shows_all_and_changes_nothing(repository: Path) -> None:
    before = state(repository)
    ran = release(repository, "transport-zmq", "1.2.0", "--dry-run")
    assert ran.returncode == 0, ran.stderr
    assert state(repository) == before
    assert '-__version__ = "1.0.0"\n+__version__ = "1.2.0"\n' in ran.stdout
    assert "+## [1.2.0] - " in ran.stdout
    assert "transport_zmq-1.2.0-py3-none-any.whl" in ran.stdout
    assert "tag transport-zmq-v1.2.0" in ran.stdout


def test_first_release_may_have_the_version_that_stands_there(repository: Path) -> None:
    ran = release(repository, "transport-zmq", "1.0.0")
    assert ran.returncode == 0, ran.stderr
    assert git(repository, "diff", "--name-only", "HEAD~").split() == ["packages/transport-zmq/CHANGELOG.md"]


def test_released_changelog_is_empty_for_the_next(repository: Path) -> None:
    assert release(repository, "transport-zmq", "1.0.1").returncode == 0
    ran = release(repository, "transport-zmq", "1.0.2")
    assert ran.returncode == 1
    assert "nothing under [Unreleased]" in ran.stderr


def test_each_distribution_has_tags_and_versions_of_its_own(repository: Path) -> None:
    git(repository, "tag", "transport-http-v7.0.0")
    assert release(repository, "transport-zmq", "1.0.1").returncode == 0


def a_new_file(tree: Path) -> None:
    (tree / "packages" / "note.txt").write_text("forgotten")


def an_empty_changelog(tree: Path) -> None:
    path = tree / "packages/transport-zmq/CHANGELOG.md"
    path.write_text(path.read_text().replace("- Something.\n", ""))
    commit(tree)


def a_release_before(tree: Path) -> None:
    git(tree, "tag", "transport-zmq-v1.1.0")


def a_new_method(tree: Path) -> None:
    git(tree, "tag", "transport-zmq-v1.0.0")
    path = tree / "packages/transport-zmq/src/transport_zmq/_client.py"
    path.write_text(path.read_text().replace("    def close(", "    def peek(self) -> str: ...\n\n    def close(", 1))
    commit(tree)


def a_readme_that_does_not_render(tree: Path) -> None:
    path = tree / "packages/transport-zmq/pyproject.toml"
    path.write_text(path.read_text().replace('"README.md"', '{ text = "`a <b", content-type = "text/x-rst" }'))
    commit(tree)


def a_file_that_is_no_package(tree: Path) -> None:
    path = tree / "packages/transport-zmq/src/stray.py"
    path.write_text("")
    project = tree / "packages/transport-zmq/pyproject.toml"
    project.write_text(project.read_text().replace('packages = ["src/', 'packages = ["src/stray.py", "tests", "src/'))
    commit(tree)


def nothing(tree: Path) -> None:
    pass


def test_new_file_is_a_change_whatever_git_is_set_to_show(repository: Path) -> None:
    a_new_file(repository)
    setting = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "status.showUntrackedFiles", "GIT_CONFIG_VALUE_0": "no"}
    ran = release(repository, "transport-zmq", "1.2.0", **setting)
    assert ran.returncode == 1
    assert "packages/note.txt" in ran.stderr


@pytest.mark.parametrize(
    ("prepare", "arguments", "reason"),
    [
        pytest.param(a_new_file, ["transport-zmq", "1.2.0"], "working tree has changes", id="dirty-tree"),
        pytest.param(nothing, ["transport-zeromq", "1.2.0"], "expected one of transport-base", id="unknown"),
        pytest.param(an_empty_changelog, ["transport-zmq", "1.2.0"], "nothing under [Unreleased]", id="no-news"),
        pytest.param(nothing, ["transport-zmq", "0.9.9"], "expected 1.0.0 or more", id="backwards"),
        pytest.param(a_release_before, ["transport-zmq", "1.1.0"], "expected more than", id="no-step"),
        pytest.param(a_release_before, ["transport-zmq", "1.0.5"], "expected more than", id="behind-the-tag"),
        pytest.param(nothing, ["transport-zmq", "1.2"], "expected three numbers", id="two-numbers"),
        pytest.param(nothing, ["transport-zmq", "v1.2.0"], "expected three numbers", id="prefix"),
        pytest.param(a_new_method, ["transport-zmq", "1.0.1"], "expected at least 1.1.0", id="too-small-a-step"),
        pytest.param(a_readme_that_does_not_render, ["transport-zmq", "1.2.0"], "twine found fault", id="twine"),
        pytest.param(
            a_file_that_is_no_package, ["transport-zmq", "1.2.0"], "check_wheel_contents found", id="contents"
        ),
    ],
)
def test_release_refuses_and_changes_nothing(
    repository: Path, prepare: Edit, arguments: list[str], reason: str
) -> None:
    prepare(repository)
    before = state(repository)
    ran = release(repository, *arguments)
    assert ran.returncode == 1
    assert reason in ran.stderr
    assert "Traceback" not in ran.stderr
    assert state(repository) == before
