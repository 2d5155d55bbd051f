"""The context of a message: which request its reply belongs to."""

from ._answers import Refusal
from ._queues import WaitingQueue

Outcome = bytes | Refusal


class PendingReply:
    """
    Says which request a reply belongs to: comes with a message, goes back with its reply.

    An opaque object that only the transport makes. Answer or drop it exactly once: a request whose context is
    forgotten waits until ``reply_timeout`` has passed, and ends with status 504.
    """

    __slots__ = ()


class Request(PendingReply):
    """
    The :class:`PendingReply` as the transport sees it.

    Every request has a queue of its own to wait on, and takes one outcome from it: the first. In a queue that
    served an earlier request, a reply that came too late for that one would be taken for this one's. A one-way
    request waits for nothing, hence has no queue.
    """

    __slots__ = ("_outcomes", "_tokens", "owner")

    def __init__(self, owner: object, outcomes: WaitingQueue | None) -> None:
        self._outcomes = outcomes
        self._tokens = [None]
        self.owner = owner

    def claim(self) -> bool:
        """
        Return ``True`` to exactly one caller, who may end the request.

        Taking the last item out of a list is atomic: under the GIL because it is a single call into C, on
        free-threaded CPython because the list's own lock is held for it.
        """
        try:
            self._tokens.pop()
        except IndexError:
            return False
        return True

    def end(self, outcome: Outcome) -> None:
        """End the wait with *outcome*; never blocks."""
        if self._outcomes is not None:
            self._outcomes.put(outcome)

    def wait(self, timeout: float | None) -> Outcome:
        """Wait for the outcome; raise :exc:`queue.Empty` when none comes in *timeout* seconds."""
        assert self._outcomes is not None
        outcome: Outcome = self._outcomes.get(True, timeout)
        return outcome
