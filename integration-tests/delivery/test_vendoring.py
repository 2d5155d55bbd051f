"""Copies of a distribution inside somebody's own package, by both of the ways that people use."""

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .artefacts import DISTRIBUTIONS, ROOT, TRANSPORTS, output_of, package_of
from .checkers import errors_of
from .venv import Venv

USES = Path(__file__).with_name("uses")
VENDORED = "myapp._vendor."

Vendor = Callable[[Path, Path, str, Venv], None]


def by_the_readme(project: Path, dist: Path, distribution: str, venv: Venv) -> None:
    """Run the lines that the README of *distribution* gives."""
    readme = (ROOT / "packages" / distribution / "README.md").read_text()
    section = re.search(r"^## Vendoring\n.*?^```console\n(?P<lines>.*?)^```$", readme, flags=re.MULTILINE | re.DOTALL)
    assert section is not None
    # Where the README takes the folders of a checkout, the wheels that were built of them stand in.
    wheels = re.sub(r"\S+/packages/", "", section["lines"])
    lines = re.findall(r"^\$ (.*)$", wheels, flags=re.MULTILINE)
    assert len(lines) <= 5
    output_of(["bash", "-ec", "\n".join(lines)], cwd=project, env=pip_environment(dist, project, venv))


def by_the_tool(project: Path, dist: Path, distribution: str, venv: Venv) -> None:
    """Run pip's own tool on a configuration like pip's own."""
    (project / "vendor.txt").write_text("\n".join({"transport-base", distribution}))
    (project / "pyproject.toml").write_text(
        "[tool.vendoring]\n"
        'destination = "myapp/_vendor/"\n'
        'requirements = "vendor.txt"\n'
        'namespace = "myapp._vendor"\n'
        'protected-files = ["__init__.py"]\n'
        "[tool.vendoring.transformations]\n"
        'drop = ["*.dist-info"]\n'
    )
    (project / "myapp" / "_vendor").mkdir()
    (project / "myapp" / "_vendor" / "__init__.py").touch()
    command: list[str | Path] = [sys.executable, "-m", "vendoring", "sync"]
    output_of(command, cwd=project, env=pip_environment(dist, project, venv))


def pip_environment(dist: Path, project: Path, venv: Venv) -> dict[str, str]:
    """Return variables that make pip see only the wheels in *dist*, and installs into *venv* by default."""
    scratch = project / "scratch"
    scratch.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(dist),
        "PIP_PYTHON": str(venv.python),
        "PIP_CONFIG_FILE": os.devnull,
    }
    return {**os.environ, **settings, "PATH": path, "TMPDIR": str(scratch)}


def place_use(project: Path, distribution: str) -> None:
    """Add the program of *distribution* to ``myapp``, with its imports rewritten as the vendored ones are."""
    text = (USES / f"{package_of(distribution)}.py").read_text()
    (project / "myapp" / f"use_{package_of(distribution)}.py").write_text(
        text.replace("from transport_", f"from {VENDORED}transport_")
    )


