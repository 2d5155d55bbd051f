"""The levels "close", "with", "drain" and "drop"."""

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

from .._errors import TransportClosedError, TransportContextError, TransportError
from .._further import ClosableTransport, DrainingServerTransport
from .._interfaces import DroppingServerTransport
from .._serve import serve
from ._calls import BrokenPromiseError, Call
from ._pair import Suite
from ._promise import promise
from ._trial import Trial


class Closing(Suite):
    """Explicit ends."""

    @promise("close", by=ClosableTransport.close)
    def test_closed_server_refuses_every_call(self, pair: Trial) -> None:
        """A closed server raises TransportClosedError in every call."""
        _call, context = pair.ask(pair.client())
        pair.start(pair.server.close).result()
        for _ in range(2):
            pair.start(pair.server.receive_message).raises(TransportClosedError)
            pair.start(pair.server.send_reply, context, "too late").raises(TransportClosedError)
            if "receive-timeout" in self.promises:
                pair.start(pair.server.receive_message, 0).raises(TransportClosedError)

    @promise("close", by=ClosableTransport.close)
    def test_closed_client_refuses_every_call(self, pair: Trial) -> None:
        """A closed client raises TransportClosedError in every call, and sends nothing."""
        client = pair.client()
        pair.start(client.close).result()
        pair.start(client.send_message, "too late").raises(TransportClosedError)
        if "one-way" in self.promises:
            pair.start(client.send_message, "too late", expect_reply=False).raises(TransportClosedError)
        pair.works(pair.client())

    @promise("close", by=ClosableTransport.close)
    def test_closing_again_does_nothing(self, pair: Trial) -> None:
        """Closing again does nothing."""
        client = pair.client()
        for _ in range(3):
            pair.start(client.close).result()
            pair.start(pair.server.close).result()

    @promise("close", "threads", by=ClosableTransport.close)
    def test_closing_from_several_threads_at_once_is_safe(self, pair: Trial) -> None:
        """Several threads may close a transport at once."""
        client = pair.client()
        for call in [pair.start(close) for close in [client.close, pair.server.close] * 4]:
            call.result()

    @promise("close", by=ClosableTransport.close)
    def test_close_from_another_thread_wakes_every_receiver(self, pair: Trial) -> None:
        """close() wakes whoever waits in receive_message, with TransportClosedError."""
        receivers = [pair.start(pair.server.receive_message) for _ in range(2)]
        # That one of them takes a message shows that they wait.
        client = pair.client()
        calling = pair.start(client.send_message, "for one of them")
        taken = _first(receivers, self.deadline)
        pair.reply(taken.result()[0], "reply")
        calling.gives("reply")
        receivers.remove(taken)
        receivers.append(pair.start(pair.server.receive_message))
        _ends_in_time(pair, pair.server.close, receivers, self.grace)

    @promise("close", by=ClosableTransport.close)
    def test_close_from_another_thread_wakes_a_caller(self, pair: Trial) -> None:
        """close() wakes whoever waits in send_message, with TransportClosedError."""
        client = pair.client()
        call, _context = pair.ask(client)
        _ends_in_time(pair, client.close, [call], self.grace)

    @promise("close", "side-by-side", by=ClosableTransport.close)
    def test_close_from_another_thread_wakes_every_caller(self, pair: Trial) -> None:
        """close() wakes all who wait in send_message, with TransportClosedError."""
        client = pair.client()
        asked = [pair.ask(client, f"message {number}") for number in range(3)]
        _ends_in_time(pair, client.close, [call for call, _ in asked], self.grace)

    @promise("close", by=ClosableTransport.close)
    def test_client_outlives_the_other_clients(self, pair: Trial) -> None:
        """Closing one client leaves the others as they were."""
        stays, leaves = pair.client(), pair.client()
        pair.works(leaves)
        pair.start(leaves.close).result()
        pair.works(stays)

    @promise("close", by=ClosableTransport.close)
    def test_close_leaves_no_thread_and_no_socket_behind(self, pair: Trial) -> None:
        """A closed transport leaves no thread and no socket behind."""
        # Once beforehand, because what a library opens at its first use and keeps is not the transport's.
        with pair.another() as first:
            first.works(first.client())
        threads, descriptors = set(threading.enumerate()), _descriptors()
        for _ in range(3):
            with pair.another() as opened:
                client = opened.client()
                opened.works(client)
                call, _context = opened.ask(client)
                opened.start(client.close).result()
                call.raises(TransportClosedError)
                opened.start(opened.server.close).result()
        end = time.monotonic() + self.deadline
        while True:
            # Who logs in a greenlet gets an entry as a "Dummy" thread.
            new = [thread for thread in threading.enumerate() if thread not in threads]
            left = [thread.name for thread in new if not thread.name.startswith(("Dummy", "contract-"))]
            more = _descriptors() - descriptors
            # Each of three leaks would leave three; one or two may be somebody else's.
            if not left and more < 3:
                return
            if time.monotonic() > end:
                raise BrokenPromiseError(
                    f"the threads {left} and {max(0, more)} file descriptors were left after everything was closed"
                )
            time.sleep(0.05)

    @promise("close", by=serve)
    def test_serve_ends_when_the_server_is_closed(self, pair: Trial) -> None:
        """serve() returns when the server is closed, by another thread or by the handler."""
        serving = pair.start(serve, pair.server, str)
        pair.start(pair.client().send_message, "message").gives("message")
        pair.start(pair.server.close).result()
        serving.gives(None)
        with pair.another() as other:

            def handler(message: str) -> str:
                other.server.close()
                return message

            serving = other.start(serve, other.server, handler)
            client = other.client()
            other.start(client.send_message, "close!")
            serving.gives(None)

    @promise("close", "timeout", by=serve)
    def test_serve_goes_on_after_a_handler_that_fails(self, pair: Trial) -> None:
        """A handler that fails gives its client a TransportError, and the next message is answered."""

        def handler(message: str) -> str:
            if message == "bad":
                raise RuntimeError("a handler of the contract suite fails on purpose")
            return message

        pair.start(serve, pair.server, handler)
        pair.start(pair.client(self.short).send_message, "bad").raises(TransportError)
        pair.start(pair.client().send_message, "good").gives("good")

    @promise("with", by=ClosableTransport.close)
    def test_leaving_a_with_block_closes(self, pair: Trial) -> None:
        """A ``with`` block gives the transport itself, and closes it at its end."""
        client = pair.client()
        for each in (client, pair.server):
            with each as entered:
                if entered is not each:
                    raise BrokenPromiseError(
                        f"entering {type(each).__name__} gave {entered!r}, expected the transport itself"
                    )
        pair.start(client.send_message, "too late").raises(TransportClosedError)
        pair.start(pair.server.receive_message).raises(TransportClosedError)


