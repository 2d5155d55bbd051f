"""The levels "threads", "side-by-side", "greenlets" and "pickle"."""

import pickle
import sys
import time
from collections import Counter
from typing import Any

import pytest

from .._errors import TransportClosedError, TransportContextError, TransportError, TransportTimeoutError
from .._interfaces import ClientTransport, ServerTransport
from ._calls import BrokenPromiseError
from ._pair import Suite
from ._promise import promise
from ._trial import Trial


class Threads(Suite):
    """Every method may be called from any thread, at any time."""

    @promise("threads", by=ServerTransport[Any].send_reply)
    def test_only_one_of_many_threads_answers_a_context(self, pair: Trial) -> None:
        """When several threads answer one context, one of them does, and the others get TransportContextError."""
        call, context = pair.ask(pair.client())
        replies = [pair.start(pair.server.send_reply, context, f"reply {number}") for number in range(8)]
        given = [number for number, reply in enumerate(replies) if reply.outcome()[1] is None]
        if len(given) != 1:
            raise BrokenPromiseError(f"{len(given)} of 8 threads answered the same context, expected 1")
        for number, reply in enumerate(replies):
            if number != given[0]:
                reply.raises(TransportContextError)
        call.gives(f"reply {given[0]}")

    @promise("threads", by=ServerTransport[Any].send_reply)
    def test_replies_come_from_any_thread_while_another_waits_for_messages(self, pair: Trial) -> None:
        """Replies are sent from any thread while another waits in receive_message."""
        asked = [pair.ask(pair.client(), f"message {number}") for number in range(4)]
        waiting = pair.start(pair.server.receive_message)
        replies = [
            pair.start(pair.server.send_reply, context, f"reply {number}") for number, (_, context) in enumerate(asked)
        ]
        for number, (call, _) in enumerate(asked):
            call.gives(f"reply {number}")
            replies[number].gives(None)
        last = pair.start(pair.client().send_message, "for the one that waits")
        context, message = waiting.result()
        if message != "for the one that waits":
            raise BrokenPromiseError(f"{waiting.words} gave {message!r}, expected 'for the one that waits'")
        pair.reply(context, "at last")
        last.gives("at last")

    @promise("threads", by=ServerTransport[Any].receive_message)
    def test_each_message_goes_to_exactly_one_of_several_receivers(self, pair: Trial) -> None:
        """When several threads receive, each message goes to exactly one of them."""
        received: list[str] = []

        def receive_and_answer() -> None:
            for _ in range(20):
                context, message = pair.server.receive_message()
                received.append(message)
                pair.server.send_reply(context, f"reply to {message}")

        def ask(client: Any, name: int) -> None:
            for number in range(20):
                _expect(client, f"{name}/{number}", f"reply to {name}/{number}")

        receivers = [pair.start(receive_and_answer) for _ in range(4)]
        for call in [pair.start(ask, pair.client(), name) for name in range(4)]:
            call.result()
        for call in receivers:
            call.result()
        sent = Counter(f"{name}/{number}" for name in range(4) for number in range(20))
        if (seen := Counter(received)) != sent:
            raise BrokenPromiseError(f"lost {dict(sent - seen)}, received more than once {dict(seen - sent)}")

    @promise("threads", by=ClientTransport.send_message)
    def test_one_client_serves_many_threads(self, pair: Trial) -> None:
        """One client serves many threads, and each gets the replies to its own messages."""
        client = pair.client()

        def echo() -> None:
            for _ in range(50):
                pair.server.send_reply(*pair.server.receive_message())

        def ask(name: int) -> None:
            for number in range(25):
                message = f"{name}/{number}" * (1 + number % 3 * 100)
                _expect(client, message, message)

        serving = [pair.start(echo) for _ in range(4)]
        for call in [pair.start(ask, name) for name in range(8)]:
            call.result()
        for call in serving:
            call.result()

    @promise("side-by-side", by=ClientTransport.send_message)
    def test_calls_of_one_client_run_side_by_side(self, pair: Trial) -> None:
        """The server may hold several calls of one client before it answers the first."""
        client = pair.client()
        calls = {f"message {number}": pair.start(client.send_message, f"message {number}") for number in range(4)}
        contexts: dict[str, Any] = {}
        while len(contexts) < len(calls):
            context, message = pair.receive()
            contexts[message] = context
        for message, context in contexts.items():
            pair.reply(context, f"reply to {message}")
        for message, call in calls.items():
            call.gives(f"reply to {message}")


class Greenlets(Suite):
    """Where gevent has patched the process, a wait holds up one greenlet and no other."""

    @promise("greenlets", by=ServerTransport[Any].receive_message)
    def test_waiting_greenlet_does_not_stop_the_others(self, pair: Trial) -> None:
        """While one greenlet waits in the transport, the timers of the others fire."""
        monkey: Any = sys.modules.get("gevent.monkey")
        if monkey is None or not monkey.is_module_patched("threading"):
            pytest.skip("greenlets need a process that gevent has patched: python -m gevent.monkey -m pytest …")
        receiving = pair.start(pair.server.receive_message)
        _timers_fire(self.grace)
        call = pair.start(pair.client().send_message, "message")
        context, _ = receiving.result()
        _timers_fire(self.grace)
        pair.reply(context, "reply")
        call.gives("reply")


class Pickling(Suite):
    """Errors cross process boundaries."""

    @promise("pickle", by=ServerTransport[Any].send_reply)
    def test_errors_survive_pickle(self, pair: Trial) -> None:
        """Errors of the transport survive pickle: their type, their attributes and their words."""
        client = pair.client(self.short)
        _call, context = pair.ask(client)
        errors = [pair.start(pair.server.send_reply, None, "reply").raises(TransportContextError)]
        if "timeout" in self.promises:
            errors.append(_call.raises(TransportTimeoutError))
        if "receive-timeout" in self.promises:
            errors.append(pair.start(pair.server.receive_message, 0).raises(TransportTimeoutError))
        if "close" in self.promises:
            pair.start(client.close).result()
            pair.start(pair.server.close).result()
            errors.append(pair.start(client.send_message, "message").raises(TransportClosedError))
            errors.append(pair.start(pair.server.receive_message).raises(TransportClosedError))
            errors.append(pair.start(pair.server.send_reply, context, "reply").raises(TransportClosedError))
        for error in errors:
            try:
                copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
            except Exception as exc:
                raise BrokenPromiseError(f"pickling {error!r} raised {exc!r}") from exc
            if type(copy) is not type(error) or str(copy) != str(error) or not isinstance(copy, TransportError):
                raise BrokenPromiseError(f"the copy of {error!r} is {copy!r}, expected the same type and words")


def _expect(client: Any, message: str, wanted: str) -> None:
    if (reply := client.send_message(message)) != wanted:
        raise BrokenPromiseError(f"send_message({message!r:.60}) returned {reply!r:.60}, expected {wanted!r:.60}")


def _timers_fire(grace: float) -> None:
    start = time.monotonic()
    time.sleep(0.05)
    if time.monotonic() - start > 0.05 + grace:
        raise BrokenPromiseError(f"a sleep of 0.05 s took {time.monotonic() - start:.2f} s while a greenlet waited")