@pytest.fixture(scope="session", params=[by_the_readme, by_the_tool], ids=["readme", "tool"])
def vendored(
    request: pytest.FixtureRequest, dist: Path, third_party: Venv, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """For each distribution a project whose package ``myapp`` has vendored it, in one of the ways."""
    vendor: Vendor = request.param
    projects: dict[str, Path] = {}
    for distribution in DISTRIBUTIONS:
        project = projects[distribution] = tmp_path_factory.mktemp(package_of(distribution))
        (project / "myapp").mkdir()
        (project / "myapp" / "__init__.py").touch()
        vendor(project, dist, distribution, third_party)
        place_use(project, distribution)
    return projects


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_vendored_copy_runs_with_nothing_of_ours_installed(
    distribution: str, vendored: dict[str, Path], third_party: Venv
) -> None:
    project = vendored[distribution]
    use = f"myapp.use_{package_of(distribution)}"
    assert third_party.run("-m", use, cwd=project, PYTHONPATH=str(project)) == "HELLO\n"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_command_of_a_vendored_copy_knows_its_name(
    transport: str, vendored: dict[str, Path], third_party: Venv
) -> None:
    project = vendored[transport]
    module = f"{VENDORED}{package_of(transport)}"
    usage = third_party.run("-m", module, "--help", cwd=project, PYTHONPATH=str(project))
    assert f"python -m {module}" in usage


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_vendored_copy_has_its_licences(distribution: str, vendored: dict[str, Path]) -> None:
    folder = vendored[distribution] / "myapp" / "_vendor"
    for package in ("transport_base", package_of(distribution)):
        assert [*folder.glob(f"{package}/LICENSE"), *folder.glob(f"{package}-*.dist-info/licenses/LICENSE")]


def test_vendored_copy_keeps_its_types(vendored: dict[str, Path], third_party: Venv, tmp_path: Path) -> None:
    """The copy and its use pass mypy and pyright at their strictest, and both see a mistake through the copy."""
    for distribution, project in vendored.items():
        shutil.copytree(project / "myapp", tmp_path / "myapp", dirs_exist_ok=True)
        if distribution == "transport-zmq":
            (tmp_path / "myapp" / "mistake.py").write_text(
                f"from {VENDORED}transport_zmq import ZmqClientTransport\n\n\n"
                "def mistake(client: ZmqClientTransport) -> None:\n"
                '    client.send_message(b"hello")\n'
            )
    # Findings are ignored where the copy needs more than is there: types-requests, and pytest for the contract suite.
    without = ("transport_http", "transport_base.contract")
    ignored = [f"[mypy-{VENDORED}{package}.*]\nignore_errors = true\n" for package in without]
    (tmp_path / "mypy.ini").write_text("".join(["[mypy]\nfiles = myapp\n", *ignored]))
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "ignore": ["myapp/_vendor"]}')
    for checker in ("mypy", "basedpyright"):
        assert errors_of(checker, tmp_path, third_party).keys() == {("mistake.py", 5)}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_vendored_copy_stands_beside_an_installed_one_of_another_version(
    transport: str, vendored: dict[str, Path], wheel_at: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """One process, both copies at work, and no class, error, logger or module of one in the other."""
    venv = Venv(tmp_path / "venv")
    venv.install(wheel_at("transport-base", "1.9.0"), wheel_at(transport, "1.8.0"))
    package = package_of(transport)
    installed_use = (USES / f"{package}.py").read_text()
    (tmp_path / "installed_use.py").write_text(installed_use)
    (tmp_path / "both.py").write_text(
        "import logging, sys, threading\n"
        f"import installed_use, {package}, transport_base\n"
        f"import myapp.use_{package} as vendored_use\n"
        f"from {VENDORED.rstrip('.')} import {package} as copy, transport_base as base_copy\n"
        f"assert ({package}.__version__, transport_base.__version__) == ('1.8.0', '1.9.0')\n"
        f"assert copy.__version__ != '1.8.0' and base_copy.__version__ != '1.9.0'\n"
        "def modules(prefix):\n"
        "    return {name: module for name, module in list(sys.modules.items()) if name.startswith(prefix)}\n"
        "def classes(prefix):\n"
        "    found = [value for module in modules(prefix).values() for value in vars(module).values()]\n"
        "    return {value for value in found if isinstance(value, type) and 'transport_' in value.__module__}\n"
        f"assert classes('transport_') and not classes('transport_') & classes('{VENDORED}')\n"
        "assert not issubclass(base_copy.TransportError, transport_base.TransportError)\n"
        "threads = [threading.Thread(target=use.main) for use in (installed_use, vendored_use)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join(20)\n"
        "ours = {name for name in logging.root.manager.loggerDict if 'transport_' in name}\n"
        f"assert {{name.removeprefix('{VENDORED}') for name in ours if name.startswith('{VENDORED}')}} == "
        f"{{name for name in ours if not name.startswith('{VENDORED}')}}, ours\n"
    )
    paths = f"{tmp_path}{os.pathsep}{vendored[transport]}"
    assert venv.run(tmp_path / "both.py", PYTHONPATH=paths).split() == ["HELLO", "HELLO"]
