"""Wrong transports, each by one fault: the suite catches it in the test of the promise that it breaks."""

import os
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import EllipsisType
from typing import Any

import pytest
from memory_transport import Call, MemoryClient, MemoryServer

from transport_base import TransportClosedError, TransportConnectionError, TransportTimeoutError
from transport_base.contract import ALL_PROMISES, Contract, Pair

Wrong = type[MemoryServer] | type[MemoryClient]
MUTANTS: list[tuple[Wrong, str]] = []


def caught_by(*tests: str) -> Any:
    """Enter a wrong transport with the tests that have to catch it."""

    def enter(wrong: Wrong) -> Wrong:
        MUTANTS.extend((wrong, test) for test in tests)
        return wrong

    return enter


# --- messages


@caught_by("test_each_message_is_delivered_once_and_each_reply_goes_to_its_call")
class LosesTheSecondMessage(MemoryServer):
    seen = 0

    def let_in(self, call: Call) -> None:
        self.seen += 1
        if self.seen != 2:
            super().let_in(call)


@caught_by("test_each_message_is_delivered_once_and_each_reply_goes_to_its_call")
class DeliversTwice(MemoryServer):
    def let_in(self, call: Call) -> None:
        super().let_in(call)
        self.inbox.append(call)


@caught_by("test_contexts_are_answered_in_any_order")
class SwapsTwoReplies(MemoryServer):
    """Answers whoever waits longest."""

    order: list[Call]

    def hand_out(self, call: Call) -> tuple[Any, str]:
        self.order = [*getattr(self, "order", []), call]
        return super().hand_out(call)

    def deliver(self, call: Call, reply: str | None) -> None:
        super().deliver(self.order.pop(0), reply)


@caught_by("test_any_message_and_reply_arrives_as_it_was")
class StripsLineEnds(MemoryServer):
    def hand_out(self, call: Call) -> tuple[Any, str]:
        context, message = super().hand_out(call)
        return context, message.rstrip("\r\n")


@caught_by("test_any_message_and_reply_arrives_as_it_was")
class EndsAtNul(MemoryServer):
    def deliver(self, call: Call, reply: str | None) -> None:
        super().deliver(call, reply and reply.split("\0")[0])


@caught_by("test_any_message_and_reply_arrives_as_it_was")
class DropsTheByteOrderMark(MemoryServer):
    def deliver(self, call: Call, reply: str | None) -> None:
        super().deliver(call, reply and reply.removeprefix("\ufeff"))


@caught_by("test_any_message_and_reply_arrives_as_it_was")
class RefusesTheEmptyReply(MemoryServer):
    def deliver(self, call: Call, reply: str | None) -> None:
        super().deliver(call, reply or None)


@caught_by("test_message_that_is_no_str_is_a_type_error_and_is_not_sent")
class DecodesBytes(MemoryClient):
    def send_message(self, message: Any, **options: Any) -> str | None:
        return super().send_message(message.decode() if isinstance(message, bytes) else message, **options)


@caught_by("test_message_without_utf8_form_is_a_value_error_and_is_not_sent")
class ReplacesSurrogates(MemoryClient):
    def send_message(self, message: Any, **options: Any) -> str | None:
        if isinstance(message, str):
            message = message.encode("utf-8", "replace").decode()
        return super().send_message(message, **options)


@caught_by("test_reply_that_is_no_str_is_a_type_error_and_can_be_given_again")
class TakesAnyReply(MemoryServer):
    def send_reply(self, context: Any, reply: Any) -> None:
        super().send_reply(context, str(reply))


@caught_by("test_reply_without_utf8_form_is_a_value_error_and_can_be_given_again")
class InvalidReplyUsesTheContextUp(MemoryServer):
    def send_reply(self, context: Any, reply: str) -> None:
        try:
            super().send_reply(context, reply)
        except UnicodeEncodeError:
            self.owed.discard(context)
            raise


# --- contexts


@caught_by("test_context_is_answered_exactly_once")
class AnswersTwice(MemoryServer):
    def end(self, context: Any, reply: str | None) -> None:
        if not (isinstance(context, Call) and context.ended):
            super().end(context, reply)


