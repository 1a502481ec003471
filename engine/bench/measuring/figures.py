"""Many durations in a few numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NS_PER_MS = 1e6
MS_PER_S = 1e3
DIGITS = 4  # of a millisecond: tenths of a microsecond


@dataclass(frozen=True)
class Distribution:
    count: int
    median_ms: float
    p99_ms: float
    maximum_ms: float


def describe(durations_ns: Sequence[float] | np.ndarray) -> Distribution:
    """Return the distribution of one duration or more."""
    durations_ms = np.asarray(durations_ns) / NS_PER_MS
    median, p99, maximum = (round(float(value), DIGITS) for value in np.percentile(durations_ms, (50, 99, 100)))
    return Distribution(len(durations_ms), median, p99, maximum)


def median_ms(durations_ns: Sequence[float] | np.ndarray) -> float:
    return round(float(np.median(durations_ns)) / NS_PER_MS, DIGITS)
