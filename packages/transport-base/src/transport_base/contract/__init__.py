"""
The contract as tests, for the authors of transports: ``pip install transport-base[contract]``.

A test file says how to open a pair of client and server, and what they promise beyond the Protocols::

    class TestContract(Contract):
        promises = {"close", "one-way"}

        @contextmanager
        def open(self):
            with MyServer() as server:
                yield Pair(server, lambda timeout: MyClient(server.address, timeout))

pytest then collects a test for each promise. A promise that was not declared is skipped and named (``pytest -rs``). A
failure gives the promise in words, what was seen, and the docstring that makes it.
"""

from .._further import (
    ClosableClientTransport,
    ClosableServerTransport,
    ClosableTransport,
    DrainingServerTransport,
    TimedClientTransport,
    TimedServerTransport,
)
from ._blocking import LoopThread
from ._calls import BrokenPromiseError
from ._contract import Contract
from ._messages import MESSAGES
from ._pair import ALL_PROMISES, Pair, Promise

__all__ = [
    "ALL_PROMISES",
    "MESSAGES",
    "BrokenPromiseError",
    "ClosableClientTransport",
    "ClosableServerTransport",
    "ClosableTransport",
    "Contract",
    "DrainingServerTransport",
    "LoopThread",
    "Pair",
    "Promise",
    "TimedClientTransport",
    "TimedServerTransport",
]
