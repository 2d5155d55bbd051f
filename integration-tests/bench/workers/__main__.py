"""
``hatch run bench:workers``: throughput, waiting times and losses of each way to put workers behind one address.

Takes about two minutes; keeps the figures, and draws the table and the plot of WORKERS.md.
"""

import argparse
import json
import os
import signal
from pathlib import Path
from typing import Any

from peers.programs import Program

from bench.machine import machine
from bench.workers import report
from bench.workers.measure import client_of, measure, until_ready
from bench.workers.ways import WAYS, Way

RESULTS = Path(__file__).parents[1] / "results" / "workers.json"

Figures = dict[str, dict[str, float]]

_FAULTS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP, "drained": signal.SIGTERM}


def strike(worker: Program, number: signal.Signals) -> None:
    """Send a signal to a worker; to all of its processes unless it asks them to finish."""
    if number == signal.SIGTERM:
        worker.signal(number)
    else:
        os.killpg(worker.pid, number)


def figures_of(way: Way, seconds: float) -> Figures:
    figures: Figures = {}
    for case, handlers in (
        ("echo", ["at_once"]),
        ("1 worker", ["quick"]),
        ("2 workers", ["quick"] * 2),
        ("4 workers", ["quick"] * 4),
        ("one slow", ["quick"] * 3 + ["slow"]),
    ):
        with way(handlers) as (address, _), client_of(address) as client:
            until_ready(client, len(handlers))
            figures[case] = measure(client, seconds).as_json()
    for case, number in _FAULTS.items():
        with way(["quick"] * 4) as (address, workers), client_of(address) as client:
            until_ready(client, 4)
            figures[case] = measure(client, seconds + 3, lambda: strike(workers[1], number)).as_json()  # noqa: B023
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.workers", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["run", "report"], default="run")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="N", help="for each measurement (%(default)g)")
    parser.add_argument("--only", default="", metavar="WORD", help="a part of a way's name; keeps nothing")
    arguments = parser.parse_args()
    if arguments.what == "run":
        found: dict[str, Any] = {"machine": machine(""), "ways": {}}
        for name, way in WAYS.items():
            if arguments.only in name:
                found["ways"][name] = figures_of(way, arguments.seconds)
                print(name, json.dumps(found["ways"][name], indent=1), flush=True)
        if arguments.only:
            return
        RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    report.write(json.loads(RESULTS.read_text()))


if __name__ == "__main__":
    main()
