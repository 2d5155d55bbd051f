"""Check arguments: whatever is wrong is reported at once, with the value seen and the value wanted."""

import threading


def checked_count(name: str, value: object) -> int:
    """Return *value* if it is a whole number from 1 up."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is of type {type(value).__name__}, expected int")
    if value < 1:
        raise ValueError(f"{name} is {value}, expected 1 or more")
    return value


def checked_seconds(name: str, value: object, *, or_none: bool = True) -> float | None:
    """Return *value* if it is a number of seconds from 0 up; ``None`` for that, or for more than a wait can last."""
    none = "or None" if or_none else ""
    if value is None and or_none:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is of type {type(value).__name__}, expected a number of seconds {none}".rstrip())
    if not value >= 0:  # true for NaN as well
        raise ValueError(f"{name} is {value}, expected 0 or more seconds{none and ', ' + none}")
    return value if value <= threading.TIMEOUT_MAX else None


def checked_content_type(value: object) -> str:
    """Return *value* if it is allowed in a header."""
    if not isinstance(value, str):
        raise TypeError(f"content_type is of type {type(value).__name__}, expected str")
    if not (value.strip() and value.isascii() and value.isprintable()):
        raise ValueError(f"content_type is {value!r}, expected one line of printable ASCII")
    return value
