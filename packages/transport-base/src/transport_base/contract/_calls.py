"""Calls into a transport: each runs in a thread of its own, and nobody waits for it beyond a deadline."""

import reprlib
import threading
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

ParamT = ParamSpec("ParamT")
ResultT = TypeVar("ResultT")

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 200


class BrokenPromiseError(AssertionError):
    """What was seen of a transport that breaks a promise."""


class Call:
    """One call under way; every method waits for its end."""

    def __init__(self, function: Callable[[], Any], words: str, deadline: float) -> None:
        self.words = words
        self.began = time.monotonic()
        self._function = function
        self._deadline = deadline
        self._ended = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = None
        self._seconds = 0.0
        # A daemon, as are the threads that the transport starts in it: none of them keeps the interpreter from ending.
        self.thread = threading.Thread(target=self._run, name=f"contract-{words}", daemon=True)
        self.thread.start()

    @property
    def done(self) -> bool:
        """Whether it has ended; the only one that does not wait."""
        return self._ended.is_set()

    def outcome(self) -> tuple[Any, BaseException | None]:
        """Return what it returned, and what it raised."""
        if not self._ended.wait(self._deadline):
            raise BrokenPromiseError(f"{self.words} did not return within {self._deadline} s")
        return self._value, self._error

    def result(self) -> Any:
        """Return what it returned; it must not raise."""
        value, error = self.outcome()
        if error is not None:
            raise BrokenPromiseError(f"{self.words} raised {_error(error)}") from error
        return value

    def gives(self, wanted: object) -> None:
        """It must return what equals *wanted*."""
        value = self.result()
        if type(value) is not type(wanted) or value != wanted:
            raise BrokenPromiseError(f"{self.words} returned {show(value)}, expected {show(wanted)}")

    def raises(self, *wanted: type[BaseException]) -> BaseException:
        """It must raise one of *wanted*; return that."""
        value, error = self.outcome()
        names = " or ".join(kind.__name__ for kind in wanted)
        if error is None:
            raise BrokenPromiseError(f"{self.words} returned {show(value)}, expected {names}")
        if not isinstance(error, wanted):
            raise BrokenPromiseError(f"{self.words} raised {_error(error)}, expected {names}") from error
        return error

    def seconds(self) -> float:
        """Return how long it took."""
        self.outcome()
        return self._seconds

    def _run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as exc:
            self._error = exc
        self._seconds = time.monotonic() - self.began
        self._ended.set()


class Calls:
    """Starts calls and keeps them, so that the end of a test can look for those that have not ended."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._all: list[Call] = []

    def start(self, function: Callable[ParamT, object], *args: ParamT.args, **kwargs: ParamT.kwargs) -> Call:
        """Call *function* in a thread of its own."""
        call = Call(lambda: function(*args, **kwargs), _words(function, args, kwargs), self.deadline)
        self._all.append(call)
        return call

    def still_running(self, within: float) -> list[str]:
        """Name the calls that have not ended *within* seconds."""
        end = time.monotonic() + within
        for call in self._all:
            call.thread.join(max(0, end - time.monotonic()))
        return [call.words for call in self._all if call.thread.is_alive()]


def show(value: object) -> str:
    """Return a repr short enough for a sentence."""
    return _short.repr(value)


def _error(error: BaseException) -> str:
    return f"{type(error).__name__}({show(str(error))})"


def _words(function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]) -> str:
    given = [*map(show, args), *(f"{name}={show(value)}" for name, value in kwargs.items())]
    return f"{getattr(function, '__name__', 'call')}({', '.join(given)})"
