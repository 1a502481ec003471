"""What a run logged, from its first step to its last, however often it was taken up."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.base.errors import PerfLiveError

PIECE, METRICS = "curve_from_", "metrics.csv"


class Curve(NamedTuple):
    """``steps`` (N,) of the optimiser, rising, and the ``values`` (N,) of a figure after them."""

    steps: np.ndarray
    values: np.ndarray


def read_curves(run_folder: Path) -> dict[str, Curve]:
    """Return the curve of each logged figure by its name, in the order in which they were first logged.

    Each time that a run was taken up it began a piece of its own, which holds from there on. Raises PerfLiveError for other files.
    """
    points: dict[str, dict[int, float]] = {}
    for folder in sorted(run_folder.glob(f"{PIECE}*")):
        path = folder / METRICS
        if not path.exists():
            continue  # it was killed before it had logged anything
        try:
            first = int(folder.name.removeprefix(PIECE))
            points = {name: {step: value for step, value in found.items() if step <= first} for name, found in points.items()}
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    step = int(row.pop("step")) + 1  # Lightning counts from 0
                    for name, value in row.items():
                        if value and name != "epoch":
                            points.setdefault(name, {})[step] = float(value)
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise PerfLiveError(f"{path}: not a curve of perf-train ({type(error).__name__}); remove the folder that it is in") from error
    return {name: Curve(np.array(sorted(found)), np.array([found[step] for step in sorted(found)])) for name, found in points.items()}
