"""How likely it is, by how late arrivals are, that a line goes on, that it breaks, and that arrivals jump.

Deviations from a line, the latest first, are all there is to go by. After a change of tempo they are a straight line that begins at zero,
so that its slope follows from when it began (broken-line regression, as Hinkley, Biometrika 58, 1971); after a gap all are as much later.
Lateness is taken for normal noise, or for what it is where nothing but a server's period makes arrivals late: anything between two bounds.
Bounds tell sooner: the error of a slope falls with the square of how many arrivals there are, that by squares with their number's power of
1.5, and one arrival outside says as much as many deviations inside.
"""

from typing import NamedTuple

import numpy as np

WINDOW = 72  # deviations that are looked at
LEAST, MOST = 6, 60  # arrivals since a break
LATEST = 32  # arrivals since a jump
UNIFORM = 0.95  # of the variance that lateness has which is anything between its bounds: from so much on it is taken for that
MARGIN_NS = 1e6  # that bounds are wider than what was seen, and an arrival outside of them is certain to be
OUTSIDE = 5.0  # what such an arrival costs, a logarithm
NARROWEST = 1e-3  # that slopes between bounds reach, a share of what one arrival leaves

SINCE = np.arange(LEAST, MOST + 1)
_X = np.maximum(SINCE[:, None] - np.arange(WINDOW), 0).astype(float)  # (breaks, WINDOW): arrivals since a break
_SUM_XX = (_X * _X).sum(axis=1)
_COUNTS = np.arange(1.0, LATEST + 1)
_AFTER = (np.arange(WINDOW) < _COUNTS[:, None]).astype(float)  # (jumps, WINDOW): whether an arrival is after it


class Lateness(NamedTuple):
    """Of a line's arrivals, in ns: the variance, and the bounds."""

    variance: float
    low: float
    high: float

    @property
    def is_uniform(self) -> bool:
        return 12 * self.variance >= UNIFORM * (self.high - self.low) ** 2


class Evidence(NamedTuple):
    """Logarithms of likelihoods, in units of the same size. ``breaks`` (len(SINCE),): of a break so many arrivals ago, with the
    ``slopes`` that deviations then have; ``goes_on``: of none; ``jump``: of the likeliest jump; ``later``: whether it is one to later.
    """

    breaks: np.ndarray
    slopes: np.ndarray
    goes_on: float
    jump: float
    later: bool


def by_squares(off: np.ndarray, lateness: Lateness) -> Evidence:
    """Return what deviations ``off`` (WINDOW,), ns, say if lateness is normal."""
    products, sums = _X @ off, _AFTER @ off
    breaks, jumps = (squares / (2 * lateness.variance) for squares in (products**2 / _SUM_XX, sums**2 / _COUNTS))
    rest = -float(off @ off) / (2 * lateness.variance)
    return Evidence(breaks + rest, products / _SUM_XX, rest, float(jumps.max()) + rest, bool(sums[LEAST] > 0))


def by_bounds(off: np.ndarray, lateness: Lateness) -> Evidence:
    """Return what deviations ``off`` (WINDOW,), ns, say if lateness is anything between its bounds."""
    centre, half = (lateness.low + lateness.high) / 2, (lateness.high - lateness.low + MARGIN_NS) / 2
    off = off - centre
    slopes, widths = _between(off, half, _X)
    breaks = _within(off - slopes[:, None] * _X, half) + np.log(np.maximum(widths * SINCE / half, NARROWEST))
    jumps, widths = _between(off, half, _AFTER)
    likelihoods = _within(off - jumps[:, None] * _AFTER, half) + np.log(np.maximum(widths / half, NARROWEST))
    return Evidence(breaks, slopes, float(_within(off, half)), float(likelihoods.max()), bool(jumps[LEAST] > 0))


def _between(off: np.ndarray, half: float, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of the slopes, one for each row of ``after``, that leave deviations within ``half``, and how far these reach.

    Where none do, the middle is that which misses least, and the reach is below 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        least = np.where(after > 0, (off - half) / after, -np.inf).max(axis=1)
        most = np.where(after > 0, (off + half) / after, np.inf).min(axis=1)
    return (least + most) / 2, most - least


def _within(off: np.ndarray, half: float) -> np.ndarray:
    """Return the logarithm of how likely deviations (..., WINDOW) are."""
    return -OUTSIDE * np.clip((np.abs(off) - half) / MARGIN_NS, 0.0, 1.0).sum(axis=-1)
