"""The check that holds a version against what changed in the public API."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .artefacts import DISTRIBUTIONS, GIT_ENVIRONMENT, ROOT, commit, copy_tree, git, output_of, renumber

CLIENT = "packages/transport-zmq/src/transport_zmq/_client.py"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The tree as it is, with transport-zmq tagged as 1.4.2 and the others not at all."""
    tree = copy_tree(tmp_path / "repository")
    renumber(tree / "packages" / "transport-zmq", "1.4.2")
    commit(tree)
    git(tree, "tag", "transport-zmq-v1.4.2")
    return tree


def check(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [sys.executable, tree / ".ci" / "api_changes.py", *arguments]
    return subprocess.run(command, env=GIT_ENVIRONMENT, capture_output=True, text=True, timeout=100, check=False)


def replace(tree: Path, path: str, old: str, new: str) -> None:
    text = (tree / path).read_text()
    assert old in text
    (tree / path).write_text(text.replace(old, new, 1))


def a_public_method(tree: Path) -> None:
    replace(tree, CLIENT, "    def close(", "    def peek(self) -> str: ...\n\n    def close(")


def an_optional_parameter(tree: Path) -> None:
    replace(tree, CLIENT, "    def close(self)", "    def close(self, linger: float | None = None)")


def a_wider_type(tree: Path) -> None:
    replace(tree, CLIENT, "        endpoint: str,\n", "        endpoint: str | bytes,\n")


def a_public_name(tree: Path) -> None:
    path = "packages/transport-zmq/src/transport_zmq/__init__.py"
    replace(tree, path, '__all__ = ["Envelope", ', '__all__ = ["DEFAULT_MAX_MESSAGE_BYTES", "Envelope", ')
    replace(tree, path, "from ._server", "from ._sockets import DEFAULT_MAX_MESSAGE_BYTES\nfrom ._server")


def a_required_parameter(tree: Path) -> None:
    replace(tree, CLIENT, "    def close(self)", "    def close(self, linger: float)")


def a_renamed_option(tree: Path) -> None:
    replace(tree, CLIENT, "        max_message_bytes: int", "        max_reply_bytes: int")


def a_method_less(tree: Path) -> None:
    replace(tree, CLIENT, "    def close(", "    def _close(")


def a_public_name_less(tree: Path) -> None:
    replace(tree, "packages/transport-zmq/src/transport_zmq/__init__.py", '"Envelope", ', "")


def a_private_method(tree: Path) -> None:
    replace(tree, CLIENT, "    def close(", "    def _peek(self) -> str: ...\n\n    def close(")


@pytest.mark.parametrize(
    ("change", "version", "passes"),
    [
        pytest.param(a_private_method, "1.4.2", True, id="private-method-no-step"),
        pytest.param(a_public_method, "1.4.3", False, id="method-patch-step"),
        pytest.param(a_public_method, "1.5.0", True, id="method-minor-step"),
        pytest.param(a_public_name, "1.4.2", False, id="name-no-step"),
        pytest.param(a_public_name, "2.0.0", True, id="name-major-step"),
        pytest.param(an_optional_parameter, "1.4.3", False, id="optional-parameter-patch-step"),
        pytest.param(an_optional_parameter, "1.5.0", True, id="optional-parameter-minor-step"),
        pytest.param(a_wider_type, "1.4.3", False, id="type-patch-step"),
        pytest.param(a_wider_type, "1.5.0", True, id="type-minor-step"),
        pytest.param(a_required_parameter, "1.5.0", False, id="required-parameter-minor-step"),
        pytest.param(a_renamed_option, "1.5.0", False, id="renamed-option-minor-step"),
        pytest.param(a_renamed_option, "2.0.0", True, id="renamed-option-major-step"),
        pytest.param(a_method_less, "1.5.0", False, id="lost-method-minor-step"),
        pytest.param(a_public_name_less, "1.5.0", False, id="lost-name-minor-step"),
        pytest.param(a_public_name_less, "2.0.0", True, id="lost-name-major-step"),
    ],
)
def test_version_step_has_to_fit_the_change(
    repository: Path, change: Callable[[Path], None], version: str, *, passes: bool
) -> None:
    change(repository)
    renumber(repository / "packages" / "transport-zmq", version)
    ran = check(repository, "transport-zmq")
    assert ran.returncode == (0 if passes else 1), ran.stdout + ran.stderr
    if not passes:
        assert f"transport-zmq: version is {version}, expected at least " in ran.stderr


def test_distribution_without_a_release_passes_with_a_word(repository: Path) -> None:
    ran = check(repository)
    assert ran.returncode == 0, ran.stderr
    for distribution in DISTRIBUTIONS:
        word = "fits" if distribution == "transport-zmq" else "no release yet, nothing to compare with"
        assert any(line.startswith(f"{distribution}: ") and word in line for line in ran.stdout.splitlines())


def test_last_release_is_the_highest_version(repository: Path) -> None:
    git(repository, "tag", "transport-zmq-v1.4.10")
    git(repository, "tag", "transport-zmq-v1.4.9")
    ran = check(repository, "transport-zmq")
    assert ran.returncode == 1
    assert "version is 1.4.2, expected at least 1.4.10; since transport-zmq-v1.4.10" in ran.stderr


def test_tree_without_a_history_passes_whatever_lies_around_it(repository: Path) -> None:
    """As unpacked from an archive, within a repository of somebody else's."""
    (repository / ".git").rename(repository.parent / ".git")
    ran = check(repository)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("no release yet, nothing to compare with") == len(DISTRIBUTIONS)


def test_git_that_fails_is_no_history_without_releases(repository: Path) -> None:
    (repository / ".git" / "HEAD").write_text("broken")
    ran = check(repository)
    assert ran.returncode == 1
    assert "git tag failed" in ran.stderr


def test_versions_of_today_fit_what_changed_since_the_last_tags() -> None:
    """What this very tree has to pass."""
    output_of([sys.executable, ROOT / ".ci" / "api_changes.py"])
