"""Messages as bytes: UTF-8, and nothing else."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import zmq

# From here on, bytes are sent from where they are, and pyzmq keeps them until they have gone (``copy=False``). A copy
# would make the allocator give memory back and take it anew for each message, in a thousand page faults for
# 1 MiB; below, a copy costs less than the bookkeeping.
LARGE = 200_000

# A frame is a buffer, which its type does not say.
decode = cast("Callable[[zmq.Frame, str], str]", str)


def encode(what: str, text: str) -> bytes:
    """Return *text* as UTF-8; ``TypeError`` or ``ValueError`` about *what* it is when it is no such text."""
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"{what} is of type {type(text).__name__}, expected str")
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise ValueError(f"{what} has a lone surrogate at index {exc.start}, expected text with a UTF-8 form") from exc
