"""Peers that do the same work: their processes side by side, their rounds interleaved."""

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .processes import CORE, Child, ChildError
from .statistics import Row


@dataclass
class Peer:
    """One contestant: how its server and its clients are run."""

    name: str
    server: str
    client: str
    server_options: dict[str, Any] = field(default_factory=dict)
    client_options: dict[str, Any] = field(default_factory=dict)
    text: bool = False  # takes str; the others take bytes
    processes: int = 1
    variables: int = 30
    python: str = sys.executable


@dataclass
class Case:
    """One kind of work."""

    name: str
    size: int = 32
    ascii: bool = True
    all_text: bool = False  # every peer is given str, and those that take bytes encode and decode
    unit: int = 1
    count: int = 0  # so many messages a round; 0 finds out how many fit


@dataclass
class Table:
    """What a contest yields: a row for each peer in each case."""

    name: str
    note: str
    unit: str = "µs"
    cases: dict[str, list[Row]] = field(default_factory=dict)

    def row(self, case: str, name: str) -> Row:
        return next(row for row in self.cases[case] if row.name == name)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "note": self.note,
            "unit": self.unit,
            "cases": {case: [row.as_json() for row in rows] for case, rows in self.cases.items()},
        }


def contest(
    name: str,
    note: str,
    peers: list[Peer],
    cases: list[Case],
    *,
    rounds: int = 7,
    seconds: float = 0.08,
    pinned: bool = True,
) -> Table:
    """Run *peers* on *cases*: in each round every peer works for about so many *seconds* on each case."""
    started = time.monotonic()
    table = Table(name, note, cases={case.name: [Row(peer.name) for peer in peers] for case in cases})
    with contextlib.ExitStack() as stack:
        teams: dict[str, list[Child]] = {}
        for peer in peers:
            try:
                teams[peer.name] = _started(stack, peer, CORE if pinned else None)
            except ChildError as exc:
                _give_up(table, peer, str(exc))
        counts = dict(_counts(table, peers, teams, cases, seconds))
        for number in range(rounds):
            # Each round starts with another peer, so that none always comes after the same one.
            for peer in peers[number % len(peers) :] + peers[: number % len(peers)]:
                for case in cases:
                    count = counts.get((peer.name, case.name))
                    if count is None:
                        continue
                    try:
                        spent = _round(teams[peer.name], peer, case, count)
                    except ChildError as exc:
                        _give_up(table, peer, str(exc))
                        counts = {key: value for key, value in counts.items() if key[0] != peer.name}
                        break
                    table.row(case.name, peer.name).samples.append(spent / count / peer.processes * 1e6)
    tell(table, time.monotonic() - started)
    return table


def _started(stack: contextlib.ExitStack, peer: Peer, core: int | None) -> list[Child]:
    address = None
    if peer.server:
        server = Child("server", peer.server, peer.server_options, core=core)
        stack.callback(server.stop)
        address = server.wait_until_ready().address
    team = []
    for _ in range(peer.processes):
        client = Child(
            "client",
            peer.client,
            peer.client_options,
            address=address,
            core=core,
            variables=peer.variables,
            python=peer.python,
        )
        stack.callback(client.stop)
        team.append(client)
    return [client.wait_until_ready() for client in team]


def _counts(
    table: Table, peers: list[Peer], teams: dict[str, list[Child]], cases: list[Case], seconds: float
) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield how many messages of each case each peer sends in a round."""
    for peer in peers:
        if peer.name not in teams:
            continue
        try:
            for case in cases:
                if case.count:
                    yield (peer.name, case.name), case.count
                    continue
                order = {
                    **_work(peer, case),
                    "seconds": seconds,
                    "unit": case.unit * peer.client_options.get("threads", 1),
                }
                for child in teams[peer.name]:
                    child.order(**order)
                counts = [child.answer()["count"] for child in teams[peer.name]]
                yield (peer.name, case.name), min(counts)
        except ChildError as exc:
            _give_up(table, peer, str(exc))


def _round(team: list[Child], peer: Peer, case: Case, count: int) -> float:
    start = time.perf_counter()
    for child in team:
        child.order(**_work(peer, case), count=count)
    spent = [child.answer()["seconds"] for child in team]
    return spent[0] if len(spent) == 1 else time.perf_counter() - start


def _work(peer: Peer, case: Case) -> dict[str, Any]:
    return {"size": case.size, "ascii": case.ascii, "text": peer.text or case.all_text}


def _give_up(table: Table, peer: Peer, reason: str) -> None:
    for rows in table.cases.values():
        for row in rows:
            if row.name == peer.name:
                row.missing = reason
                row.samples.clear()


def tell(table: Table, spent: float) -> None:
    """Print *table*, which took so many seconds."""
    print(f"\n{table.name} · {table.note} [{spent:.1f} s]", flush=True)
    if table.unit == "MiB" and len(table.cases) > 1:
        print("  " + " | ".join(["after", *table.cases]))
        for across in zip(*table.cases.values(), strict=True):
            seen = [f"{row.median:.1f}" if row.samples else f"missing: {row.missing}" for row in across]
            print("    " + " | ".join([across[0].name, *seen]), flush=True)
        return
    for case, rows in table.cases.items():
        print(f"  {case}")
        for row in rows:
            if row.samples:
                low, high = row.quartiles
                print(f"    {row.name:38} {row.median:10.1f} {table.unit}   ({low:.1f} to {high:.1f})")
            else:
                print(f"    {row.name:38} missing: {row.missing}")
    sys.stdout.flush()
