"""Where requests and receivers meet: messages one way, outcomes the other, and the end of both."""

import logging
import queue
import threading
import time
from collections.abc import Callable

from transport_base import TransportClosedError, TransportContextError, TransportTimeoutError

from ._answers import ACCEPTED, BUSY, CLOSED, FAILED, NO_REPLY
from ._context import OpenReply, Outcome, ReplySlot
from ._queues import WaitingQueue

_log = logging.getLogger(__name__)

# So many entries of messages given up may lie in the inbox, beyond as many as wait, before they are swept out:
# often enough to bound the memory, seldom enough to cost nothing.
_SWEEP_BEYOND = 64


class Exchange:
    """
    The meeting point of one transport.

    *inbox* hands contexts to receivers, *queue_class* makes a queue for each request to wait on.
    """

    def __init__(
        self,
        inbox: WaitingQueue,
        queue_class: Callable[[], WaitingQueue],
        reply_timeout: float | None,
        max_pending: int,
    ) -> None:
        self._inbox = inbox
        self._queue_class = queue_class
        self._reply_timeout = reply_timeout
        self._max_pending = max_pending
        # Whoever pops a slot here decides over its message: a receiver takes it, a request gives it up.
        self._unreceived: dict[ReplySlot, str] = {}
        self._waiting: set[ReplySlot] = set()
        self._closed = False
        # Held for a few steps and never while waiting, so that it blocks no hub. Reentrant, as a signal handler
        # may call close() amid those steps.
        self._lock = threading.RLock()

    def ask(self, message: str) -> Outcome:
        """Hand *message* to a receiver; wait for what comes of it."""
        slot = ReplySlot(self._queue_class())
        try:
            refusal = self._admit(slot, message, waits=True)
            if refusal is not None:
                return refusal
            # This frame keeps no context: when its holder lets go of it, it must vanish.
            self._inbox.put(OpenReply(self, slot))
            try:
                outcome = slot.get(self._reply_timeout)
            except queue.Empty:
                _log.warning("no reply within %s seconds", self._reply_timeout)
                return NO_REPLY
        finally:
            self._waiting.discard(slot)
            if self._unreceived.pop(slot, None) is not None:
                self._sweep()
        if outcome is FAILED:
            _log.warning("a message was let go of without a reply")
        return outcome

    def tell(self, message: str) -> Outcome:
        """Hand *message* to a receiver, and don't wait."""
        slot = ReplySlot(None)
        refusal = self._admit(slot, message, waits=False)
        if refusal is not None:
            return refusal
        self._inbox.put(OpenReply(self, slot))
        return ACCEPTED

    def receive(self, timeout: float | None) -> tuple[OpenReply, str]:
        """Wait for a message whose request has not given up; return its context and its text."""
        deadline = None if timeout is None else time.monotonic() + timeout
        remaining = timeout
        while not self._closed:
            try:
                context: OpenReply | None = self._inbox.get(remaining != 0, remaining)
            except queue.Empty:
                if self._closed:
                    break
                raise TransportTimeoutError(f"no message within {timeout} seconds") from None
            if context is None:
                # What close() left to wake a receiver wakes the next one, too.
                self._inbox.put(None)
                break
            message = self._unreceived.pop(context.slot, None)
            if message is not None:
                return context, message
            if deadline is not None:
                remaining = max(0.0, deadline - time.monotonic())
        raise TransportClosedError("this server was closed")

    def answer(self, context: object, reply: bytes) -> None:
        """Give *reply* to the request that waits for it, if it still does."""
        if self._closed:
            raise TransportClosedError("this server was closed")
        if not isinstance(context, OpenReply) or context.owner is not self:
            raise TransportContextError(f"got a {type(context).__name__}, expected a context that this server gave")
        if not context.take_turn():
            raise TransportContextError("this context was answered before, expected one that was not")
        if context.slot in self._waiting:
            context.slot.put(reply)
        else:
            _log.debug("threw away a reply of %d bytes that nobody waits for", len(reply))

    def close(self) -> None:
        """End every wait, and refuse what comes later."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waiting = list(self._waiting)
            self._unreceived.clear()
        for slot in waiting:
            slot.put(CLOSED)
        self._inbox.put(None)

    def _admit(self, slot: ReplySlot, message: str, *, waits: bool) -> Outcome | None:
        with self._lock:
            if len(self._unreceived) >= self._max_pending:
                return CLOSED if self._closed else BUSY
            self._unreceived[slot] = message
            if waits:
                self._waiting.add(slot)
        # Looked at last: close() may have come before the slot was there for it to find.
        if self._closed:
            self._unreceived.pop(slot, None)
            return CLOSED
        return None

    def _sweep(self) -> None:
        # Messages given up leave their entries in the inbox, and without a receiver nobody else takes them out.
        with self._lock:
            entries = self._inbox.qsize()
            if entries <= 2 * len(self._unreceived) + _SWEEP_BEYOND:
                return
            for _ in range(entries):
                try:
                    context: OpenReply | None = self._inbox.get(False, None)
                except queue.Empty:
                    return
                if context is None or context.slot in self._unreceived:
                    self._inbox.put(context)
