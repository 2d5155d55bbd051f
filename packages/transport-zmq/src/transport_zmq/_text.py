"""Messages as bytes: UTF-8, and nothing else."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import zmq

# Smaller messages need no room made for them. glibc begins by giving back what is free beyond 128 KiB.
_SMALL = 32 * 1024

# Beyond 32 MiB, glibc no longer adapts to what it sees freed.
_MOST_ROOM = 31 * 1024 * 1024

# A frame is a buffer, which its type does not say.
decode = cast("Callable[[zmq.Frame, str], str]", str)


class _Room:
    """How large a message the allocator keeps room for."""

    size = _SMALL

    @classmethod
    def grow(cls, size: int) -> None:
        """
        Have the allocator keep room for messages of *size*.

        It would return their memory after each and allocate it again for the next, in some 500 page faults for 1 MiB.
        A mapped block that is freed teaches glibc to keep twice its size (M_TRIM_THRESHOLD in mallopt(3)).
        The block made here is never touched, so it costs next to nothing.
        """
        cls.size = size
        bytes(min(4 * size, _MOST_ROOM))


def encode(what: str, text: str) -> bytes:
    """Return *text* as UTF-8; ``TypeError`` or ``ValueError``, which names it as *what*, unless that is possible."""
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"{what} is of type {type(text).__name__}, expected str")
    try:
        data = text.encode()
    except UnicodeEncodeError as exc:
        raise ValueError(f"{what} has a lone surrogate at index {exc.start}, expected text with a UTF-8 form") from exc
    if len(data) > _Room.size:
        _Room.grow(len(data))
    return data
