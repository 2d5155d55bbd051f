"""What holds for each distribution, told once."""

import importlib
import tomllib
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(ROOT.glob("packages/*"))

each_distribution = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def package(folder: Path) -> ModuleType:
    return importlib.import_module(folder.name.replace("-", "_"))


def test_all_four_are_here() -> None:
    assert [folder.name for folder in FOLDERS] == [
        "transport-base",
        "transport-http",
        "transport-wsgi",
        "transport-zmq",
    ]


@each_distribution
def test_all_is_the_public_names_in_order(folder: Path) -> None:
    module = package(folder)
    public = {
        name for name, value in vars(module).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert module.__all__ == sorted(public)


@each_distribution
def test_installed_version_is_that_of_the_package(folder: Path) -> None:
    """It also tells that an environment is stale."""
    assert metadata.version(folder.name) == package(folder).__version__


@each_distribution
def test_package_is_the_one_in_this_repository(folder: Path) -> None:
    assert Path(str(package(folder).__file__)).is_relative_to(folder / "src")


@each_distribution
def test_license_is_a_file_equal_to_the_root_s(folder: Path) -> None:
    license_file = folder / "LICENSE"
    assert not license_file.is_symlink()
    assert license_file.read_bytes() == (ROOT / "LICENSE").read_bytes()


@each_distribution
def test_distribution_is_whole_in_itself(folder: Path) -> None:
    name = folder.name.replace("-", "_")
    for part in ("pyproject.toml", "README.md", "CHANGELOG.md", f"src/{name}/py.typed", "tests", "typing_tests"):
        assert (folder / part).exists(), part
    assert tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"] == folder.name
