"""
``hatch run bench:run``: everything, in about five minutes; keeps the figures and rewrites the report.

``hatch run bench:quick`` measures what the targets ask for, in less than a minute, and keeps nothing.
``hatch run bench:report`` draws the report from the figures kept. No figure makes the exit status a failure.
"""

import argparse
import json
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from . import (
    asyncio_contests,
    end_to_end_contests,
    growth,
    http_contests,
    memory,
    report,
    wsgi_contests,
    zmq_contests,
)
from .contest import Table
from .machine import machine
from .targets import targets

_RESULTS = Path(__file__).with_name("results") / "full.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description="The transports beside their peers.")
    parser.add_argument("what", choices=["run", "quick", "report"])
    parser.add_argument("--niquests", default="", metavar="PYTHON", help="an interpreter that has niquests")
    parser.add_argument(
        "--only", default="", metavar="WORD", help="zmq, http, wsgi, asyncio, end, growth or memory; keeps nothing"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    arguments = parser.parse_args()
    if arguments.what == "report":
        report.write(_RESULTS)
        return
    started = time.monotonic()
    about = machine(arguments.niquests)
    tables = list(_tables(arguments.what, arguments.niquests, arguments.only))
    reached = targets(tables)
    about["seconds"] = round(time.monotonic() - started)
    found: dict[str, Any] = {
        "machine": about,
        "targets": [target.as_json() for target in reached],
        "tables": [table.as_json() for table in tables],
    }
    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    if arguments.json:
        arguments.json.write_text(text)
    if arguments.what == "run" and not arguments.only:
        _RESULTS.parent.mkdir(exist_ok=True)
        _RESULTS.write_text(text)
        report.write(_RESULTS)
    print("", *report.target_lines(found["targets"]), f"\n{about['seconds']} s", sep="\n")


def _tables(what: str, niquests: str, only: str) -> Iterator[Table]:
    if what == "quick":
        parts = {
            "zmq": zmq_contests.quick,
            "http": http_contests.quick,
            "wsgi": wsgi_contests.quick,
            "asyncio": asyncio_contests.quick,
            "memory": memory.quick,
        }
    else:
        parts = {
            "zmq": zmq_contests.full,
            "http": lambda: http_contests.full(niquests),
            "wsgi": wsgi_contests.full,
            "asyncio": asyncio_contests.full,
            "end": end_to_end_contests.full,
            "growth": growth.full,
            "memory": memory.full,
        }
    return chain.from_iterable(part() for name, part in parts.items() if only in name)


if __name__ == "__main__":
    main()