class Dropping(Suite):
    """Messages that are given up."""

    @promise("drop", by=DroppingServerTransport[Any].drop)
    def test_message_is_dropped_once_in_place_of_a_reply(self, pair: Trial) -> None:
        """A context that was dropped can't be answered or dropped, one that was answered can't be dropped."""
        _call, dropped = pair.ask(pair.client(self.short))
        pair.start(pair.server.drop, dropped).gives(None)
        pair.start(pair.server.drop, dropped).raises(TransportContextError)
        pair.start(pair.server.send_reply, dropped, "reply").raises(TransportContextError)
        call, answered = pair.ask(pair.client())
        pair.reply(answered, "reply")
        pair.start(pair.server.drop, answered).raises(TransportContextError)
        call.gives("reply")

    @promise("drop", by=DroppingServerTransport[Any].drop)
    def test_object_that_is_no_context_cannot_be_dropped(self, pair: Trial) -> None:
        """Dropping an object that no server gave as a context is a TransportContextError."""
        for context in (None, 42, "context"):
            pair.start(pair.server.drop, context).raises(TransportContextError)

    @promise("drop", "timeout", by=DroppingServerTransport[Any].drop)
    def test_call_whose_message_was_dropped_ends_with_an_error(self, pair: Trial) -> None:
        """A call whose message was dropped ends with a TransportError, and its client works on."""
        client = pair.client(self.short * 3)
        call, context = pair.ask(client)
        pair.start(pair.server.drop, context).gives(None)
        call.raises(TransportError)
        pair.works(pair.client())
        pair.works(client)

    @promise("drop", "close", by=DroppingServerTransport[Any].drop)
    def test_closed_server_drops_nothing(self, pair: Trial) -> None:
        """A closed server raises TransportClosedError in drop()."""
        _call, context = pair.ask(pair.client())
        pair.start(pair.server.close).result()
        pair.start(pair.server.drop, context).raises(TransportClosedError)


