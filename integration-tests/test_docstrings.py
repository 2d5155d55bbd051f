"""Each cross reference in a docstring names something that exists, so that the API pages have no dead ends."""

import builtins
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PACKAGES = [folder.name.replace("-", "_") for folder in sorted(Path(__file__).parents[1].glob("packages/*"))]
REFERENCE = re.compile(r":(?:mod|func|class|meth|attr|exc|data):`~?([^`]+)`")


def documented(package: str) -> Iterator[tuple[str, object, ModuleType]]:
    """Yield the name of everything in a package that has a docstring, the thing, and its module."""
    top = importlib.import_module(package)
    modules = [top] + [
        importlib.import_module(f"{package}.{found.name}")
        for found in pkgutil.iter_modules(top.__path__)
        if found.name != "__main__"
    ]
    for module in modules:
        yield module.__name__, module, module
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) == module.__name__ and (
                inspect.isclass(value) or inspect.isfunction(value)
            ):
                yield f"{module.__name__}.{name}", value, module
                if inspect.isclass(value):
                    for member_name, attribute in vars(value).items():
                        member = inspect.unwrap(getattr(attribute, "__func__", attribute))
                        if isinstance(member, property) or inspect.isfunction(member):
                            yield f"{module.__name__}.{name}.{member_name}", member, module


def exists(reference: str, name: str, module: ModuleType) -> bool:
    """Tell whether *reference*, in the docstring of *name*, is found in its class, its module, or by its full name."""
    first, _, rest = reference.partition(".")
    places: list[object] = [module, importlib.import_module(module.__name__.partition(".")[0]), builtins]
    outermost = name.removeprefix(module.__name__).removeprefix(".").partition(".")[0]
    if outermost:
        places.insert(0, getattr(module, outermost))
    for place in places:
        try:
            value = getattr(place, first)
            for part in filter(None, rest.split(".")):
                value = getattr(value, part)
        except AttributeError:
            continue
        return True
    parts = reference.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        try:
            for part in parts[length:]:
                value = getattr(value, part)
        except AttributeError:
            return False
        return True
    return False


@pytest.mark.parametrize("package", PACKAGES)
def test_cross_references_name_what_exists(package: str) -> None:
    dead = [
        f"{name}: {reference}"
        for name, value, module in documented(package)
        for reference in REFERENCE.findall(getattr(value, "__doc__", None) or "")
        if not exists(reference, name, module)
    ]
    assert dead == []
