"""
The contract suite of transport-base, run over every pair of client and server, and over the bridge to asyncio.

Each pair has a class of tests, ``Test_zmq_tcp`` and so on, and one for the same pair behind a client for asyncio,
``Test_zmq_tcp_asyncio``. What a pair does not promise is said below, with the reason.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

import gevent.monkey
from pairs import OpenPair, pairs_of_this_process

from transport_base import ThreadedAsyncClientTransport
from transport_base.contract import ALL_PROMISES, Contract, LoopThread, Pair, Promise

try:
    import uvloop
except ImportError:  # it has no wheel for this Python yet
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    new_event_loop = uvloop.new_event_loop

PATCHED = gevent.monkey.is_module_patched("threading")

NOT_PROMISED: dict[str, set[Promise]] = {
    # Calls take turns on the one socket.
    "zmq-passed-sockets": {"side-by-side"},
}


def contract_of(name: str, open_pair: OpenPair) -> type[Contract]:
    """Return the suite for a pair."""

    class Suite(Contract):
        # Greenlets are where gevent has patched the process, and asyncio does not work there.
        promises = ALL_PROMISES - {"asyncio" if PATCHED else "greenlets"} - NOT_PROMISED.get(name, set())

        @contextmanager
        def open(self) -> Generator[Pair]:
            with open_pair() as opened:
                yield Pair(opened.server, opened.new_client)

    return Suite


def contract_behind_asyncio(name: str, open_pair: OpenPair) -> type[Contract]:
    """Return the suite for a pair whose clients are called from coroutines, in a loop of uvloop."""

    class Suite(contract_of(name, open_pair)):  # type: ignore[misc]
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            return new_event_loop()

        @contextmanager
        def open(self) -> Generator[Pair]:
            with ExitStack() as opened:
                pair = opened.enter_context(open_pair())
                loop = opened.enter_context(LoopThread(self.new_event_loop))

                def client(timeout: float) -> object:
                    made = loop.client(ThreadedAsyncClientTransport(pair.new_client(timeout)))
                    opened.callback(made.close)
                    return made

                yield Pair(pair.server, client)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    return Suite


for _name, _open_pair in pairs_of_this_process().items():
    _class = f"Test_{_name.replace('-', '_')}"
    _suite = contract_of(_name, _open_pair)
    globals()[_class] = type(_class, (_suite,), {})
    if not PATCHED:
        _class += "_asyncio"
        _suite = contract_behind_asyncio(_name, _open_pair)
        globals()[_class] = type(_class, (_suite,), {})
