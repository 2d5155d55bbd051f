"""What makes a method of the suite a test: it says which promise it tests, who makes it, and what it needs."""

import functools
import gc
import inspect
import warnings
from collections.abc import Callable
from typing import TypeVar

import pytest

from ._calls import BrokenPromiseError
from ._pair import Promise, Suite
from ._trial import Trial, trial

SuiteT = TypeVar("SuiteT", bound=Suite)


def promise(
    *levels: Promise, by: Callable[..., object]
) -> Callable[[Callable[[SuiteT, Trial], None]], Callable[[SuiteT], None]]:
    """
    Make a test of the promise that the docstring states.

    Args:
        levels: What the transport must have declared for it.
        by: The method whose docstring makes the promise.
    """

    def decorate(test: Callable[[SuiteT, Trial], None]) -> Callable[[SuiteT], None]:
        words = " ".join((test.__doc__ or "").split())

        @functools.wraps(test)
        def run(self: SuiteT) -> None:
            __tracebackhide__ = True
            missing = [level for level in levels if level not in self.promises]
            if missing:
                pytest.skip(f"{type(self).__name__} does not declare {' and '.join(missing)}: {words}")
            if (seen := _seen(self, test)) is not None:
                pytest.fail(f"broken promise: {words}\nseen: {seen}\nmade by: {_place(by)}", pytrace=False)

        vars(run).pop("__wrapped__")  # else pytest takes the pair for a fixture
        return run

    return decorate


def _seen(suite: SuiteT, test: Callable[[SuiteT, Trial], None]) -> str | None:
    """Run *test*; return what it saw of a broken promise."""
    try:
        with trial(suite) as opened:
            test(suite, opened)
    except BrokenPromiseError as broken:
        seen = str(broken)
    else:
        return None
    # Sockets of a failed test end here: their warnings must not fail another one.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return seen


def _place(method: Callable[..., object]) -> str:
    file = inspect.getsourcefile(method)
    line = inspect.getsourcelines(method)[1]
    return f"the docstring of {method.__qualname__} in {file}:{line}"
