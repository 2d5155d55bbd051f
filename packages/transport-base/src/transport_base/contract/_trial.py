"""One test's pair: opened for it, used by it, ended after it."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ParamSpec

from ._calls import BrokenPromiseError, Call, Calls, show
from ._pair import Pair, Suite

ParamT = ParamSpec("ParamT")


class Trial:
    """A pair under test. Server and clients are untyped: a level may call what the Protocols do not have."""

    def __init__(self, suite: Suite, pair: Pair, calls: Calls) -> None:
        self.suite = suite
        self.server: Any = pair.server
        self._calls = calls
        self._open_client = pair.client
        self._clients: list[Any] = []

    def client(self, timeout: float | None = None) -> Any:
        """Open a client; the end of the test closes it where it can be closed."""
        seconds = self.suite.deadline if timeout is None else timeout
        opened = self.start(self._open_client, seconds).result()
        self._clients.append(opened)
        return opened

    def start(self, function: Callable[ParamT, object], *args: ParamT.args, **kwargs: ParamT.kwargs) -> Call:
        """Call *function* in a thread of its own."""
        return self._calls.start(function, *args, **kwargs)

    def receive(self, wanted: str | None = None) -> tuple[Any, str]:
        """Receive a message, which must be *wanted*."""
        got = self.start(self.server.receive_message).result()
        try:
            context, message = got
        except (TypeError, ValueError):
            raise BrokenPromiseError(f"receive_message() returned {show(got)}, expected a context and a str") from None
        if wanted is not None and message != wanted:
            raise BrokenPromiseError(f"receive_message() gave the message {show(message)}, expected {show(wanted)}")
        return context, message

    def reply(self, context: Any, text: str) -> None:
        """Answer *context*, which must work."""
        self.start(self.server.send_reply, context, text).gives(None)

    def ask(self, client: Any, message: str = "message") -> tuple[Call, Any]:
        """Send *message*; return the call, and the context that the server got."""
        call = self.start(client.send_message, message)
        return call, self.receive(message)[0]

    def works(self, client: Any, message: str = "still there?", reply: str = "still here") -> None:
        """*client* gets the reply to its message, and no other."""
        call, context = self.ask(client, message)
        self.reply(context, reply)
        call.gives(reply)

    @contextmanager
    def another(self) -> Generator["Trial"]:
        """Open a second pair."""
        with trial(self.suite) as opened:
            yield opened

    def close_clients(self) -> None:
        """Close every client that can be closed."""
        for client in self._clients:
            if hasattr(client, "close"):
                self.start(client.close).result()


@contextmanager
def trial(suite: Suite) -> Generator[Trial]:
    """Open a pair, and end it whatever happens; with the level "close", every call must end with it."""
    calls = Calls(suite.deadline)
    opening = suite.open()
    pair = calls.start(_enter, opening).result()
    opened = Trial(suite, pair, calls)
    failed = True
    try:
        yield opened
        failed = False
    finally:
        try:
            opened.close_clients()
            calls.start(_leave, opening).result()
        except BrokenPromiseError:
            # What the test itself has seen says more.
            if not failed:
                raise
    left = calls.still_running(suite.deadline if "close" in suite.promises else 0)
    if left and "close" in suite.promises:
        raise BrokenPromiseError(f"still running after everything was closed: {', '.join(left)}")


def _enter(opening: AbstractContextManager[Pair]) -> Pair:
    return opening.__enter__()


def _leave(opening: AbstractContextManager[Pair]) -> None:
    opening.__exit__(None, None, None)