class Draining(Suite):
    """Servers that are closed without losing what has arrived."""

    @promise("drain", "close", by=DrainingServerTransport[Any].close)
    def test_draining_server_answers_what_has_arrived_and_then_ends(self, pair: Trial) -> None:
        """close(drain) lets what has arrived be received and answered, and then ends the server."""
        call, context = pair.ask(pair.client())
        closing = pair.start(pair.server.close, drain=self.deadline)
        pair.reply(context, "reply")
        call.gives("reply")
        closing.result()
        pair.start(pair.server.receive_message).raises(TransportClosedError)

    @promise("drain", "close", by=DrainingServerTransport[Any].close)
    def test_serve_ends_after_a_drain_with_nothing_lost(self, pair: Trial) -> None:
        """serve() answers what is under way when close(drain) begins, and then returns."""
        begun, go_on = threading.Event(), threading.Event()

        def handler(message: str) -> str:
            begun.set()
            go_on.wait(self.deadline)
            return message

        serving = pair.start(serve, pair.server, handler)
        call = pair.start(pair.client().send_message, "message")
        if not begun.wait(self.deadline):
            raise BrokenPromiseError("serve() did not receive the message")
        closing = pair.start(pair.server.close, drain=self.deadline)
        go_on.set()
        call.gives("message")
        closing.result()
        serving.gives(None)

    @promise("drain", "close", by=DrainingServerTransport[Any].close)
    def test_drain_ends_when_its_time_is_up(self, pair: Trial) -> None:
        """close(drain) returns when its time is up, with messages that nobody has answered."""
        _call, context = pair.ask(pair.client())
        closing = pair.start(pair.server.close, drain=self.short)
        closing.result()
        if not closing.seconds() < self.short + self.grace:
            raise BrokenPromiseError(f"{closing.words} took {closing.seconds():.2f} s, expected {self.short} s")
        pair.start(pair.server.send_reply, context, "too late").raises(TransportClosedError)

    @promise("drain", "close", by=DrainingServerTransport[Any].close)
    def test_another_close_ends_a_drain(self, pair: Trial) -> None:
        """A close() during a drain ends it."""
        _call, _context = pair.ask(pair.client())
        closing = pair.start(pair.server.close, drain=self.deadline * 100)
        receiving = pair.start(pair.server.receive_message)
        pair.start(pair.server.close).result()
        closing.result()
        receiving.raises(TransportClosedError)

    @promise("drain", "close", "timeout", by=DrainingServerTransport[Any].close)
    def test_draining_server_lets_no_new_message_in(self, pair: Trial) -> None:
        """A message that is sent while the server drains is not handed out."""
        received: list[str] = []

        def receive_and_answer() -> None:
            with contextlib.suppress(TransportClosedError):
                while True:
                    context, message = pair.server.receive_message()
                    received.append(message)
                    pair.server.send_reply(context, message)

        call, context = pair.ask(pair.client())
        closing = pair.start(pair.server.close, drain=self.deadline)
        # Nothing tells when a drain has begun. Until then, a message gets in and is answered.
        client = pair.client(self.short)
        receiving = pair.start(receive_and_answer)
        end = time.monotonic() + self.deadline / 2
        while pair.start(client.send_message, "early").outcome()[1] is None and time.monotonic() < end:
            pass
        received.clear()
        late = pair.start(client.send_message, "late").outcome()
        if late[1] is None or received:
            raise BrokenPromiseError(f"the messages {received} were handed out during a drain, expected none")
        pair.reply(context, "reply")
        call.gives("reply")
        closing.result()
        receiving.result()


def _first(receivers: list[Call], deadline: float) -> Call:
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        for receiver in receivers:
            if receiver.done:
                return receiver
        time.sleep(0.001)
    raise BrokenPromiseError(f"none of {len(receivers)} receive_message() calls got the message within {deadline} s")


def _ends_in_time(pair: Trial, close: Any, waiting: list[Call], grace: float) -> None:
    start = time.monotonic()
    pair.start(close).result()
    for call in waiting:
        call.raises(TransportClosedError)
    if not time.monotonic() - start < grace:
        raise BrokenPromiseError(
            f"close() woke the last one after {time.monotonic() - start:.2f} s, expected {grace} s"
        )


def _descriptors() -> int:
    """Count the file descriptors of this process, where the system tells."""
    folder = Path("/proc/self/fd")
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0
