"""Statistics of windows of notes, by which one performer is told from another: of each series, of its steps, and of pairs of series.

A *series* is (W, N) by window and note, NaN where a note does not belong to it: voicing, for one, is known of chords only. Steps and
autocorrelations are from one known value to the next. A statistic of fewer than LEAST_KNOWN values is NaN.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

LEAST_KNOWN = 4
PERCENTILES = (5, 25, 50, 75, 95)
LAGS = (1, 2)

Series = Mapping[str, np.ndarray]


class Statistic(NamedTuple):
    """``measure`` of ``series``; of a correlation the series' names are joined by " with "."""

    series: str
    measure: str

    def __str__(self) -> str:
        return f"{self.series}, {self.measure}"


def measure_all(series: Series, pairs: Sequence[tuple[str, str]]) -> tuple[tuple[Statistic, ...], np.ndarray]:
    """Return the statistics of all ``series`` and the correlations of ``pairs`` of them, and their values (W, statistics)."""
    found = {}
    for name, values in series.items():
        for measure, column in measure_series(values).items():
            found[Statistic(name, measure)] = column
    for one, other in pairs:
        found[Statistic(f"{one} with {other}", "correlation")] = correlate(series[one], series[other])
    return tuple(found), np.stack(list(found.values()), axis=1)


def measure_series(values: np.ndarray) -> dict[str, np.ndarray]:
    """Return mean, deviation, percentiles, the mean and the 95th percentile of absolute steps, and autocorrelations, each (W,)."""
    packed = pack(values)
    steps = np.abs(np.diff(packed, axis=1))
    count = np.isfinite(packed).sum(1)
    mean = known_mean(packed)
    around = packed - mean[:, None]
    variance = known_mean(around**2)
    found = {"mean": mean, "deviation": np.sqrt(variance)}
    found |= {f"{share}th percentile": percentile(packed, share) for share in PERCENTILES}
    found |= {"mean step": known_mean(steps), "95th percentile of steps": percentile(steps, 95)}
    for lag in LAGS:
        found[f"autocorrelation at {lag}"] = _ratio(np.nansum(around[:, lag:] * around[:, :-lag], axis=1), variance * count)
    return {name: np.where(count >= LEAST_KNOWN, column, np.nan) for name, column in found.items()}


def pack(values: np.ndarray) -> np.ndarray:
    """Return each row's known values in their order, then NaN."""
    return np.take_along_axis(values, np.argsort(np.isnan(values), axis=1, kind="stable"), axis=1)


def known_mean(values: np.ndarray) -> np.ndarray:
    return _ratio(np.nansum(values, axis=1), np.isfinite(values).sum(1))


def percentile(values: np.ndarray, share: float) -> np.ndarray:
    """Return a percentile of each row's known values, interpolated linearly; NaN of none."""
    ordered, count = np.sort(values, axis=1), np.isfinite(values).sum(1)
    place = np.maximum(count - 1, 0) * share / 100
    below = place.astype(int)
    rows = np.arange(len(values))
    low, high = ordered[rows, below], ordered[rows, np.minimum(below + 1, np.maximum(count - 1, 0))]
    return low + (high - low) * (place - below)


def correlate(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation by row where both are known: 0 where one does not vary, NaN of fewer than LEAST_KNOWN pairs."""
    known = np.isfinite(one) & np.isfinite(other)
    one, other = np.where(known, one, np.nan), np.where(known, other, np.nan)
    one, other = one - known_mean(one)[:, None], other - known_mean(other)[:, None]
    scale = np.sqrt(np.nansum(one**2, axis=1) * np.nansum(other**2, axis=1))
    return np.where(known.sum(1) >= LEAST_KNOWN, _ratio(np.nansum(one * other, axis=1), scale, 0.0), np.nan)


def _ratio(above: np.ndarray, below: np.ndarray, otherwise: float = np.nan) -> np.ndarray:
    return np.where(below > 1e-12, above / np.where(below > 1e-12, below, 1), otherwise)
