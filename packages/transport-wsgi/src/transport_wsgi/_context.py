"""
The two ends of one request: who waits for the reply, and who owes it.

The request that waits holds the :class:`ReplySlot` alone, and whoever took the message holds the
:class:`OpenReply`. So the request learns at once when nobody is left that could answer it.
"""

from ._answers import FAILED, Refusal
from ._queues import WaitingQueue

Outcome = bytes | Refusal


class PendingReply:
    """
    Which request a reply belongs to: comes with a message, goes back with its reply.

    An opaque object, made by the transport alone. To let go of it without having answered (to drop the last
    reference to it) is to give up: the client gets status 500 at once.
    """

    __slots__ = ()


class ReplySlot:
    """
    Where one request waits for its outcome.

    The first outcome wins, as the request takes just one. Each request has a slot of its own: in one that
    was used before, a reply that came too late for its request would be taken for the next one's.
    """

    __slots__ = ("_outcomes",)

    def __init__(self, outcomes: WaitingQueue | None) -> None:
        # A one-way request waits for nothing, hence has no queue.
        self._outcomes = outcomes

    def put(self, outcome: Outcome) -> None:
        """End the wait with *outcome*; never blocks."""
        if self._outcomes is not None:
            self._outcomes.put(outcome)

    def get(self, timeout: float | None) -> Outcome:
        """Wait for the outcome; raise :exc:`queue.Empty` when none comes in *timeout* seconds."""
        assert self._outcomes is not None
        outcome: Outcome = self._outcomes.get(True, timeout)
        return outcome


class OpenReply(PendingReply):
    """The :class:`PendingReply` as the transport sees it."""

    __slots__ = ("_turns", "owner", "slot")

    def __init__(self, owner: object, slot: ReplySlot) -> None:
        # First, as __del__ looks for it also when this constructor was interrupted.
        self._turns = [None]
        self.owner = owner
        self.slot = slot

    def take_turn(self) -> bool:
        """Tell whether the reply is still owed, and mark it as given: exactly one caller is told yes."""
        try:
            self._turns.pop()  # atomic, so that threads which race here need no lock
        except IndexError:
            return False
        return True

    def __del__(self) -> None:
        # This may run within any other code of any thread, so it takes no lock of ours, and it may run with
        # half of the object missing. (The standard SimpleQueue.put is reentrant for this very use.)
        try:
            if self.take_turn():
                self.slot.put(FAILED)
        except AttributeError:
            return
