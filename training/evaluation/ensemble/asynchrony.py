"""How far players of an ensemble are from each other where they begin notes together. Pure NumPy functions of onsets in seconds."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

FURTHEST_S = 0.1  # onsets that are further apart do not belong together
LEAST_PAIRS = 8
LAGS = (1, 2, 4)


class Pair(NamedTuple):
    """Two players of one take: by how many seconds the first is later, in the mean and around it, and how alike successive ones are."""

    mean_s: float
    deviation_s: float
    correlations: tuple[float, ...]  # of an asynchrony with that LAGS onsets later
    onsets: int


def together(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the rows (n, 2) of the onsets of two players, each ascending, that belong together: each is the other's nearest, nearer than
    FURTHEST_S and than half of what is between it and its own neighbours.
    """
    if not len(first) or not len(second):
        return np.zeros((0, 2), dtype=int)
    there, back = _nearest(first, second), _nearest(second, first)
    rows = np.arange(len(first))
    near = np.minimum(np.minimum(_gaps(first), _gaps(second)[there]) / 2, FURTHEST_S)
    kept = (back[there] == rows) & (np.abs(first - second[there]) < near)
    return np.stack([rows[kept], there[kept]], axis=1)


def measure(players: Sequence[np.ndarray]) -> list[Pair]:
    """Return the pairs of players of a take that have LEAST_PAIRS onsets together."""
    found = []
    for first, second in combinations(players, 2):
        rows = together(first, second)
        if len(rows) < LEAST_PAIRS:
            continue
        late_s = first[rows[:, 0]] - second[rows[:, 1]]
        around = late_s - late_s.mean()
        power = float((around**2).mean())
        alike = tuple(float((around[lag:] * around[:-lag]).mean() / power) if power else 0.0 for lag in LAGS)
        found.append(Pair(float(late_s.mean()), float(around.std()), alike, len(rows)))
    return found


def _nearest(from_: np.ndarray, to: np.ndarray) -> np.ndarray:
    after = np.searchsorted(to, from_).clip(max=len(to) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(np.abs(to[before] - from_) < np.abs(to[after] - from_), before, after)


def _gaps(onsets: np.ndarray) -> np.ndarray:
    """Return how far each onset is from the nearer of its neighbours."""
    between = np.diff(onsets)
    return np.minimum(np.append(np.inf, between), np.append(between, np.inf))
