"""A transport without a wire that keeps every promise, in pieces small enough to break one of them at a time."""

import threading
from collections import deque
from types import EllipsisType, TracebackType
from typing import Any, Self

from transport_base import (
    TransportClosedError,
    TransportConnectionError,
    TransportContextError,
    TransportTimeoutError,
)


class Call:
    """One message under way, and what became of it."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.ended = False
        self.reply: str | None = None


class _Closing:
    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class MemoryServer(_Closing):
    """Messages come in by a list, under one lock that everybody waits on."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.inbox: deque[Call] = deque()
        self.owed: set[Call] = set()
        self.draining = False
        self.closed = False

    def receive_message(self, timeout: float | None = None) -> tuple[Any, str]:
        check_timeout(timeout)
        with self.changed:
            if not self.changed.wait_for(lambda: self.inbox or self.closed, timeout):
                raise TransportTimeoutError(f"no message within {timeout} s")
            if self.closed:
                raise TransportClosedError("the server was closed, expected an open one")
            return self.hand_out(self.inbox.popleft())

    def hand_out(self, call: Call) -> tuple[Any, str]:
        self.owed.add(call)
        return call, call.message

    def send_reply(self, context: Any, reply: str) -> None:
        check_text(reply)
        self.end(context, reply)

    def drop(self, context: Any) -> None:
        self.end(context, None)

    def end(self, context: Any, reply: str | None) -> None:
        with self.changed:
            if self.closed:
                raise TransportClosedError("the server was closed, expected an open one")
            if not isinstance(context, Call) or context not in self.owed:
                raise TransportContextError(f"context is {context!r}, expected one that is still to be answered")
            self.owed.remove(context)
            self.deliver(context, reply)
            self.changed.notify_all()

    def deliver(self, call: Call, reply: str | None) -> None:
        call.reply, call.ended = reply, True

    def let_in(self, call: Call) -> None:
        """Take a message; its sender holds the lock."""
        if self.draining or self.closed:
            raise TransportConnectionError("the server takes no more messages")
        self.inbox.append(call)
        self.changed.notify_all()

    def close(self, drain: float = 0) -> None:
        with self.changed:
            self.draining = True
            self.changed.notify_all()
            if drain:
                self.wait_for_the_last(drain)
            self.closed = True
            self.changed.notify_all()

    def wait_for_the_last(self, drain: float) -> None:
        self.changed.wait_for(lambda: self.closed or not (self.inbox or self.owed), drain)


class MemoryClient(_Closing):
    def __init__(self, server: MemoryServer, timeout: float | None = None) -> None:
        self.server = server
        self.timeout = timeout
        self.closed = False

    def send_message(
        self, message: str, *, expect_reply: bool = True, timeout: float | EllipsisType | None = ...
    ) -> str | None:
        check_text(message)
        seconds = self.timeout if isinstance(timeout, EllipsisType) else timeout
        check_timeout(seconds)
        with self.server.changed:
            if self.closed:
                raise TransportClosedError("the client was closed, expected an open one")
            call = Call(message)
            self.server.let_in(call)
            return self.wait(call, seconds) if expect_reply else None

    def wait(self, call: Call, seconds: float | None) -> str | None:
        server = self.server
        if not server.changed.wait_for(lambda: call.ended or self.closed or server.closed, seconds):
            if call in server.inbox:
                server.inbox.remove(call)
            raise TransportTimeoutError(f"no reply within {seconds} s")
        if not call.ended:
            if self.closed:
                raise TransportClosedError("the client was closed, expected an open one")
            raise TransportConnectionError("the server was closed during the call")
        if call.reply is None:
            raise TransportConnectionError("the server dropped the message")
        return call.reply

    def close(self) -> None:
        with self.server.changed:
            self.closed = True
            self.server.changed.notify_all()


def check_text(text: object) -> None:
    if not isinstance(text, str):
        raise TypeError(f"message is of type {type(text).__name__}, expected str")
    text.encode()


def check_timeout(timeout: float | None) -> None:
    if timeout is not None and not timeout >= 0:
        raise ValueError(f"timeout is {timeout}, expected 0 or more seconds, or None")
