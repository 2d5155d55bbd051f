"""The plots of the README, as small SVG files."""

from pathlib import Path
from typing import Any

_OURS, _OTHER, _LIMIT = "#c2410c", "#94a3b8", "#334155"
_LINEAR = 20  # a smaller span is shown better on a linear scale
_GROWTH = [
    "ZMQ, by size",
    "HTTP client, by size",
    "ZMQ server, by clients",
    "WSGI, by connections",
    "ZMQ server, by messages that wait",
    "WSGI, by requests that wait",
]


def draw(tables: list[dict[str, Any]], folder: Path) -> None:
    """Draw every plot that *tables* have the figures for."""
    import matplotlib as mpl  # noqa: PLC0415  # only the report needs it

    mpl.use("svg")
    # Text stays text and the ids stay the same: small files, and no change where the figures have none.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9, "axes.axisbelow": True})
    folder.mkdir(exist_ok=True)
    found = {table["name"]: table for table in tables}
    for file, name, case in (("zmq", "ZMQ echo", "32 B"), ("http", "HTTP client", "32 B")):
        if name in found:
            _bars(folder / f"{file}.svg", f"{name}, {case}, one core", found[name]["cases"][case])
    wsgi = [table for table in tables if table["name"].startswith("WSGI on ")]
    if wsgi:
        _groups(folder / "wsgi.svg", wsgi, "16 connections")
    if growth := [found[name] for name in _GROWTH if name in found]:
        _growth(folder / "growth.svg", growth)
    memory = [table for table in tables if table["name"].startswith("Memory of a ")]
    if memory:
        _memory(folder / "memory.svg", memory)


def _bars(file: Path, title: str, rows: list[dict[str, Any]]) -> None:
    import matplotlib.pyplot as plt  # noqa: PLC0415

    seen = sorted((row for row in rows if "missing" not in row), key=lambda row: -row["median"])
    figure, axes = plt.subplots(figsize=(7, 0.3 * len(seen) + 0.9))
    middles = [row["median"] for row in seen]
    spread = [
        [row["median"] - row["quartiles"][0] for row in seen],
        [row["quartiles"][1] - row["median"] for row in seen],
    ]
    bars = axes.barh([row["name"] for row in seen], middles, xerr=spread, color=[_colour(r["name"]) for r in seen])
    axes.bar_label(bars, [f"{middle:.3g}" for middle in middles], padding=4)
    axes.set_xscale("log")
    axes.set_xlim(left=min(middles) / 3, right=max(middles) * 2)
    axes.minorticks_off()
    axes.set_xlabel("µs for each call (median, quartiles)")
    axes.set_title(title)
    _save(figure, file)


def _groups(file: Path, tables: list[dict[str, Any]], case: str) -> None:
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(8, 3.4))
    names = [row["name"] for row in tables[0]["cases"][case]]
    for number, (name, colour) in enumerate(zip(names, [_LIMIT, _OTHER, _OURS], strict=True)):
        rows = [table["cases"][case][number] for table in tables]
        heights = [row.get("median", 0) for row in rows]
        axes.bar([at + 0.27 * (number - 1) for at in range(len(tables))], heights, 0.25, label=name, color=colour)
    axes.set_xticks(range(len(tables)), [table["name"].removeprefix("WSGI on ") for table in tables], rotation=20)
    axes.set_ylabel("µs for each request")
    axes.set_title(f"WSGI, 32 B, {case}")
    axes.legend()
    _save(figure, file)


def _growth(file: Path, tables: list[dict[str, Any]]) -> None:
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, grid = plt.subplots(3, 2, figsize=(9, 9), squeeze=False)
    for axes, table in zip(grid.flat, tables, strict=False):
        middles: list[float] = []
        for number, row in enumerate(next(iter(table["cases"].values()))):
            points = [
                (_number(case), rows[number]["median"])
                for case, rows in table["cases"].items()
                if "median" in rows[number]
            ]
            if points:
                at, medians = zip(*points, strict=True)
                axes.plot(at, medians, "o-", ms=3, color=_colour(row["name"]), label=row["name"])
                middles += medians
        axes.set(xscale="log", title=table["name"], ylabel="µs for each message")
        if middles and max(middles) < _LINEAR * min(middles):
            axes.set_ylim(bottom=0)
        else:
            axes.set_yscale("log")
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    _save(figure, file)


def _memory(file: Path, tables: list[dict[str, Any]]) -> None:
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, grid = plt.subplots(2, 2, figsize=(9, 5.6), squeeze=False)
    for axes, table in zip(grid.flat, tables, strict=False):
        for number, colour in zip(range(len(next(iter(table["cases"].values())))), [_OURS, _OTHER], strict=False):
            rows = [rows[number] for rows in table["cases"].values()]
            if all("median" in row for row in rows):
                at = [int(case) for case in table["cases"]]
                axes.plot(at, [row["median"] for row in rows], "o-", ms=3, color=colour, label=rows[0]["name"])
        axes.set(ylim=0, ylabel="MiB")
        axes.set_title(table["name"].removeprefix("Memory of a "), fontsize=8)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    _save(figure, file)


def _colour(name: str) -> str:
    if name.startswith("transport-"):
        return _OURS
    return _LIMIT if "limit" in name or "raw" in name else _OTHER


def _number(case: str) -> int:
    number, _, unit = case.partition(" ")
    return int(number) * {"KiB": 2**10, "MiB": 2**20}.get(unit, 1)


def _save(figure: Any, file: Path) -> None:
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure.tight_layout()
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(figure)
