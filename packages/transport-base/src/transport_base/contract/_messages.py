"""What the Protocols promise: messages, replies and contexts."""

from typing import Any

from .._errors import TransportContextError
from .._interfaces import ClientTransport, ServerTransport
from ._pair import Suite
from ._promise import promise
from ._trial import Trial

MESSAGES = {
    "the empty message": "",
    "NUL": "\0",
    "NUL within": "before\0after",
    "CR LF": "\r\n",
    "CR": "\r",
    "LF": "\n",
    "lines": "one\ntwo\r\nthree\n",
    "blanks": "  \t ",
    "a byte order mark": "\ufeffafter a byte order mark",
    "astral characters": "\U0001d11e\U0001f600",
    "combining characters": "e\u0301 is not \u00e9",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "what looks like HTTP": "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "1 MiB": "x" * 2**20,
    "1 MiB of astral characters": "\U0001f600" * 2**18,
}

NOT_STR: list[Any] = [None, b"bytes", bytearray(b"x"), 1, ["text"]]
NO_UTF8_FORM = ["\ud800", "a\udfff", "\udc00\ud800 text"]
NO_CONTEXTS: list[Any] = [None, 42, object(), "context", []]


class Messages(Suite):
    """Any text arrives as it was; what is not text is refused before anything is sent."""

    @promise(by=ClientTransport.send_message)
    def test_any_message_and_reply_arrives_as_it_was(self, pair: Trial) -> None:
        """Any message and any reply arrives as it was."""
        client = pair.client()
        for message in MESSAGES.values():
            pair.works(client, message, message)

    @promise(by=ClientTransport.send_message)
    def test_each_message_is_delivered_once_and_each_reply_goes_to_its_call(self, pair: Trial) -> None:
        """Each message is delivered once, and each reply goes to the call that waits for it."""
        clients = [pair.client(), pair.client()]
        for number in range(10):
            for name, client in enumerate(clients):
                pair.works(client, f"message {number} of client {name}", f"reply {number} to client {name}")

    @promise(by=ClientTransport.send_message)
    def test_message_that_is_no_str_is_a_type_error_and_is_not_sent(self, pair: Trial) -> None:
        """A message that is not a str is a TypeError, nothing is sent, and the client works on."""
        client = pair.client()
        for value in NOT_STR:
            pair.start(client.send_message, value).raises(TypeError)
        pair.works(client)

    @promise(by=ClientTransport.send_message)
    def test_message_without_utf8_form_is_a_value_error_and_is_not_sent(self, pair: Trial) -> None:
        """A message with a lone surrogate is a ValueError, nothing is sent, and the client works on."""
        client = pair.client()
        for text in NO_UTF8_FORM:
            pair.start(client.send_message, text).raises(ValueError)
        pair.works(client)

    @promise(by=ServerTransport[Any].send_reply)
    def test_reply_that_is_no_str_is_a_type_error_and_can_be_given_again(self, pair: Trial) -> None:
        """A reply that is not a str is a TypeError, and the context can still be answered."""
        call, context = pair.ask(pair.client())
        for value in NOT_STR:
            pair.start(pair.server.send_reply, context, value).raises(TypeError)
        pair.reply(context, "right")
        call.gives("right")

    @promise(by=ServerTransport[Any].send_reply)
    def test_reply_without_utf8_form_is_a_value_error_and_can_be_given_again(self, pair: Trial) -> None:
        """A reply with a lone surrogate is a ValueError, and the context can still be answered."""
        call, context = pair.ask(pair.client())
        for text in NO_UTF8_FORM:
            pair.start(pair.server.send_reply, context, text).raises(ValueError)
        pair.reply(context, "right")
        call.gives("right")


class Contexts(Suite):
    """Each context is answered once, in any order."""

    @promise(by=ServerTransport[Any].send_reply)
    def test_context_is_answered_exactly_once(self, pair: Trial) -> None:
        """A second reply to a context is a TransportContextError, reaches nobody, and disturbs no later call."""
        client = pair.client()
        call, context = pair.ask(client)
        pair.reply(context, "first")
        pair.start(pair.server.send_reply, context, "second").raises(TransportContextError)
        call.gives("first")
        pair.works(client)
        pair.start(pair.server.send_reply, context, "third").raises(TransportContextError)

    @promise(by=ServerTransport[Any].send_reply)
    def test_context_of_another_server_is_an_error_and_nothing_is_sent(self, pair: Trial) -> None:
        """A context of another server is a TransportContextError, and nothing is sent."""
        call, context = pair.ask(pair.client())
        with pair.another() as other:
            other.start(other.server.send_reply, context, "not mine").raises(TransportContextError)
        pair.reply(context, "mine")
        call.gives("mine")

    @promise(by=ServerTransport[Any].send_reply)
    def test_object_that_is_no_context_is_a_context_error(self, pair: Trial) -> None:
        """An object that no server gave as a context is a TransportContextError."""
        for context in NO_CONTEXTS:
            pair.start(pair.server.send_reply, context, "reply").raises(TransportContextError)
        pair.works(pair.client())

    @promise(by=ServerTransport[Any].send_reply)
    def test_contexts_are_answered_in_any_order(self, pair: Trial) -> None:
        """Contexts are answered in any order, and each reply reaches its own call."""
        asked = [(number, *pair.ask(pair.client(), f"message {number}")) for number in range(4)]
        for number, _, context in reversed(asked):
            pair.reply(context, f"reply {number}")
        for number, call, _ in asked:
            call.gives(f"reply {number}")
