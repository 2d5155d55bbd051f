"""
Many threads, for long enough that what can go wrong between them does.

32 threads share a few clients; receivers hand messages to workers that answer in any order; some replies come after
their call has timed out; and clients in processes of their own are killed during calls. Every reply belongs to
its message, none is lost without a time-out that tells so, and nothing is left over.

``STRESS_MESSAGES`` is the number of messages from each thread. Unset, it is 2000 on ZeroMQ over TCP, 500 on its other
wires and 250 over HTTP, where a message takes far longer: so all of it ends in a minute. 2000 everywhere takes five.
"""

import gc
import os
import random
import threading
import time
from collections import Counter
from typing import Any

import gevent.monkey
import pytest
from interfaces import Client
from pairs import OpenPair, pairs_of_this_process
from processes import FOLDER, PATCHED_RUN, python
from resources import held, nothing, resident_bytes
from tasks import tasks

from transport_base import TransportClosedError, TransportTimeoutError

PATCHED = gevent.monkey.is_module_patched("threading")

# The two that pass each call through a hub in another thread run natively where all is monkey-patched.
PAIRS: dict[str, OpenPair] = {
    name: opening
    for name, opening in pairs_of_this_process().items()
    if PATCHED or not name.endswith(("green", "gevent"))
}
PAIRS.pop("in-memory", None)

THREADS = 32
# Of these, so many have clients with a short timeout, and some of their replies come after it.
HASTY_THREADS = 8
HASTY_TIMEOUT = 0.25
LATE = "late"
ONE_IN = 400

RECEIVERS = 3
WORKERS = 8

# Clients in processes of their own, killed while they call.
VICTIMS = 3

# Seconds for the whole of one run.
LONG = 240.0


def messages_per_thread(name: str) -> int:
    usual = "2000" if name == "zmq-tcp" else "250" if name.startswith("http") else "500"
    return int(os.environ.get("STRESS_MESSAGES", usual))


class Desk:
    """Where receivers leave messages and workers pick any of them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: list[tuple[Any, Any, str]] = []
        self._delayed: list[tuple[float, tuple[Any, Any, str]]] = []
        self._closed = False
        self.received: Counter[str] = Counter()

    def receive(self, server: Any) -> None:
        try:
            while True:
                context, message = server.receive_message()
                with self._changed:
                    self.received[message.partition(" ")[0]] += 1
                    if message.startswith(LATE):
                        self._delayed.append((time.monotonic() + HASTY_TIMEOUT * 1.2, (server, context, message)))
                    else:
                        self._open.append((server, context, message))
                    self._changed.notify()
        except TransportClosedError:
            return

    def work(self, seed: int) -> None:
        chance = random.Random(seed)
        while True:
            with self._changed:
                while not self._open and not self._closed:
                    self._changed.wait(HASTY_TIMEOUT if self._delayed else None)
                    now = time.monotonic()
                    self._open += [late for due, late in self._delayed if due <= now]
                    self._delayed = [(due, late) for due, late in self._delayed if due > now]
                if self._closed:
                    return
                server, context, message = self._open.pop(chance.randrange(len(self._open)))
            if chance.random() < 0.01:
                time.sleep(chance.random() / 500)
            try:
                server.send_reply(context, message)
            except TransportClosedError:
                return

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Account:
    """What became of the messages that one thread sent."""

    def __init__(self) -> None:
        self.answered: list[str] = []
        self.timed_out: list[str] = []
        self.crossed: list[tuple[str, str]] = []


def send_many(client: Client, account: Account, name: str, count: int, *, hasty: bool) -> None:
    chance = random.Random(name)
    for number in range(count):
        kind = LATE if hasty and chance.randrange(ONE_IN) == 0 else "prompt"
        key = f"{kind}/{name}/{number}"
        message = key + " " + "x" * chance.choice([0, 10, 1000])
        if chance.random() < 0.05:
            time.sleep(chance.random() / 500)
        try:
            reply = client.send_message(message)
        except TransportTimeoutError:
            account.timed_out.append(key)
            continue
        account.answered.append(key)
        if reply != message:
            account.crossed.append((key, reply))


def kill_in_mid_call(endpoint: str) -> None:
    """Start clients in processes of their own, and kill each once it calls."""
    for number in range(VICTIMS):
        with python("-m", "peer_programs", "keep_calling", endpoint, f"victim-{number}") as victim:
            assert victim.line() == "calling"
            time.sleep(0.05)
            victim.kill()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PAIRS)
def test_every_reply_belongs_to_its_message_and_nothing_is_left_over(name: str) -> None:
    count = messages_per_thread(name)
    before, memory = held(), resident_bytes()
    desk, accounts = Desk(), [Account() for _ in range(THREADS)]
    start = time.monotonic()
    with PAIRS[name]() as pair:
        workers = [pair.server, *pair.more_workers()]
        with tasks(desk.close, pair.close, *[worker.close for worker in workers]) as running:
            for worker in workers:
                for _ in range(RECEIVERS):
                    running.start(desk.receive, worker)
            for number in range(WORKERS):
                running.start(desk.work, number)
            patient, hasty = [pair.client() for _ in range(3)], pair.client(HASTY_TIMEOUT)
            sending = [
                running.start(
                    send_many,
                    hasty if number < HASTY_THREADS else patient[number % 3],
                    account,
                    f"{number}",
                    count,
                    hasty=number < HASTY_THREADS,
                )
                for number, account in enumerate(accounts)
            ]
            if "inproc" not in name:
                running.start(kill_in_mid_call, pair.endpoint).result(LONG)
            for done in sending:
                done.result(LONG)
    took = time.monotonic() - start

    assert [crossed for account in accounts for crossed in account.crossed] == []
    answered = Counter(key for account in accounts for key in account.answered)
    timed_out = Counter(key for account in accounts for key in account.timed_out)
    assert answered.total() + timed_out.total() == THREADS * count
    assert not any(account.timed_out for account in accounts[HASTY_THREADS:])
    received = Counter({key: times for key, times in desk.received.items() if not key.startswith("victim")})
    assert set(received.values()) == {1}, "a message was delivered twice"
    assert answered.keys() <= received.keys() <= answered.keys() | timed_out.keys()
    late = {key for key in received if key.startswith(LATE)}
    # Not all: on a busy machine a call may get to look at its clock only when such a reply is there as well.
    assert late & timed_out.keys() or not late
    print(f"{name}: {answered.total()} answered, {timed_out.total()} timed out ({len(late)} meant to), {took:.1f} s")

    # Where a client resets its connection, Werkzeug's request handler leaves an epoll descriptor in a reference cycle.
    before.comes_back(settle=gc.collect if name.endswith("werkzeug") else nothing)
    assert resident_bytes() - memory < 64 * 2**20


@pytest.mark.timeout(300)
@pytest.mark.skipif(PATCHED, reason="this is the monkey-patched run")
def test_stress_where_everything_is_monkey_patched() -> None:
    options = ["-q", "-rP", "--tb=short", "-p", "no:cacheprovider", str(FOLDER / "test_stress.py")]
    with python("-W", "error", "-c", PATCHED_RUN, *options) as run:
        output = run.rest(deadline=LONG)
        assert run.wait() == 0, output
    print("\n".join(line for line in output.splitlines() if " answered, " in line))
