"""Skips tests whose peers are not installed, and sums up how each peer fared, with its version."""

import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

for folder in (HERE.parent, *sorted(ROOT.glob("packages/*/examples"))):
    sys.path.insert(0, str(folder))

from peers.versions import version  # noqa: E402  # the path to it has only just been set

_OUTCOMES = pytest.StashKey[dict[str, Counter[str]]]()
_MISSING = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "peer(*names): the software, not of this project, that a test runs against")
    config.stash[_OUTCOMES] = {}
    config.stash[_MISSING] = set()


def peers_of(item: pytest.Item) -> list[str]:
    names = [name for mark in item.iter_markers("peer") for name in mark.args]
    return list(dict.fromkeys(names))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        missing = [name for name in peers_of(item) if version(name) is None]
        config.stash[_MISSING].update(missing)
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"{' and '.join(missing)} not installed"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" or report.outcome != "passed":
        for name in peers_of(item):
            item.config.stash[_OUTCOMES].setdefault(name, Counter())[report.outcome] += 1
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.section("peers")
    for name, outcomes in sorted(config.stash[_OUTCOMES].items()):
        shown = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        terminalreporter.line(f"{name:20} {version(name) or 'not installed':28} {shown}")
