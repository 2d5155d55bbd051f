"""The levels "timeout", "call-timeout" and "receive-timeout"."""

import time
from typing import Any

from .._errors import TransportError, TransportTimeoutError
from .._further import TimedClientTransport, TimedServerTransport
from .._interfaces import ClientTransport, ServerTransport
from ._calls import BrokenPromiseError, Call
from ._pair import Suite
from ._promise import promise
from ._trial import Trial

OUT_OF_RANGE = [-1, -0.5, float("nan")]


class Timeouts(Suite):
    """A client's calls end in time, and what comes too late disturbs nobody."""

    def _times_out(self, call: Call, timeout: float) -> None:
        """*call* must end by a timeout, in time."""
        error = call.raises(TransportTimeoutError)
        if not isinstance(error, TimeoutError) or not isinstance(error, TransportError):
            raise BrokenPromiseError(
                f"{call.words} raised {error!r}, expected a TransportTimeoutError that is a TimeoutError"
            )
        if call.seconds() >= timeout + self.grace:
            raise BrokenPromiseError(f"{call.words} timed out after {call.seconds():.2f} s, expected {timeout} s")

    @promise("timeout", by=ClientTransport.send_message)
    def test_call_without_a_reply_ends_in_time(self, pair: Trial) -> None:
        """A call without a reply ends with TransportTimeoutError when the client's time is up."""
        self._times_out(pair.start(pair.client(self.short).send_message, "message"), self.short)

    @promise("timeout", by=ClientTransport.send_message)
    def test_client_works_again_after_a_timeout(self, pair: Trial) -> None:
        """A client works again after a call of it timed out."""
        client = pair.client(self.short)
        call, _context = pair.ask(client)
        call.raises(TransportTimeoutError)
        self._in_turn(pair, client)

    def _in_turn(self, pair: Trial, client: Any) -> None:
        """*client*, whose calls are short, works. A machine under load may need more than one try."""
        for attempt in range(5):
            call, context = pair.ask(client, f"attempt {attempt}")
            pair.reply(context, f"reply {attempt}")
            if attempt == 4 or not isinstance(call.outcome()[1], TransportTimeoutError):
                call.gives(f"reply {attempt}")
                return

    @promise("timeout", by=ClientTransport.send_message)
    def test_late_reply_is_not_taken_for_the_next_one(self, pair: Trial) -> None:
        """The reply to a call that timed out is never taken for the reply to a later one."""
        client = pair.client(self.short)
        late: list[object] = []
        for _ in range(2):
            call, context = pair.ask(client, "slow")
            call.raises(TransportTimeoutError)
            late.append(context)
        call, context = pair.ask(client, "quick")
        for each in late:
            pair.reply(each, "reply to slow")
        pair.reply(context, "reply to quick")
        if not isinstance(call.outcome()[1], TransportTimeoutError):
            call.gives("reply to quick")
        self._in_turn(pair, client)

    @promise("timeout", by=ServerTransport[Any].send_reply)
    def test_reply_to_a_client_that_has_gone_is_no_error(self, pair: Trial) -> None:
        """A reply to a client that has gone returns quietly, and the server works on."""
        client = pair.client(self.short)
        call, context = pair.ask(client)
        call.raises(TransportTimeoutError)
        if hasattr(client, "close"):
            pair.start(client.close).result()
        pair.reply(context, "too late")
        pair.works(pair.client())

    @promise("timeout", "receive-timeout", by=ClientTransport.send_message)
    def test_message_is_sent_at_most_once(self, pair: Trial) -> None:
        """A message is sent at most once, however long its reply takes."""
        call, _context = pair.ask(pair.client(self.short), "once")
        call.raises(TransportTimeoutError)
        pair.start(pair.server.receive_message, 0.2).raises(TransportTimeoutError)

    @promise("call-timeout", by=TimedClientTransport.send_message)
    def test_timeout_of_a_call_is_for_that_call(self, pair: Trial) -> None:
        """The timeout of a call ends that call in time, and no other."""
        client = pair.client()
        call = pair.start(client.send_message, "message", timeout=self.short)
        pair.receive("message")
        self._times_out(call, self.short)
        pair.works(client)

    @promise("call-timeout", "timeout", by=TimedClientTransport.send_message)
    def test_call_may_take_longer_than_the_client_allows(self, pair: Trial) -> None:
        """A call with a timeout of None, or a longer one, outlasts the client's own timeout."""
        client = pair.client(self.short)
        for longer in (None, self.deadline):
            call = pair.start(client.send_message, "message", timeout=longer)
            context, _ = pair.receive("message")
            time.sleep(self.short * 2)
            pair.reply(context, "reply")
            call.gives("reply")
            call = pair.start(client.send_message, "of the client's own time", timeout=...)
            pair.receive("of the client's own time")
            self._times_out(call, self.short)

    @promise("call-timeout", by=TimedClientTransport.send_message)
    def test_timeout_of_a_call_out_of_range_is_a_value_error(self, pair: Trial) -> None:
        """A negative timeout of a call, or NaN, is a ValueError, and nothing is sent."""
        client = pair.client()
        for timeout in OUT_OF_RANGE:
            pair.start(client.send_message, "not sent", timeout=timeout).raises(ValueError)
        pair.works(client)


class ReceiveTimeouts(Suite):
    """A server waits for a message no longer than it is told to."""

    @promise("receive-timeout", by=TimedServerTransport[Any].receive_message)
    def test_receiving_ends_in_time_when_no_message_comes(self, pair: Trial) -> None:
        """Receiving ends with TransportTimeoutError when no message came in time."""
        for timeout in (0, 0.0, 0.1):
            call = pair.start(pair.server.receive_message, timeout)
            call.raises(TransportTimeoutError)
            # 20 ms less, because clocks differ.
            if not timeout - 0.02 <= call.seconds() < timeout + self.grace:
                raise BrokenPromiseError(f"{call.words} took {call.seconds():.3f} s, expected {timeout} s")

    @promise("receive-timeout", by=TimedServerTransport[Any].receive_message)
    def test_receiving_works_after_it_timed_out(self, pair: Trial) -> None:
        """A server receives after an earlier call timed out, with a timeout and without."""
        pair.start(pair.server.receive_message, 0.01).raises(TransportTimeoutError)
        client = pair.client()
        pair.works(client)
        call = pair.start(client.send_message, "message")
        context, message = pair.start(pair.server.receive_message, self.deadline).result()
        if message != "message":
            raise BrokenPromiseError(f"receive_message({self.deadline}) gave {message!r}, expected 'message'")
        pair.reply(context, "reply")
        call.gives("reply")

    @promise("receive-timeout", by=TimedServerTransport[Any].receive_message)
    def test_receive_timeout_out_of_range_is_a_value_error(self, pair: Trial) -> None:
        """A negative timeout, or NaN, is a ValueError."""
        for timeout in OUT_OF_RANGE:
            pair.start(pair.server.receive_message, timeout).raises(ValueError)
