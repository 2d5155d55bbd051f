"""From the figures to the tables and plots of the README, and to the three lines in that of the repository."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import plots
from .statistics import Row, differ

_README = Path(__file__).with_name("README.md")
_FRONT_PAGE = Path(__file__).parents[2] / "README.md"
_OURS = ("transport-", "ours ")
_WSGI = "WSGI on "

# Table, case, and the peers that the short form compares ours with. The first name in the table is ours.
_IN_SHORT = (
    ("ZeroMQ, an echo of 32 bytes", "ZMQ echo", "32 B", "raw pyzmq, multipart", "tinyrpc, timeout", "grpcio"),
    ("ZeroMQ, an echo of 1 MiB", "ZMQ echo", "1 MiB", "raw pyzmq, multipart", "tinyrpc, timeout", "grpcio"),
    ("HTTP client, 32 bytes", "HTTP client", "32 B", "http.client", "httpx.Client", "requests.Session.post", "tinyrpc"),
)

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
    in_short = list(_short_lines(found))
    _replace(_FRONT_PAGE, "figures", in_short)
    _replace(_README, "figures", ["## In short", "", *in_short, *_lines(found)])
    _replace(_README, "targets", [*_target_heading(), *target_lines(found["targets"])])


def _replace(page: Path, name: str, lines: list[str]) -> None:
    """Put *lines* between the marks of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, has_begin, rest = page.read_text().partition(begin)
    _, has_end, after = rest.partition(end)
    if not has_begin or not has_end:
        raise ValueError(f"{page} lacks the marks {begin} and {end}")
    page.write_text(f"{before}{begin}\n\n" + "\n".join(lines) + f"\n\n{end}{after}")


def _short_lines(found: dict[str, Any]) -> Iterator[str]:
    tables = {table["name"]: table for table in found["tables"]}
    for title, table, case, *peers in _IN_SHORT:
        rows = {row["name"]: row for row in tables[table]["cases"][case] if "missing" not in row}
        ours = next(name for name in rows if name.startswith(_OURS))
        figures = [f"{name} {_number(rows[name]['median'])}" for name in (ours, *peers) if name in rows]
        yield f"- {title}, in µs: **{figures[0]}**; " + "; ".join(figures[1:])


def _target_heading() -> Iterator[str]:
    yield "Ratios, taken round by round: the median, and in parentheses the range of the middle half of the rounds."
    yield "≈ means that this range contains the bound, so the run cannot tell."
    yield ""


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
    yield "\n## Figures\n"
    yield "Medians. After each, how many times as long as ours it took; ≈ where the interquartile ranges overlap."
    wsgi = [table for table in found["tables"] if table["name"].startswith(_WSGI)]
    for table in found["tables"]:
        if table in wsgi:
            if table is wsgi[0]:
                yield from _wsgi_lines(wsgi)
            continue
        yield f"\n### {table['name']}\n\n{table['note']}{_unit(table)}.\n"
        if table["name"] in _PLOTS:
            yield f"![{table['name']}](plots/{_PLOTS[table['name']]}.svg)\n"
        yield from _table_lines(table)
    yield "\n## The machine\n"
    yield from _machine_lines(found["machine"])


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
    yield f"\n### WSGI\n\n{tables[0]['note']}.\n\n![WSGI](plots/wsgi.svg)"
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
    text = _number(number)
    ours = next((other for other in rows if other["name"].startswith(_OURS) and "missing" not in other), None)
    if not compared or ours is None or ours is row:
        return text
    if not differ(Row("", row["samples"]), Row("", ours["samples"])):
        return f"{text} ≈"
    ratio = number / ours["median"]
    return f"{text} · {ratio:.{2 if ratio < 10 else 0}f}×"  # noqa: RUF001  # the sign for times


def _number(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ") if number >= 1000 else f"{number:.3g}"


def _unit(table: dict[str, Any]) -> str:
    return "" if table["unit"] in table["note"] else f"; {table['unit']}"
