"""What every shipped transport has: the Protocols, and what the contract adds to them."""

from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from transport_base import OneWayClientTransport, ServerTransport

ContextT = TypeVar("ContextT")


class Closable(Protocol):
    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> Any: ...


class Server(ServerTransport[ContextT], Closable, Protocol[ContextT]):
    def receive_message(self, timeout: float | None = None) -> tuple[ContextT, str]: ...


class Client(OneWayClientTransport, Closable, Protocol):
    pass
