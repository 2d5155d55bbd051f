"""
Where requests and receivers meet: messages one way, outcomes the other, and the end of both.

A message has one owner at a time. It *waits* in ``_unreceived`` until whoever takes it out of there decides its
fate: a receiver, its request that gives up, or ``close()``. Then it is *in hand* until its context is claimed,
by a reply or a drop. A request ends by the first outcome that reaches its own queue: the reply, the drop, its
timeout, or the close.

All of this is changed under one lock, which is held for a few steps and never while waiting, so nothing here
depends on the GIL. The lock is reentrant, because a signal handler may call ``close()`` between any two steps.
"""

import logging
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Literal

from transport_base import TransportClosedError, TransportContextError, TransportTimeoutError

from . import _fork
from ._answers import ACCEPTED, BUSY, CLOSED, FAILED, INTERRUPTED, NO_RECEIVER, NO_REPLY
from ._context import Outcome, Request
from ._queues import WaitingQueue
from ._throttle import Throttle

_log = logging.getLogger(__name__)

# How many entries of abandoned messages may lie in the inbox, beyond as many as wait, before they are swept out:
# often enough to bound the memory, seldom enough to cost nothing.
_SWEEP_BEYOND = 64

Stage = Literal["open", "draining", "closed"]


class Exchange:
    """
    The meeting point of one transport.

    *inbox* hands requests to receivers; *queue_class* makes a queue for each request to wait on.
    """

    def __init__(
        self,
        inbox: WaitingQueue,
        queue_class: Callable[[], WaitingQueue],
        reply_timeout: float | None,
        max_pending: int,
        max_pending_bytes: int,
    ) -> None:
        self._queue_class = queue_class
        self._reply_timeout = reply_timeout
        self._max_pending = max_pending
        self._max_pending_bytes = max_pending_bytes
        self._stage: Stage = "open"
        self._left_by_receivers = False
        self._set_up(inbox)
        _fork.watch(self)

    def _set_up(self, inbox: WaitingQueue) -> None:
        # Another thread may hold any of these locks at a fork; in the child nobody would release it.
        self._lock = threading.RLock()
        self._late = Throttle(_log, logging.WARNING)
        self._dropped = Throttle(_log, logging.WARNING)
        self._inbox = inbox
        self._drained = self._queue_class()
        self._unreceived: dict[Request, str] = {}
        self._bytes_held = 0  # by the messages in _unreceived
        self._waiting: set[Request] = set()
        # One-way messages in hand, and when each counts as forgotten. The oldest comes first.
        self._one_way: dict[Request, float] = {}

    def after_fork_in_child(self) -> None:
        """Forget what the parent process holds; called in a forked child, before any other code runs there."""
        self._set_up(self._queue_class())
        self._left_by_receivers = True

    def has_room_for(self, size: int) -> bool:
        """Return whether a message of *size* bytes could be let in now."""
        return not self._is_full(size)

    def ask(self, message: str) -> Outcome:
        """Hand *message* to a receiver; wait for what comes of it."""
        request = Request(self, self._queue_class())
        try:
            refusal = self._admit(request, message, waits=True)
            del message  # it is the receiver's alone from here on
            if refusal is not None:
                return refusal
            try:
                outcome = request.wait(self._reply_timeout)
            except queue.Empty:
                self._late.log("no reply within %s s", self._reply_timeout)
                return NO_REPLY
        finally:
            self._finish(request)
        if outcome is FAILED:
            self._dropped.log("a message was dropped; its client got status 500")
        return outcome

    def tell(self, message: str) -> Outcome:
        """Hand *message* to a receiver, and don't wait."""
        return self._admit(Request(self, None), message, waits=False) or ACCEPTED

    def receive(self, timeout: float | None) -> tuple[Request, str]:
        """Wait for a message whose request has not given up; return its context and its text."""
        self._left_by_receivers = False
        deadline = None if timeout is None else time.monotonic() + timeout
        remaining = timeout
        while self._stage != "closed":
            try:
                request: Request | None = self._inbox.get(remaining != 0, remaining)
            except queue.Empty:
                if self._stage != "open":
                    break
                raise TransportTimeoutError(f"no message within {timeout} s") from None
            if request is None:
                # close() puts it behind the last message that was let in. It ends the next receiver's wait, too.
                self._inbox.put(None)
                break
            message = self._take(request)
            if message is not None:
                return request, message
            if deadline is not None:
                remaining = max(0.0, deadline - time.monotonic())
        raise TransportClosedError("this server was closed, expected an open one")

    def answer(self, context: object, reply: bytes) -> None:
        """Give *reply* to the request that waits for it, if it still does."""
        request = self._claimed(context)
        if request in self._waiting:
            request.end(reply)
        else:
            _log.debug("discarded a reply of %d bytes that nobody waits for", len(reply))
        self._settle(request)

    def drop(self, context: object) -> None:
        """Tell the request, if it still waits, that no reply will come."""
        request = self._claimed(context)
        request.end(FAILED)
        self._settle(request)

    def close(self, drain: float | None) -> None:
        """End every wait, and refuse what comes later; *drain* seconds (``None``: any number) may pass before."""
        with self._lock:
            cut_short = self._stage != "open"
            if not cut_short:
                self._stage = "draining"
                self._inbox.put(None)
            busy = self._is_busy()
        if busy and not cut_short and drain != 0:
            try:
                self._drained.get(True, drain)
            except queue.Empty:
                _log.debug("closing with messages that are not answered after %s s", drain)
        with self._lock:
            if self._stage == "closed":
                return
            self._stage = "closed"
            ends = [(request, CLOSED if request in self._unreceived else INTERRUPTED) for request in self._waiting]
            self._unreceived.clear()
            self._bytes_held = 0
            self._one_way.clear()
        for request, outcome in ends:
            request.end(outcome)
        self._drained.put(None)  # for a close() that still drains

    def _admit(self, request: Request, message: str, *, waits: bool) -> Outcome | None:
        if self._left_by_receivers:
            _fork.warn_once()
            return NO_RECEIVER
        size = sys.getsizeof(message)
        with self._lock:
            if self._stage != "open":
                return CLOSED
            if self._is_full(size):
                return BUSY
            if waits:
                self._waiting.add(request)
            self._unreceived[request] = message
            self._bytes_held += size
            self._inbox.put(request)
        # A signal handler may have closed the exchange between these steps: what is put in then is never received.
        if self._stage != "open" and self._withdraw(request):
            return CLOSED
        return None

    def _is_full(self, size: int) -> bool:
        # A single message is always let in: max_content_length bounds it.
        count = len(self._unreceived)
        return count >= self._max_pending or (count > 0 and self._bytes_held + size > self._max_pending_bytes)

    def _take(self, request: Request) -> str | None:
        """Return the message of *request*, which is in hand now; ``None`` if it was withdrawn before."""
        with self._lock:
            message = self._unreceived.pop(request, None)
            if message is None:
                return None
            self._bytes_held -= sys.getsizeof(message)
            if request not in self._waiting:
                self._remember_one_way(request)
            return message

    def _remember_one_way(self, request: Request) -> None:
        """Have a draining close() wait for *request* as well, though not for longer than for any other."""
        now = time.monotonic()
        while self._one_way and next(iter(self._one_way.values())) <= now:
            del self._one_way[next(iter(self._one_way))]
        self._one_way[request] = now + (threading.TIMEOUT_MAX if self._reply_timeout is None else self._reply_timeout)

    def _withdraw(self, request: Request) -> bool:
        """Take back the message of *request*; return whether nobody has received it."""
        with self._lock:
            message = self._unreceived.pop(request, None)
            if message is None:
                return False
            self._bytes_held -= sys.getsizeof(message)
            return True

    def _finish(self, request: Request) -> None:
        """Forget *request*, which waits no longer."""
        with self._lock:
            self._waiting.discard(request)
            if self._withdraw(request):
                self._sweep()
            self._tell_if_drained()

    def _claimed(self, context: object) -> Request:
        if self._stage == "closed":
            raise TransportClosedError("this server was closed, expected an open one")
        if not isinstance(context, Request) or context.owner is not self:
            raise TransportContextError(
                f"context is of type {type(context).__name__}, expected one that this server gave with a message"
            )
        if not context.claim():
            raise TransportContextError("this context was answered or dropped before, expected one that was not")
        return context

    def _settle(self, request: Request) -> None:
        """Note that *request* was answered or dropped."""
        if request in self._one_way:
            with self._lock:
                self._one_way.pop(request, None)
                self._tell_if_drained()

    def _is_busy(self) -> bool:
        return bool(self._unreceived or self._waiting or self._one_way)

    def _tell_if_drained(self) -> None:
        if self._stage == "draining" and not self._is_busy():
            self._drained.put(None)

    def _sweep(self) -> None:
        # Abandoned messages leave their entries in the inbox, and without a receiver nobody else takes them out.
        entries = self._inbox.qsize()
        if entries <= 2 * len(self._unreceived) + _SWEEP_BEYOND:
            return
        for _ in range(entries):
            try:
                request: Request | None = self._inbox.get(False, None)
            except queue.Empty:
                return
            if request is None or request in self._unreceived:
                self._inbox.put(request)
