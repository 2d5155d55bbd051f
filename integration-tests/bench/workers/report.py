"""The table and the plot of WORKERS.md."""

from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[1]
_CASES = ["1 worker", "2 workers", "4 workers", "one slow"]
_FAULTS = ["killed", "stopped", "drained"]


def write(found: dict[str, Any]) -> None:
    page = _FOLDER / "WORKERS.md"
    begin, end = "<!-- figures: begin -->", "<!-- figures: end -->"
    text = page.read_text()
    head, tail = text[: text.index(begin) + len(begin)], text[text.index(end) :]
    page.write_text(f"{head}\n\n{table(found['ways'])}\n{tail}")
    draw(found["ways"], _FOLDER / "plots" / "workers.svg")


def table(ways: dict[str, dict[str, dict[str, float]]]) -> str:
    lines = [
        "| | echoes/s | " + " | ".join(_CASES) + " | " + " | ".join(f"lost, one {fault}" for fault in _FAULTS) + " |",
        "| --- " + "| ---: " * (1 + len(_CASES) + len(_FAULTS)) + "|",
    ]
    for name, cases in ways.items():
        speeds = [f"{cases[case]['calls_per_second']:.0f}/s, p99 {cases[case]['p99_ms']:.0f} ms" for case in _CASES]
        losses = [f"{cases[fault]['lost']:.0f}, later {cases[fault]['lost_later']:.0f}" for fault in _FAULTS]
        echo = f"{cases['echo']['calls_per_second']:.0f}"
        lines.append(f"| {' | '.join([name, echo, *speeds, *losses])} |")
    return "\n".join(lines) + "\n"


def draw(ways: dict[str, dict[str, dict[str, float]]], file: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415  # only the report needs it

    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "workers", "font.size": 9, "axes.axisbelow": True})
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, (speed, waiting) = plt.subplots(1, 2, figsize=(10, 3.6))
    width = 0.8 / len(ways)
    for number, (name, cases) in enumerate(ways.items()):
        at = [place + (number - (len(ways) - 1) / 2) * width for place in range(len(_CASES))]
        speed.bar(at, [cases[case]["calls_per_second"] for case in _CASES], width * 0.92, label=name)
        waiting.bar(at, [cases[case]["p99_ms"] for case in _CASES], width * 0.92, label=name)
    for axes, title in ((speed, "calls a second"), (waiting, "99 % of the calls take at most, in ms")):
        axes.set_xticks(range(len(_CASES)), ["1 worker", "2 workers", "4 workers", "4, one slow"])
        axes.set_title(title)
        axes.grid(axis="y", alpha=0.3)
    waiting.set_yscale("log")
    speed.legend()
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    file.write_text("\n".join(line.rstrip() for line in file.read_text().splitlines()) + "\n")