@caught_by("test_context_of_another_server_is_an_error_and_nothing_is_sent")
class AnswersForOthers(MemoryServer):
    def end(self, context: Any, reply: str | None) -> None:
        if isinstance(context, Call) and not context.ended:
            self.owed.add(context)
        super().end(context, reply)


@caught_by("test_object_that_is_no_context_is_a_context_error")
class KeyErrorForForeignObjects(MemoryServer):
    def end(self, context: Any, reply: str | None) -> None:
        if not isinstance(context, Call):
            raise KeyError(context)
        super().end(context, reply)


# --- threads


@caught_by("test_only_one_of_many_threads_answers_a_context")
class LooksAndThenLeaps(MemoryServer):
    """Has a gap between the look at a context and its use: here, it is held open until two are in it."""

    def __init__(self) -> None:
        super().__init__()
        self.gap = threading.Barrier(2)

    def end(self, context: Any, reply: str | None) -> None:
        known = context in self.owed if isinstance(context, Call) else False
        if known:
            try:
                self.gap.wait(0.2)
            except threading.BrokenBarrierError:
                self.gap.reset()
            with self.changed:
                self.owed.add(context)
        super().end(context, reply)


@caught_by("test_replies_come_from_any_thread_while_another_waits_for_messages")
class ReplyWaitsForTheReceiver(MemoryServer):
    def __init__(self) -> None:
        super().__init__()
        self.one_at_a_time = threading.Lock()

    def receive_message(self, timeout: float | None = None) -> tuple[Any, str]:
        with self.one_at_a_time:
            return super().receive_message(timeout)

    def send_reply(self, context: Any, reply: str) -> None:
        with self.one_at_a_time:
            super().send_reply(context, reply)


@caught_by("test_each_message_goes_to_exactly_one_of_several_receivers")
class EveryTenthGoesToTwo(MemoryServer):
    seen = 0

    def hand_out(self, call: Call) -> tuple[Any, str]:
        self.seen += 1
        if self.seen % 10 == 0:
            self.inbox.append(call)
        return super().hand_out(call)


@caught_by(
    "test_one_client_serves_many_threads",
    "test_many_calls_of_coroutines_get_their_own_replies",
    "test_cancelled_call_ends_at_once_and_the_client_works_on",
)
class OneSlotForAllReplies(MemoryClient):
    """Keeps the reply that came last for whoever asks first."""

    last: str | None = None

    def wait(self, call: Call, seconds: float | None) -> str | None:
        before, self.last = self.last, super().wait(call, seconds)
        return self.last if before is None else before


@caught_by("test_calls_of_one_client_run_side_by_side")
class TakesTurns(MemoryClient):
    def __init__(self, server: MemoryServer, timeout: float | None = None) -> None:
        super().__init__(server, timeout)
        self.turn = threading.Lock()

    def send_message(self, message: str, **options: Any) -> str | None:
        with self.turn:
            return super().send_message(message, **options)


# --- timeouts


@caught_by("test_call_without_a_reply_ends_in_time")
class NeverTimesOut(MemoryClient):
    def wait(self, call: Call, seconds: float | None) -> str | None:
        return super().wait(call, None)


@caught_by("test_call_without_a_reply_ends_in_time")
class TimesOutWithAnotherError(MemoryClient):
    def wait(self, call: Call, seconds: float | None) -> str | None:
        try:
            return super().wait(call, seconds)
        except TransportTimeoutError as exc:
            raise TimeoutError("timed out") from exc


@caught_by("test_client_works_again_after_a_timeout")
class BreaksAtATimeout(MemoryClient):
    def wait(self, call: Call, seconds: float | None) -> str | None:
        try:
            return super().wait(call, seconds)
        except TransportTimeoutError:
            self.closed = True
            raise


