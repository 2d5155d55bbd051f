"""What the tests of this folder share: wheels built once, and environments made of them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from .artefacts import DISTRIBUTIONS, build, copy_of
from .venv import Venv


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of each distribution."""
    folder = tmp_path_factory.mktemp("dist")
    for distribution in DISTRIBUTIONS:
        build(copy_of(distribution, tmp_path_factory.mktemp("source")), folder)
    return folder


@pytest.fixture(scope="session")
def wheel_at(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """A function that builds a distribution at any version, from the sources of today."""

    @cache
    def built(distribution: str, version: str) -> Path:
        project = copy_of(distribution, tmp_path_factory.mktemp("source"), version)
        return build(project, tmp_path_factory.mktemp(f"{distribution}-{version}-"))

    return built


@pytest.fixture(scope="session")
def everything(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """An environment with all four wheels in it, for those who only read it."""
    venv = Venv(tmp_path_factory.mktemp("everything") / "venv")
    venv.install(*DISTRIBUTIONS, ours=dist.iterdir())
    return venv


@pytest.fixture(scope="session")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """An environment with what the transports depend on, and nothing of ours."""
    venv = Venv(tmp_path_factory.mktemp("third-party") / "venv")
    venv.install("pyzmq", "requests", "werkzeug")
    assert not venv.installed().keys() & set(DISTRIBUTIONS)
    return venv
