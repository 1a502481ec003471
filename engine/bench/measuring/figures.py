"""Many durations in a few numbers. Without NumPy, which the benchmark of the velocity transformer must load on one core."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NS_PER_MS = 1e6
MS_PER_S = 1e3
NORMAL_975 = 1.96
DIGITS = 4  # of a millisecond: tenths of a microsecond


@dataclass(frozen=True)
class Distribution:
    count: int
    median_ms: float
    p99_ms: float
    maximum_ms: float


def describe(durations_ns: Iterable[float]) -> Distribution:
    """Return the distribution of one duration or more."""
    durations_ms = sorted(float(duration_ns) / NS_PER_MS for duration_ns in durations_ns)
    median, p99, maximum = (round(_percentile(durations_ms, share), DIGITS) for share in (0.5, 0.99, 1.0))
    return Distribution(len(durations_ms), median, p99, maximum)


def median_ms(durations_ns: Iterable[float]) -> float:
    return round(float(statistics.median(durations_ns)) / NS_PER_MS, DIGITS)


def median_interval_ms(durations_ns: Iterable[float]) -> tuple[float, float]:
    """Return where the median lies with 95% confidence, whatever the distribution, for one duration or more.

    The bounds are durations themselves, at ranks by the normal approximation of the sign test (Conover, Practical Nonparametric
    Statistics, 3.2).
    """
    ordered = sorted(durations_ns)
    count = len(ordered)
    low = max(round(count / 2 - NORMAL_975 * math.sqrt(count) / 2), 1)
    return round(float(ordered[low - 1]) / NS_PER_MS, DIGITS), round(float(ordered[count - low]) / NS_PER_MS, DIGITS)


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Interpolate linearly between the two values at ``share``, 0 to 1, of the way from the first to the last."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
