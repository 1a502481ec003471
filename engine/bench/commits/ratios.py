"""The figures of two sides that were measured in turn, as ratios with intervals. Without NumPy."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNITS = {"per_s": "more", "ms": "less", "s": "less", "mb": "less", "factor": "less"}  # what is better, by how a figure's name ends
STUDENT_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)  # of 1 to 9 degrees of freedom
NORMAL_975 = 1.96


@dataclass(frozen=True)
class Ratio:
    """``ratio`` is now by before, the geometric mean of the pairs; it lies between ``low`` and ``high`` with 95% confidence."""

    figure: str
    before: float  # median
    now: float
    ratio: float
    low: float
    high: float
    better: str  # "more" or "less"

    @property
    def verdict(self) -> str:
        if self.low <= 1 <= self.high:
            return "no difference"
        return "better" if (self.ratio > 1) == (self.better == "more") else "worse"


def figures_of(report: Any, name: str = "") -> dict[str, float]:
    """Return the numbers above 0 of a report, as JSON has it, whose name ends in a unit of UNITS, by their names with dots."""
    if isinstance(report, Mapping):
        parts = [figures_of(part, f"{name}.{key}" if name else str(key)) for key, part in report.items()]
        return {figure: value for part in parts for figure, value in part.items()}
    is_number = isinstance(report, int | float) and not isinstance(report, bool)
    return {name: float(report)} if is_number and better_of(name) and report > 0 else {}


def better_of(name: str) -> str | None:
    """Return whether more or less of a figure is better; None of what has no unit of speed or size, and is no factor of real time."""
    return next((better for unit, better in UNITS.items() if name.endswith(f"_{unit}")), None)


def compare(pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> list[Ratio]:
    """Return the ratio of each figure that all ``pairs`` of (before, now) have, of two pairs or more.

    The interval is Student's, of the logarithms of the pairs' ratios.
    """
    shared = [figure for figure in pairs[0][0] if all(figure in side for pair in pairs for side in pair)]
    return [_ratio(figure, [(before[figure], now[figure]) for before, now in pairs]) for figure in shared]


def _ratio(figure: str, pairs: Sequence[tuple[float, float]]) -> Ratio:
    logarithms = [math.log(now / before) for before, now in pairs]
    centre, freedom = statistics.fmean(logarithms), len(pairs) - 1
    factor = STUDENT_975[freedom - 1] if freedom <= len(STUDENT_975) else NORMAL_975
    reach = factor * statistics.stdev(logarithms) / math.sqrt(len(pairs))
    before, now = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio, low, high = (math.exp(value) for value in (centre, centre - reach, centre + reach))
    return Ratio(figure, before, now, ratio, low, high, better_of(figure) or "less")
