"""Distributions move apart: each works with every other that its requirements let in."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from .artefacts import DISTRIBUTIONS, ROOT, TRANSPORTS, build, package_of, unpack
from .venv import Venv

DELIVERY = Path(__file__).parent
WheelAt = Callable[[str, str], Path]

# Artificial: the sources of today, which later versions of the same major number have to be compatible with.
NEWEST_BASE = "1.9.0"


def project_of(distribution: str) -> Path:
    return ROOT / "packages" / distribution


def oldest_base_of(transport: str) -> str:
    """Return the lowest version of the base that *transport* requires."""
    bound = re.search(r'"transport-base>=(\d+\.\d+),<\d+"', (project_of(transport) / "pyproject.toml").read_text())
    assert bound is not None
    return f"{bound[1]}.0"


@pytest.fixture(scope="session")
def base_as_released(wheel_at: WheelAt, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that builds the base from the tag of a version; from the sources of today before there is one."""

    def built(version: str) -> Path:
        folder = tmp_path_factory.mktemp("base")
        archive = folder / "base.tar"
        project = "packages/transport-base"
        command = ["git", "archive", f"--output={archive}", f"transport-base-v{version}", project]
        if subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode:
            return wheel_at("transport-base", version)
        unpack(archive, folder)
        return build(folder / project, folder / "dist")

    return built


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the oldest pyzmq has no wheels for it")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_transport_works_with_the_oldest_of_all_that_it_requires(
    transport: str, dist: Path, base_as_released: Callable[[str], Path], tmp_path: Path
) -> None:
    """Its own tests pass on its wheel, with the oldest base and the oldest direct dependencies."""
    base = base_as_released(oldest_base_of(transport))
    (wheel,) = dist.glob(f"{package_of(transport)}-*.whl")
    tests = tomllib.loads((ROOT / "hatch.toml").read_text())["envs"]["tests"]["dependencies"]
    venv = Venv(tmp_path / "venv")
    # The requirements are named one by one, because the lowest versions are taken of what is named, not of what
    # that brings along.
    requirements = project_of(transport) / "pyproject.toml"
    venv.install("--resolution=lowest-direct", "--requirements", requirements, *tests, ours=[base])
    venv.install("--no-deps", wheel)
    named = tomllib.loads(requirements.read_text())["project"]["dependencies"]
    for name, lowest in re.findall(r"^([\w-]+)>=([\d.]+)", "\n".join(named), flags=re.MULTILINE):
        assert Version(venv.installed()[name]) == Version(lowest)
    shutil.copytree(project_of(transport) / "tests", tmp_path / "tests")
    settings = (f"--config-file={ROOT / 'pytest.ini'}", f"--rootdir={tmp_path}", "-p", "no:cacheprovider")
    venv.run("-m", "pytest", "-q", *settings, tmp_path / "tests", cwd=tmp_path, seconds=840)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_transport_works_with_the_newest_base_that_it_allows(
    transport: str, dist: Path, wheel_at: WheelAt, tmp_path: Path
) -> None:
    (wheel,) = dist.glob(f"{package_of(transport)}-*.whl")
    venv = Venv(tmp_path / "venv")
    venv.install(transport, ours=[wheel, wheel_at("transport-base", NEWEST_BASE)])
    assert venv.installed()["transport-base"] == NEWEST_BASE
    assert venv.run(DELIVERY / "uses" / f"{package_of(transport)}.py") == "HELLO\n"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_transport_takes_no_base_outside_of_its_range(
    transport: str, dist: Path, third_party: Venv, wheel_at: WheelAt, tmp_path: Path
) -> None:
    """Of four bases, the lowest and the highest that are resolved to are the ends of the range."""
    offered = ("0.9.9", oldest_base_of(transport), NEWEST_BASE, "2.0.0")
    for version in offered:
        shutil.copy(wheel_at("transport-base", version), tmp_path)
    (wheel,) = dist.glob(f"{package_of(transport)}-*.whl")
    for resolution, expected in (("lowest", offered[1]), ("highest", offered[2])):
        told = third_party.would_install("--no-index", "--find-links", tmp_path, f"--resolution={resolution}", wheel)
        assert f"+ transport-base=={expected}" in told


def test_distributions_of_different_versions_work_together(wheel_at: WheelAt, tmp_path: Path) -> None:
    """All four at once, no two of one version, under a project that uses them all."""
    versions = dict(zip(DISTRIBUTIONS, (NEWEST_BASE, "1.0.0", "1.7.2", "1.3.0"), strict=True))
    venv = Venv(tmp_path / "venv")
    venv.install(*TRANSPORTS, ours=[wheel_at(*item) for item in versions.items()])
    assert versions.items() <= venv.installed().items()
    ran = venv.run("-m", "downstream", PYTHONPATH=str(ROOT / "integration-tests" / "downstream" / "src"))
    assert len(ran.splitlines()) == 3
