"""Medians and quartiles, and when a difference is one."""

import statistics
from dataclasses import dataclass, field


@dataclass
class Row:
    """What was seen of one peer in one case: a number for each round, or why there is none."""

    name: str
    samples: list[float] = field(default_factory=list)
    missing: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def quartiles(self) -> tuple[float, float]:
        if len(self.samples) == 1:
            return self.samples[0], self.samples[0]
        low, _, high = statistics.quantiles(self.samples, n=4, method="inclusive")
        return low, high

    def as_json(self) -> dict[str, object]:
        if not self.samples:
            return {"name": self.name, "missing": self.missing or "no figure"}
        low, high = self.quartiles
        return {
            "name": self.name,
            "median": _rounded(self.median),
            "quartiles": [_rounded(low), _rounded(high)],
            "samples": [_rounded(sample) for sample in self.samples],
        }


def differ(one: Row, other: Row) -> bool:
    """Tell whether the two differ by more than the noise: their interquartile ranges don't overlap."""
    return one.quartiles[1] < other.quartiles[0] or other.quartiles[1] < one.quartiles[0]


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")
