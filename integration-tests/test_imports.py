"""
The sources import each other only in ways that survive being vendored.

Who copies a package into a package of their own rewrites the lines that begin with ``from transport_base import``
and nothing else. So what is not such a line may not name a package of ours.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = Path(__file__).resolve().parents[1] / "packages"
SOURCES = sorted(PACKAGES.glob("*/src/**/*.py"))

_OURS = re.compile(r"\btransport_(base|http|wsgi|zmq)\b")


def unfit(source: str, package: str) -> Iterator[str]:
    """Yield a sentence for each place in *source*, a module of *package*, that a vendored copy would trip over."""
    lines = source.splitlines()
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) if any(_OURS.match(alias.name) for alias in names):
                yield f"line {node.lineno}: import of a package of ours, expected 'from transport_base import'"
            case ast.ImportFrom(module=str(module), level=0) if _OURS.match(module):
                line = lines[node.lineno - 1]
                if module != "transport_base" or module == package:
                    yield f"line {node.lineno}: import from {module}, expected a relative one, or one from the base"
                elif not line.startswith("from transport_base import "):
                    yield f"line {node.lineno}: {line.strip()!r}, expected the import on lines of its own, not indented"
            case ast.Constant(value=str(text)) if id(node) not in docstrings and _OURS.search(text):
                yield f"line {node.lineno}: a string names a package of ours, expected __name__ or __package__"
            case _:
                pass


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGES)))
def test_source_can_be_vendored(path: Path) -> None:
    assert not list(unfit(path.read_text(encoding="utf-8"), path.relative_to(PACKAGES).parts[2]))


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import transport_base", id="import"),
        pytest.param("import transport_base as base", id="import-as"),
        pytest.param("import transport_base._errors", id="import-submodule"),
        pytest.param("import os, transport_base", id="import-two"),
        pytest.param("from transport_base._errors import TransportError", id="from-submodule"),
        pytest.param("from transport_zmq import Envelope", id="from-itself"),
        pytest.param("if True: from transport_base import serve", id="one-line-if"),
        pytest.param("if True:\n    from transport_base import serve", id="indented"),
        pytest.param("import os; from transport_base import serve", id="semicolon"),
        pytest.param("from  transport_base  import serve", id="two-spaces"),
        pytest.param("from importlib import import_module\nimport_module('transport_base')", id="import-module"),
        pytest.param("import logging\nlogging.getLogger('transport_zmq')", id="logger"),
        pytest.param("import logging\nlogging.getLogger(f'transport_zmq.{__name__}')", id="f-string"),
        pytest.param("from importlib.metadata import version\nversion('transport_http')", id="metadata"),
    ],
)
def test_import_style_that_vendoring_breaks_is_found(source: str) -> None:
    assert len(list(unfit(source, "transport_zmq"))) == 1


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("from transport_base import TransportError, serve", id="one-line"),
        pytest.param("from transport_base import (\n    TransportError,\n    serve,\n)", id="parentheses"),
        pytest.param("from . import _frames\nfrom ._errors import HttpStatusError", id="relative"),
        pytest.param('"""Speaks of transport_base."""', id="docstring"),
    ],
)
def test_import_style_that_survives_vendoring_passes(source: str) -> None:
    assert not list(unfit(source, "transport_zmq"))


def test_base_that_imports_itself_by_its_name_is_found() -> None:
    assert len(list(unfit("from transport_base import serve", "transport_base"))) == 1


def test_sources_are_found() -> None:
    """A move of the folders must not leave the first test without anything to read."""
    assert {path.relative_to(PACKAGES).parts[0] for path in SOURCES} == {path.name for path in PACKAGES.iterdir()}
