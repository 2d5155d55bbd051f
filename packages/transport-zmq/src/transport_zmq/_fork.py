"""Whether this process is still the one that made a socket: libzmq's sockets do not survive a fork."""

import os

from transport_base import TransportError


class _Forks:
    count = 0  # os.getpid() would tell as well, for a system call in each message

    @classmethod
    def happened(cls) -> None:
        cls.count += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Forks.happened)


class Origin:
    """Remembers the process that it was made in."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = _Forks.count

    def is_here(self) -> bool:
        """Tell whether that process is this one."""
        return self._count == _Forks.count

    def error(self) -> TransportError:
        """Return the error for a call in another process."""
        return TransportError("transport was made before a fork, expected one made in this process")
