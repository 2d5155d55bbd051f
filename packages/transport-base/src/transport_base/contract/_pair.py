"""What an author says of a transport: how to open it, and what it promises."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from .._interfaces import ClientTransport, ServerTransport

Promise = Literal[
    "asyncio",
    "call-timeout",
    "close",
    "drain",
    "drop",
    "greenlets",
    "one-way",
    "pickle",
    "receive-timeout",
    "side-by-side",
    "threads",
    "timeout",
    "with",
]

ALL_PROMISES: frozenset[Promise] = frozenset(get_args(Promise))


@dataclass(frozen=True)
class Pair:
    """
    A server, and the way to get clients of it.

    Args:
        server: The server.
        client: Opens a client of it whose calls may take that many seconds each. (A transport without timeouts
            ignores the number.)
    """

    server: ServerTransport[Any]
    client: Callable[[float], ClientTransport]


class Suite:
    """What every part of the suite knows about the transport."""

    promises: ClassVar[frozenset[Promise] | set[Promise]] = frozenset()
    """What the transport promises beyond the Protocols: see :data:`Promise`."""

    deadline: ClassVar[float] = 10.0
    """Seconds for anything that has to happen. Only what hangs uses them up."""

    grace: ClassVar[float] = 1.0
    """Seconds that a call may take beyond its timeout, and close() until it has woken whoever waits."""

    short: ClassVar[float] = 0.3
    """Seconds for a call that is to time out once its message has arrived."""

    def open(self) -> AbstractContextManager[Pair]:
        """
        Open a pair; leaving the context manager ends all of it.

        Called once or twice for each test, in a thread that is not the main one.
        """
        raise NotImplementedError(f"{type(self).__name__} has no open(), expected one that opens a Pair")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if unknown := set(cls.promises) - ALL_PROMISES:
            wanted = ", ".join(sorted(ALL_PROMISES))
            raise ValueError(f"promises of {cls.__name__} are {sorted(unknown)}, expected some of {wanted}")
