"""A good client that calls all the while that bad ones are at work."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from interfaces import Client
from tasks import tasks


@contextmanager
def served_throughout(client: Client) -> Generator[None]:
    """
    Have *client* call a server that echoes, again and again; show in the end that each call went well.

    Its connection is there from the start of the block on, for those who count what is open.
    """
    assert client.send_message("good") == "good"
    over = threading.Event()
    calls = 0

    def call() -> None:
        nonlocal calls
        while not over.is_set() or calls < 3:
            message = f"good {calls}"
            assert client.send_message(message) == message
            calls += 1
            over.wait(0.005)

    with tasks(over.set) as running:
        calling = running.start(call)
        yield
    assert calling.result() is None
