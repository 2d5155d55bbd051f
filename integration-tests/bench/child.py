"""
One process of a contest: ``python -m bench.child '{"role": "server", …}'``.

It pins itself, says where it listens or that it is ready, and then answers one line of JSON with another until
its standard input ends, so that it never outlives the benchmark.
"""

import importlib
import json
import os
import resource
import sys
import threading
import time
import traceback
from typing import Any

_LONGEST_COUNT = 1_000_000


def main() -> None:
    task = json.loads(sys.argv[1])
    # Whatever a library prints must not get between the lines of JSON.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if task["core"] is not None:
        os.sched_setaffinity(0, {task["core"]})
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        module, _, name = task["does"].partition(":")
        function = getattr(importlib.import_module(f"bench.peers.{module}"), name)
        if task["role"] == "server":
            threading.Thread(target=_end_with_parent, daemon=True).start()
            function(lambda address: _say(answers, {"address": address}), **task["options"])
        else:
            run = function(task["address"], **task["options"])
            _say(answers, {"ready": True})
            for line in sys.stdin:
                _say(answers, _obey(run, json.loads(line)))
    except BaseException as exc:
        if task.get("verbose"):
            traceback.print_exc()
        _say(answers, {"error": f"{type(exc).__name__}: {exc}"[:200]})
    # Threads and greenlets of a dozen libraries may be left: none of them is waited for.
    os._exit(0)


def _obey(run: Any, order: dict[str, Any]) -> dict[str, Any]:
    data = (("x" if order["ascii"] else "€é𝄞") * order["size"]).encode()[: order["size"]].decode(errors="ignore")
    data += "x" * (order["size"] - len(data.encode()))
    message = data if order["text"] else data.encode()
    if "seconds" in order:
        return {"count": _calibrated(run, message, order["seconds"], order.get("unit", 1))}
    start = time.perf_counter()
    run(message, order["count"])
    return {"seconds": time.perf_counter() - start}


def _calibrated(run: Any, message: Any, seconds: float, unit: int) -> int:
    """Return how many messages take about so many seconds: a multiple of *unit*, which warms up as well."""
    count = unit
    run(message, count)
    while True:
        start = time.perf_counter()
        run(message, count)
        spent = time.perf_counter() - start
        if spent > seconds / 4 or count >= _LONGEST_COUNT:
            return max(unit, min(_LONGEST_COUNT, int(count * seconds / spent)) // unit * unit)
        count = min(_LONGEST_COUNT, count * max(2, min(10, int(seconds / 2 / max(spent, 1e-6)))))


def _say(answers: Any, thing: dict[str, Any]) -> None:
    answers.write(json.dumps(thing) + "\n")


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(0)


if __name__ == "__main__":
    main()
