"""Points in time, on the monotonic clock, and the seconds that callers give. ``None`` is never."""

from time import monotonic

# Longer is for ever: 24 days, in milliseconds, is what fits into the C int that libzmq takes.
_LONGEST = (2**31 - 1) / 1000

# The longest wait in one go, in seconds. A REQ socket hears nobody but its server, and a wake-up is lost when a signal
# handler raises in the thread that was woken: so whoever waits looks up this often.
_SLICE = 0.5


def check_timeout(timeout: float | None) -> float | None:
    """Return *timeout*; ``TypeError`` or ``ValueError`` unless it is ``None`` or a number of seconds from 0 on."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"timeout is of type {type(timeout).__name__}, expected seconds as a float, or None")
    if not timeout >= 0:  # catches what is not a number, too
        raise ValueError(f"timeout is {timeout}, expected 0 or more seconds, or None")
    return None if timeout > _LONGEST else timeout


def deadline(timeout: float | None) -> float | None:
    """Return the time that is *timeout* seconds from now."""
    return None if timeout is None else monotonic() + timeout


def remaining(end: float | None) -> float | None:
    """Return the seconds until *end*, never less than 0."""
    return None if end is None else max(0.0, end - monotonic())


def next_wait(left: float | None) -> float:
    """Return how many seconds to wait in one go when there are *left* seconds left, or no end if it is ``None``."""
    return _SLICE if left is None else min(left, _SLICE)
