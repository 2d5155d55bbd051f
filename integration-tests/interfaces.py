"""What every shipped transport has: the Protocols, and what the contract adds to them."""

from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from transport_base import DroppingServerTransport
from transport_base.contract import TimedClientTransport

ContextT = TypeVar("ContextT")


class Closable(Protocol):
    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> Any: ...


class Server(DroppingServerTransport[ContextT], Closable, Protocol[ContextT]):
    def receive_message(self, timeout: float | None = None) -> tuple[ContextT, str]: ...

    def close(self, drain: float = 0) -> None: ...


class Client(TimedClientTransport, Closable, Protocol):
    pass
