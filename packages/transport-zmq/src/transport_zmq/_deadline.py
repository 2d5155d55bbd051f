"""Points in time, on the monotonic clock, and the seconds that callers give. ``None`` is never."""

from time import monotonic

# Longer means for ever: 24 days, in milliseconds, is what fits into the C int that libzmq takes.
_LONGEST = (2**31 - 1) / 1000

# The longest wait in one go, in seconds. A REQ socket can only be woken by its server, and a wake-up is lost when a
# signal handler raises in the thread that was woken: so whoever waits looks up this often.
_SLICE = 0.5


def check_timeout(timeout: float | None) -> float | None:
    """Return *timeout*; ``TypeError`` or ``ValueError`` unless it is ``None`` or a number of seconds from 0 up."""
    if timeout is None:
        return None
    return _checked("timeout", timeout, ", or None")


def check_drain(drain: float) -> float | None:
    """Return *drain*, or ``None`` for ever; ``TypeError`` or ``ValueError`` unless it is a number of seconds from 0."""
    return _checked("drain", drain, "")


def _checked(name: str, seconds: float, or_none: str) -> float | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        wanted = f"a number of seconds{or_none.replace(',', '')}"
        raise TypeError(f"{name} is of type {type(seconds).__name__}, expected {wanted}")
    if not seconds >= 0:  # true for NaN as well
        raise ValueError(f"{name} is {seconds}, expected 0 or more seconds{or_none}")
    return None if seconds > _LONGEST else seconds


def deadline(timeout: float | None) -> float | None:
    """Return the time that is *timeout* seconds from now."""
    return None if timeout is None else monotonic() + timeout


def remaining(end: float | None) -> float | None:
    """Return the seconds until *end*, never less than 0."""
    return None if end is None else max(0.0, end - monotonic())


def next_wait(left: float | None) -> float:
    """Return how many seconds to wait in one go when there are *left* seconds left, or no end if it is ``None``."""
    return _SLICE if left is None else min(left, _SLICE)
