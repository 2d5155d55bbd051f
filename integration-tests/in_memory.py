"""
A client and a server of the contract in plain Python: no wire, and no base class of ours.

They prove that the interfaces ask for methods alone, and that the contract suite is about no special wire.
"""

import threading
from collections import deque
from types import TracebackType
from typing import Literal, Self, overload

from transport_base import TransportClosedError, TransportContextError, TransportTimeoutError


class Call:
    """One message under way, and what became of it."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.answered = False
        self.reply: str | None = None


class MemoryServer:
    """Messages come in by a list, under one lock that everybody waits on."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.inbox: deque[Call] = deque()
        self._unanswered: set[Call] = set()
        self._closed = False

    def receive_message(self, timeout: float | None = None) -> tuple[Call, str]:
        if timeout is not None and not timeout >= 0:
            raise ValueError(f"timeout is {timeout}, expected 0 or more seconds")
        with self.changed:
            if not self.changed.wait_for(lambda: self.inbox or self._closed, timeout):
                raise TransportTimeoutError(f"no message within {timeout} s")
            if self._closed:
                raise TransportClosedError("the server was closed")
            call = self.inbox.popleft()
            self._unanswered.add(call)
            return call, call.message

    def send_reply(self, context: Call, reply: str) -> None:
        _check(reply)
        with self.changed:
            if self._closed:
                raise TransportClosedError("the server was closed")
            if not isinstance(context, Call) or context not in self._unanswered:  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TransportContextError("expected a context to be answered yet")
            self._unanswered.remove(context)
            context.reply, context.answered = reply, True
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self._closed = True
            self.changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class MemoryClient:
    def __init__(self, server: MemoryServer, timeout: float | None = None) -> None:
        self._server = server
        self._timeout = timeout
        self._closed = False

    @overload
    def send_message(self, message: str, *, expect_reply: Literal[True] = True) -> str: ...

    @overload
    def send_message(self, message: str, *, expect_reply: Literal[False]) -> None: ...

    @overload
    def send_message(self, message: str, *, expect_reply: bool) -> str | None: ...

    def send_message(self, message: str, *, expect_reply: bool = True) -> str | None:
        _check(message)
        call = Call(message)
        changed = self._server.changed
        with changed:
            if self._closed:
                raise TransportClosedError("the client was closed")
            self._server.inbox.append(call)
            changed.notify_all()
            if not expect_reply:
                return None
            if not changed.wait_for(lambda: call.answered or self._closed, self._timeout):
                if call in self._server.inbox:
                    self._server.inbox.remove(call)
                raise TransportTimeoutError(f"no reply within {self._timeout} s")
            if not call.answered:
                raise TransportClosedError("the client was closed")
            return call.reply

    def close(self) -> None:
        with self._server.changed:
            self._closed = True
            self._server.changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _check(text: object) -> None:
    if not isinstance(text, str):
        raise TypeError(f"message is a {type(text).__name__}, expected str")
    text.encode()