@caught_by("test_late_reply_is_not_taken_for_the_next_one")
class TakesLateReplies(MemoryClient):
    late: list[Call]

    def wait(self, call: Call, seconds: float | None) -> str | None:
        for late in getattr(self, "late", []):
            self.server.changed.wait(0.2)
            if late.ended:
                return str(late.reply)
        try:
            return super().wait(call, seconds)
        except TransportTimeoutError:
            self.late = [*getattr(self, "late", []), call]
            raise


@caught_by("test_message_is_sent_at_most_once")
class SendsAgain(MemoryClient):
    def wait(self, call: Call, seconds: float | None) -> str | None:
        try:
            return super().wait(call, seconds)
        except TransportTimeoutError:
            self.server.let_in(Call(call.message))
            raise


@caught_by("test_reply_to_a_client_that_has_gone_is_no_error")
class BrokenPipeForWhoHasGone(MemoryServer):
    def __init__(self) -> None:
        super().__init__()
        self.callers: dict[Call, threading.Thread] = {}

    def let_in(self, call: Call) -> None:
        super().let_in(call)
        self.callers[call] = threading.current_thread()

    def deliver(self, call: Call, reply: str | None) -> None:
        if not self.callers[call].is_alive():
            raise BrokenPipeError("the client has gone")
        super().deliver(call, reply)


@caught_by("test_timeout_of_a_call_is_for_that_call")
class IgnoresTheTimeoutOfACall(MemoryClient):
    def send_message(
        self, message: str, *, expect_reply: bool = True, timeout: float | EllipsisType | None = ...
    ) -> str | None:
        return super().send_message(message, expect_reply=expect_reply)


@caught_by("test_call_may_take_longer_than_the_client_allows")
class TakesTheShorterTimeout(MemoryClient):
    def wait(self, call: Call, seconds: float | None) -> str | None:
        return super().wait(call, min(seconds or 1e6, self.timeout or 1e6))


@caught_by("test_receiving_ends_in_time_when_no_message_comes")
class ReceivesForEver(MemoryServer):
    def receive_message(self, timeout: float | None = None) -> tuple[Any, str]:
        return super().receive_message()


@caught_by("test_receiving_works_after_it_timed_out")
class DeafAfterATimeout(MemoryServer):
    deaf = False

    def receive_message(self, timeout: float | None = None) -> tuple[Any, str]:
        if self.deaf:
            raise TransportTimeoutError("no message")
        try:
            return super().receive_message(timeout)
        except TransportTimeoutError:
            self.deaf = True
            raise


@caught_by("test_timeout_of_a_call_out_of_range_is_a_value_error")
class TakesNegativeTimeoutsOfCalls(MemoryClient):
    def send_message(
        self, message: str, *, expect_reply: bool = True, timeout: float | EllipsisType | None = ...
    ) -> str | None:
        if isinstance(timeout, float | int) and not timeout >= 0:
            timeout = 0
        return super().send_message(message, expect_reply=expect_reply, timeout=timeout)


@caught_by("test_receive_timeout_out_of_range_is_a_value_error")
class TakesNegativeTimeouts(MemoryServer):
    def receive_message(self, timeout: float | None = None) -> tuple[Any, str]:
        return super().receive_message(0 if timeout is not None and not timeout >= 0 else timeout)


# --- one-way


@caught_by("test_one_way_message_needs_nobody_that_receives")
class OneWayWaitsForTheReply(MemoryClient):
    def send_message(self, message: str, *, expect_reply: bool = True, **options: Any) -> str | None:
        reply = super().send_message(message, **options)
        return reply if expect_reply else None


@caught_by("test_one_way_message_arrives_and_gives_nothing")
class OneWayGivesTheEmptyString(MemoryClient):
    def send_message(self, message: str, **options: Any) -> str | None:
        return super().send_message(message, **options) or ""


@caught_by("test_close_right_after_a_one_way_message_still_delivers_it")
class CloseLosesOneWayMessages(MemoryClient):
    def close(self) -> None:
        super().close()
        with self.server.changed:
            self.server.inbox.clear()


@caught_by("test_one_way_message_that_is_no_text_is_refused")
class OneWayChecksNothing(MemoryClient):
    def send_message(self, message: str, *, expect_reply: bool = True, **options: Any) -> str | None:
        try:
            return super().send_message(message, expect_reply=expect_reply, **options)
        except ValueError:
            if expect_reply:
                raise
            return None


