"""From the figures to the tables and plots of the README."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import plots
from .statistics import Row, differ

_README = Path(__file__).with_name("README.md")
_BEGIN, _END = "<!-- figures: begin -->", "<!-- figures: end -->"
_OURS = ("transport-", "ours ")
_WSGI = "WSGI on "

# Which plot stands above which table.
_PLOTS = {
    "ZMQ echo": "zmq",
    "HTTP client": "http",
    "ZMQ, by size": "growth",
    "Memory of a ZMQ server over 100 000 messages of 64 KiB": "memory",
}


def write(results: Path) -> None:
    """Draw the plots and rewrite what is between the marks of the README, from the figures in *results*."""
    found = json.loads(results.read_text())
    plots.draw(found["tables"], _README.parent / "plots")
    before, begin, rest = _README.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{_README.name} lacks the marks {_BEGIN} and {_END}")
    _README.write_text(f"{before}{_BEGIN}\n\n" + "\n".join(_lines(found)) + f"\n{_END}{after}")


def target_lines(targets: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the table of what is to be reached; *targets* are as JSON has them."""
    yield "| | measured | at least | | moonshot | |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for target in targets:
        unit = target["unit"]
        if target["measured"] is None:
            seen = f"missing: {target['missing']}"
        else:
            low, high = target["quartiles"]
            seen = f"{target['measured']:.2f}{unit}" + (f" ({low:.2f} to {high:.2f})" if low != high else "")
        sign = "≤" if target["lower_is_better"] else "≥"
        bounds = ["" if bound is None else f"{sign} {bound:g}{unit}" for bound in (target["least"], target["most"])]
        yield f"| {target['name']} | {seen} | {bounds[0]} | {target['reached']} | {bounds[1]} | {target['moonshot']} |"


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield from _machine_lines(found["machine"])
    yield "\n### What is to be reached\n"
    yield "Ratios, taken round by round: the median, and what half of the rounds lie between."
    yield "≈: that range holds the bound, so the run can't tell.\n"
    yield from target_lines(found["targets"])
    yield "\n### Each table\n"
    yield "Medians. Behind it, what a peer takes in multiples of ours; ≈ where the interquartile ranges overlap."
    wsgi = [table for table in found["tables"] if table["name"].startswith(_WSGI)]
    for table in found["tables"]:
        if table in wsgi:
            if table is wsgi[0]:
                yield from _wsgi_lines(wsgi)
            continue
        yield f"\n#### {table['name']}\n\n{table['note']}{_unit(table)}.\n"
        if table["name"] in _PLOTS:
            yield f"![{table['name']}](plots/{_PLOTS[table['name']]}.svg)\n"
        yield from _table_lines(table)


def _machine_lines(machine: dict[str, Any]) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    yield (
        f"{machine['day']}: {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, {machine['python']}. {versions}. Load before the run: {machine['load_before']}. "
        f"The run took {machine['seconds']} s."
    )


def _table_lines(table: dict[str, Any]) -> Iterator[str]:
    cases = table["cases"]
    yield "| | " + " | ".join(cases) + " |"
    yield "| --- |" + " ---: |" * len(cases)
    for number, row in enumerate(next(iter(cases.values()))):
        if "missing" in row:
            yield f"| {row['name']} | missing: {row['missing']} |" + " |" * (len(cases) - 1)
        else:
            cells = [_cell(rows[number], rows, compared=table["unit"] == "µs") for rows in cases.values()]
            yield f"| {row['name']} | " + " | ".join(cells) + " |"


def _wsgi_lines(tables: list[dict[str, Any]]) -> Iterator[str]:
    yield f"\n#### WSGI\n\n{tables[0]['note']}.\n\n![WSGI](plots/wsgi.svg)"
    for case in tables[0]["cases"]:
        names = [row["name"] for row in tables[0]["cases"][case]]
        yield f"\n| {case} | " + " | ".join(names) + " |"
        yield "| --- |" + " ---: |" * len(names)
        for table in tables:
            rows = table["cases"][case]
            cells = [_cell(row, rows, compared=True) for row in rows]
            yield f"| {table['name'].removeprefix(_WSGI)} | " + " | ".join(cells) + " |"


def _cell(row: dict[str, Any], rows: list[dict[str, Any]], *, compared: bool) -> str:
    if "missing" in row:
        return f"missing: {row['missing']}"
    number = row["median"]
    text = f"{number:,.0f}".replace(",", " ") if number >= 1000 else f"{number:.3g}"
    ours = next((other for other in rows if other["name"].startswith(_OURS) and "missing" not in other), None)
    if not compared or ours is None or ours is row:
        return text
    if not differ(Row("", row["samples"]), Row("", ours["samples"])):
        return f"{text} ≈"
    ratio = number / ours["median"]
    return f"{text} · {ratio:.{2 if ratio < 10 else 0}f}×"  # noqa: RUF001  # the sign for times


def _unit(table: dict[str, Any]) -> str:
    return "" if table["unit"] in table["note"] else f"; {table['unit']}"
