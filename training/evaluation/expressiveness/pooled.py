"""Figures over the pieces of several folds together, with intervals by bootstrap over works, and a table of all pieces.

Pieces of one work are alike, and so are the errors in them: an interval over pieces would be too narrow. Works are drawn with replacement,
each with all of its pieces (Efron, 1979; percentile intervals).
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from engine.base.files import whole_file
from training.datasets.folds import whole_work
from training.evaluation.expressiveness.figures import HUMANS, Row
from training.metrics.expressiveness import CURVES, LEVELS

DRAWS = 2000
SEED = 0
INSIDE = 95  # per cent of the draws are in an interval
TITLES = {
    "correlation": "correlation with the humans' mean, the mean over pieces",
    "level_error": "error of a piece's level, root mean square: velocities; octaves of tempo; octaves of articulation",
}
COLUMNS = {"correlation": CURVES, "level_error": LEVELS}


class PooledPiece(NamedTuple):
    """A held-out piece of a fold, with the row of each way to perform it."""

    fold: int
    name: str
    rows: dict[str, Row]


class Interval(NamedTuple):
    """A figure, and between which its draws lie; NaN where no piece has it."""

    figure: float
    low: float
    high: float

    def __str__(self) -> str:
        return "" if np.isnan(self.figure) else f"{self.figure:.3f} ({self.low:.3f} to {self.high:.3f})"


def bootstrap(values: np.ndarray, works: Sequence[str], power: int = 1) -> Interval:
    """Return the mean of ``values`` (P,) where they are known, of pieces that belong to ``works`` (P,), with its interval over works.

    With ``power`` 2 it is the root mean square.
    """
    known = np.isfinite(values)
    if not known.any():
        return Interval(np.nan, np.nan, np.nan)
    names, index = np.unique(np.array(works)[known], return_inverse=True)
    sums, counts = np.bincount(index, weights=values[known] ** power), np.bincount(index)
    drawn = np.random.default_rng(SEED).integers(len(names), size=(DRAWS, len(names)))
    draws = (sums[drawn].sum(1) / counts[drawn].sum(1)) ** (1 / power)
    low, high = np.percentile(draws, [(100 - INSIDE) / 2, (100 + INSIDE) / 2])
    return Interval(float((sums.sum() / counts.sum()) ** (1 / power)), float(low), float(high))


def pool(pieces: Sequence[PooledPiece], group: str) -> dict[str, dict[str, Interval]]:
    """Return the figures of a group, one of TITLES, of each way to perform; ways that not all pieces have, over those that have them."""
    power = 2 if group == "level_error" else 1
    pooled = {}
    for label in dict.fromkeys(label for piece in pieces for label in piece.rows):
        having = [piece for piece in pieces if label in piece.rows]
        works = [whole_work(piece.name) for piece in having]
        found = {name: np.array([piece.rows[label].figures[group][name] for piece in having]) for name in COLUMNS[group]}
        pooled[label] = {name: bootstrap(values, works, power) for name, values in found.items()}
    return pooled


def print_pooled(pieces: Sequence[PooledPiece]) -> None:
    works = len({whole_work(piece.name) for piece in pieces})
    for group, title in TITLES.items():
        table = Table(title=f"{len(pieces)} pieces of {works} works: {title} (with {INSIDE}% intervals over works)", title_justify="left")
        table.add_column("")
        for name in COLUMNS[group]:
            table.add_column(name.replace("_", " "), justify="right")
        for label, figures in pool(pieces, group).items():
            table.add_row("one human among others" if label == HUMANS else label, *map(str, figures.values()))
        Console(width=max(Console().width, 210)).print(table)


def write_pieces(path: Path, pieces: Sequence[PooledPiece]) -> None:
    """Write a line for each piece and way to perform it; what is not known is empty. Raises PerfLiveError."""
    names = {group: tuple(pieces[0].rows[HUMANS].figures[group]) for group in ("correlation", "level", "level_error", "amount")}
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        columns = [f"{group}_{name}" for group, several in names.items() for name in several]
        writer.writerow(["fold", "work", "piece", "performed", *columns])
        for piece in pieces:
            for label, row in piece.rows.items():
                values = [row.figures[group][name] for group, several in names.items() for name in several]
                written = ["" if np.isnan(value) else round(value, 5) for value in values]
                writer.writerow([piece.fold, whole_work(piece.name), piece.name, label, *written])
