"""Wheels: what is in them, how they are built, what they bring along."""

import re
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from .artefacts import DISTRIBUTIONS, ROOT, build, copy_of, package_of, tool, unpack
from .venv import Venv

# All that an empty environment holds after one distribution was installed.
BROUGHT = {
    "transport-base": {"transport-base"},
    "transport-http": {
        "transport-base",
        "transport-http",
        "requests",
        "certifi",
        "charset-normalizer",
        "idna",
        "urllib3",
    },
    "transport-wsgi": {"transport-base", "transport-wsgi", "werkzeug", "markupsafe"},
    "transport-zmq": {"transport-base", "transport-zmq", "pyzmq"},
}


def wheel(distribution: str, dist: Path) -> Path:
    (found,) = dist.glob(f"{package_of(distribution)}-*.whl")
    return found


def metadata(distribution: str, dist: Path) -> Message:
    with zipfile.ZipFile(wheel(distribution, dist)) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_string(archive.read(name).decode())


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_wheel_is_the_same_bytes_from_source_from_the_sdist_and_again(distribution: str, tmp_path: Path) -> None:
    wheels: list[Path] = []
    sdists: list[Path] = []
    for attempt in ("first", "second"):
        folder = tmp_path / attempt
        project = copy_of(distribution, folder / "source")
        wheels.append(build(project, folder / "from-source"))
        sdists.append(build(project, folder / "sdist", "sdist"))
        unpack(sdists[-1], folder / "unpacked")
        (unpacked,) = (folder / "unpacked").iterdir()
        wheels.append(build(unpacked, folder / "from-sdist"))
    assert len({path.read_bytes() for path in wheels}) == 1
    assert len({path.read_bytes() for path in sdists}) == 1


def test_twine_and_check_wheel_contents_find_no_fault(dist: Path, tmp_path: Path) -> None:
    """The README renders, the metadata are valid, and the wheels hold their packages and nothing else."""
    for distribution in DISTRIBUTIONS:
        build(copy_of(distribution, tmp_path / "source"), tmp_path / "sdist", "sdist")
    tool("twine", "check", "--strict", *dist.iterdir(), *(tmp_path / "sdist").iterdir())
    tool("check_wheel_contents", *dist.iterdir())


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_wheel_has_types_licence_and_all_metadata(distribution: str, dist: Path) -> None:
    with zipfile.ZipFile(wheel(distribution, dist)) as archive:
        names = archive.namelist()
    told = metadata(distribution, dist)
    assert f"{package_of(distribution)}/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert told["Name"] == distribution
    assert told["Summary"]
    assert told["License-Expression"] == "MIT"
    assert told["License-File"] == "LICENSE"
    assert told["Requires-Python"] == ">=3.11"
    assert told["Description-Content-Type"] == "text/markdown"
    assert "Typing :: Typed" in told.get_all("Classifier", [])
    assert {url.partition(",")[0] for url in told.get_all("Project-URL", [])} >= {"Homepage", "Source", "Changelog"}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_empty_environment_gets_what_is_needed_and_nothing_else(distribution: str, dist: Path, tmp_path: Path) -> None:
    """And the first example of the README runs there, with nothing else to import."""
    venv = Venv(tmp_path / "venv")
    venv.install(distribution, ours=dist.iterdir())
    assert venv.installed().keys() == BROUGHT[distribution]
    readme = (ROOT / "packages" / distribution / "README.md").read_text()
    examples = re.findall(r"^```python\n(.*?)^```$", readme, flags=re.MULTILINE | re.DOTALL)
    # A server and a client in two files need more than one process, and a web server.
    (example, *_) = (each for each in examples if not each.startswith(("# server.py", "# client.py")))
    (tmp_path / "example.py").write_text(example)
    assert venv.run(tmp_path / "example.py")


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_version_is_the_one_in_the_source(distribution: str, everything: Venv) -> None:
    code = f"import {package_of(distribution)} as package; print(package.__version__)"
    assert everything.run("-c", code).strip() == everything.installed()[distribution]