@caught_by("test_one_way_message_is_sent_once")
class SendsOneWayTwice(MemoryClient):
    def send_message(self, message: str, *, expect_reply: bool = True, **options: Any) -> str | None:
        if not expect_reply:
            super().send_message(message, expect_reply=False, **options)
        return super().send_message(message, expect_reply=expect_reply, **options)


@caught_by("test_reply_to_a_one_way_message_does_not_disturb_later_calls")
class TakesRepliesToOneWayMessages(MemoryClient):
    """Has one line of replies for all its messages, the oldest first."""

    def send_message(self, message: str, *, expect_reply: bool = True, **options: Any) -> str | None:
        call = None if expect_reply else Call(message)
        if call is None:
            return super().send_message(message, expect_reply=expect_reply, **options)
        with self.server.changed:
            self.server.let_in(call)
        self.one_way = call
        return None

    def wait(self, call: Call, seconds: float | None) -> str | None:
        earlier: Call | None = vars(self).pop("one_way", None)
        return super().wait(earlier if earlier is not None and earlier.ended else call, seconds)


# --- closing


@caught_by(
    "test_close_from_another_thread_wakes_every_receiver",
)
class CloseWakesNoReceiver(MemoryServer):
    def close(self, drain: float = 0) -> None:
        self.closed = True


@caught_by(
    "test_close_from_another_thread_wakes_a_caller",
    "test_aclose_wakes_every_coroutine_and_leaves_no_thread",
    "test_close_from_another_thread_wakes_every_caller",
)
class CloseIsSwallowed(MemoryClient):
    def close(self) -> None:
        pass


@caught_by("test_close_from_another_thread_wakes_every_receiver")
class CloseWakesOneReceiver(MemoryServer):
    def close(self, drain: float = 0) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify()


@caught_by("test_closed_server_refuses_every_call")
class RepliesAfterClose(MemoryServer):
    def end(self, context: Any, reply: str | None) -> None:
        if not self.closed:
            super().end(context, reply)


@caught_by("test_closed_client_refuses_every_call")
class SendsAfterClose(MemoryClient):
    def send_message(self, message: str, **options: Any) -> str | None:
        if self.closed:
            with self.server.changed:
                self.server.let_in(Call(message))
        return super().send_message(message, **options)


@caught_by("test_closing_again_does_nothing")
class ClosesOnce(MemoryServer):
    def close(self, drain: float = 0) -> None:
        if self.closed:
            raise TransportClosedError("the server was closed already")
        super().close(drain)


@caught_by("test_client_outlives_the_other_clients")
class ClosesTheServerToo(MemoryClient):
    def close(self) -> None:
        super().close()
        self.server.close()


@caught_by("test_close_leaves_no_thread_and_no_socket_behind")
class LeaksAThread(MemoryServer):
    def __init__(self) -> None:
        super().__init__()
        threading.Thread(target=threading.Event().wait, args=(5,), name="leaked", daemon=True).start()


@caught_by("test_close_leaves_no_thread_and_no_socket_behind")
class LeaksASocket(MemoryClient):
    def __init__(self, server: MemoryServer, timeout: float | None = None) -> None:
        super().__init__(server, timeout)
        LEAKED.extend(each.detach() for each in socket.socketpair())


@caught_by("test_serve_ends_when_the_server_is_closed")
class EndsByAnotherError(MemoryServer):
    def receive_message(self, timeout: float | None = None) -> tuple[Any, str]:
        try:
            return super().receive_message(timeout)
        except TransportClosedError as exc:
            raise TransportConnectionError("the server was closed") from exc


@caught_by("test_leaving_a_with_block_closes")
class StaysOpenAfterWith(MemoryClient):
    def __exit__(self, *_: object) -> None:
        pass


# --- drop and drain


@caught_by("test_message_is_dropped_once_in_place_of_a_reply")
class DropDoesNothing(MemoryServer):
    def drop(self, context: Any) -> None:
        pass


