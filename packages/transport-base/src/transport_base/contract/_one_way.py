"""The level "one-way"."""

from .._errors import TransportTimeoutError
from .._interfaces import OneWayClientTransport
from ._calls import BrokenPromiseError
from ._messages import NO_UTF8_FORM, NOT_STR
from ._pair import Suite
from ._promise import promise
from ._trial import Trial


class OneWay(Suite):
    """Messages that nobody waits for."""

    @promise("one-way", by=OneWayClientTransport.send_message)
    def test_one_way_message_arrives_and_gives_nothing(self, pair: Trial) -> None:
        """A one-way message arrives, and its call returns None."""
        sending = pair.start(pair.client().send_message, "one way", expect_reply=False)
        pair.receive("one way")
        sending.gives(None)

    @promise("one-way", by=OneWayClientTransport.send_message)
    def test_one_way_message_needs_nobody_that_receives(self, pair: Trial) -> None:
        """A one-way message does not wait for anybody to receive it."""
        client = pair.client()
        for number in range(3):
            pair.start(client.send_message, f"one way {number}", expect_reply=False).gives(None)
        arrived = {pair.receive()[1] for _ in range(3)}
        if arrived != {f"one way {number}" for number in range(3)}:
            raise BrokenPromiseError(f"the messages {sorted(arrived)} arrived, expected 'one way 0' to 'one way 2'")

    @promise("one-way", by=OneWayClientTransport.send_message)
    def test_reply_to_a_one_way_message_does_not_disturb_later_calls(self, pair: Trial) -> None:
        """Whether a one-way message is answered or not, later calls get their own replies."""
        client = pair.client()
        for replies in (True, False):
            for number in range(3):
                sending = pair.start(client.send_message, f"one way {number}", expect_reply=False)
                context, _ = pair.receive(f"one way {number}")
                sending.gives(None)
                if replies:
                    pair.reply(context, "nobody wants to know")
            pair.works(client)
            pair.works(client)

    @promise("one-way", by=OneWayClientTransport.send_message)
    def test_one_way_message_that_is_no_text_is_refused(self, pair: Trial) -> None:
        """A one-way message that is not a str is a TypeError, one with a lone surrogate a ValueError."""
        client = pair.client()
        for value in NOT_STR:
            pair.start(client.send_message, value, expect_reply=False).raises(TypeError)
        for text in NO_UTF8_FORM:
            pair.start(client.send_message, text, expect_reply=False).raises(ValueError)
        pair.works(client)

    @promise("one-way", "close", by=OneWayClientTransport.send_message)
    def test_close_right_after_a_one_way_message_still_delivers_it(self, pair: Trial) -> None:
        """A client that is closed right after a one-way message still delivers it."""
        for number in range(5):
            client = pair.client()
            pair.start(client.send_message, f"one way {number}", expect_reply=False).gives(None)
            pair.start(client.close).result()
        arrived = {pair.receive()[1] for _ in range(5)}
        if len(arrived) != 5:
            raise BrokenPromiseError(f"the messages {sorted(arrived)} arrived, expected 'one way 0' to 'one way 4'")

    @promise("one-way", "receive-timeout", by=OneWayClientTransport.send_message)
    def test_one_way_message_is_sent_once(self, pair: Trial) -> None:
        """A one-way message is delivered once."""
        pair.start(pair.client().send_message, "once", expect_reply=False).gives(None)
        pair.receive("once")
        pair.start(pair.server.receive_message, 0.2).raises(TransportTimeoutError)