@caught_by("test_object_that_is_no_context_cannot_be_dropped")
class DropsAnything(MemoryServer):
    def drop(self, context: Any) -> None:
        if isinstance(context, Call):
            super().drop(context)


@caught_by("test_call_whose_message_was_dropped_ends_with_an_error")
class DropAnswers(MemoryServer):
    def drop(self, context: Any) -> None:
        self.end(context, "")


@caught_by("test_closed_server_drops_nothing")
class DropsAfterClose(MemoryServer):
    def drop(self, context: Any) -> None:
        if not self.closed:
            super().drop(context)


@caught_by("test_draining_server_answers_what_has_arrived_and_then_ends")
class DrainIsAPlainClose(MemoryServer):
    def wait_for_the_last(self, drain: float) -> None:
        pass


@caught_by("test_drain_ends_when_its_time_is_up")
class DrainsForEver(MemoryServer):
    def wait_for_the_last(self, drain: float) -> None:
        super().wait_for_the_last(drain + 3600)


@caught_by("test_another_close_ends_a_drain")
class DrainCannotBeCutShort(MemoryServer):
    def wait_for_the_last(self, drain: float) -> None:
        self.changed.wait_for(lambda: not (self.inbox or self.owed), min(drain, 5))


@caught_by("test_draining_server_lets_no_new_message_in")
class DrainLetsMessagesIn(MemoryServer):
    def let_in(self, call: Call) -> None:
        self.inbox.append(call)
        self.changed.notify_all()


# --- errors


class UnpicklableError(TransportTimeoutError):
    def __init__(self, seconds: float, what: str) -> None:
        super().__init__(f"no {what} within {seconds} s")


@caught_by("test_errors_survive_pickle")
class ErrorsDoNotPickle(MemoryServer):
    def receive_message(self, timeout: float | None = None) -> tuple[Any, str]:
        try:
            return super().receive_message(timeout)
        except TransportTimeoutError as exc:
            raise UnpicklableError(timeout or 0, "message") from exc


LEAKED: list[int] = []


def suite(wrong: Wrong) -> Contract:
    """Return the suite for a pair of which one side is *wrong*."""

    class Mutated(Contract):
        promises = ALL_PROMISES - {"greenlets"}
        # More than short + grace, which a call that ignores its timeout has to exceed.
        deadline = 1.5
        short = 0.2

        @contextmanager
        def open(self) -> Generator[Pair]:
            server = wrong() if issubclass(wrong, MemoryServer) else MemoryServer()

            def client(timeout: float) -> Any:
                return wrong(server, timeout) if issubclass(wrong, MemoryClient) else MemoryClient(server, timeout)

            yield Pair(server, client)
            MemoryServer.close(server)

    return Mutated()


@pytest.mark.parametrize(("wrong", "test"), MUTANTS, ids=[f"{wrong.__name__}-{test}" for wrong, test in MUTANTS])
def test_wrong_transport_is_caught_by_the_promise_that_it_breaks(wrong: Wrong, test: str) -> None:
    with pytest.raises(pytest.fail.Exception) as failed:
        getattr(suite(wrong), test)()
    while LEAKED:
        os.close(LEAKED.pop())
    words = " ".join(getattr(Contract, test).__doc__.split())
    lines = str(failed.value).splitlines()
    assert lines[0] == f"broken promise: {words}"
    assert lines[1].startswith("seen: ")
    assert lines[-1].startswith("made by: the docstring of ")


def test_every_promise_is_broken_by_a_wrong_transport() -> None:
    tests = {name for name in dir(Contract) if name.startswith("test_")}
    without = tests - {test for _, test in MUTANTS}
    assert without <= UNBROKEN, without


# What no fault of a single method shows that another test does not show first.
UNBROKEN = {
    "test_cancelled_serve_async_ends",
    "test_closing_from_several_threads_at_once_is_safe",
    "test_serve_ends_after_a_drain_with_nothing_lost",
    "test_serve_goes_on_after_a_handler_that_fails",
    "test_waiting_greenlet_does_not_stop_the_others",
}
