"""How likely it is, by how late arrivals are, that a line goes on, that it breaks, and that arrivals jump.

Deviations from a line, the latest first, are all there is to go by. After a change of tempo they are a straight line that begins at zero,
so that its slope follows from when it began (broken-line regression, as Hinkley, Biometrika 58, 1971); after a gap all are as much later.
Lateness is taken for normal noise, or for what it is where nothing but a server's period makes arrivals late: anything between two bounds;
or for the sum of that and of jitter which is anything between two others.
Bounds tell sooner: the error of a slope falls with the square of how many arrivals there are, that by squares with their number's power of
1.5, and one arrival outside says as much as many deviations inside.
"""

import math
from typing import NamedTuple

import numpy as np

WINDOW = 72  # deviations that are looked at
LEAST, MOST = 6, 60  # arrivals since a break
LATEST = 32  # arrivals since a jump
UNIFORM = 0.95  # of the variance that lateness has which is anything between its bounds: from so much on it is taken for that
MARGIN_NS = 1e6  # that bounds of a server's period are wider than what was seen, and an arrival outside of them is certain to be
JITTER_MARGIN_NS = 2.5e6  # that bounds of other lateness are wider than what was seen
OUTSIDE = 5.0  # what such an arrival costs, a logarithm
PLACES = 3  # of bounds that may be further apart than was seen
NARROWEST = 1e-3  # that slopes between bounds reach, a share of what one arrival leaves

# Servers have periods of so many samples, or of twice as many and so on, at rates that are whole shares of these. Shorter ones make no
# pulse so late that it matters.
USUAL_PERIOD, USUAL_RATES = 256, (48_000, 44_100)
IN_STEP_NS = 0.1e6  # that a time between arrivals differs at most from whole periods

SINCE = np.arange(LEAST, MOST + 1)
_X = np.maximum(SINCE[:, None] - np.arange(WINDOW), 0).astype(float)  # (breaks, WINDOW): arrivals since a break
_SUM_XX = (_X * _X).sum(axis=1)
_COUNTS = np.arange(1.0, LATEST + 1)
_AFTER = (np.arange(WINDOW) < _COUNTS[:, None]).astype(float)  # (jumps, WINDOW): whether an arrival is after it

# Slopes and jumps that are tried for lateness by a period and jitter: so many standard errors from that of least squares, with so many
# arrivals since a break and a jump. These arrivals in a row: which each is, and how often a slope or a jump counts in what it is off.
TRIED = np.linspace(-4, 4, 13)
SUSPECTED = 4.0  # a break's gain by squares, from which it is worth while to try them
STEP = 2  # every second break and jump is tried
_SINCES, _JUMPS = SINCE[::STEP], np.arange(1, LATEST + 1, STEP)
_ALL = np.concatenate((_SINCES, _JUMPS))
_BEGINS = np.cumsum(_ALL) - _ALL
_WHICH = np.concatenate([np.arange(since) for since in _ALL])
_TIMES = np.concatenate([np.arange(since, 0, -1.0) for since in _SINCES] + [np.ones(since) for since in _JUMPS]).astype(np.float32)
_ERRORS = 1 / np.sqrt(np.concatenate((_SUM_XX[::STEP], _JUMPS)))  # standard ones, in deviations of lateness


class Lateness(NamedTuple):
    """Of a line's arrivals, in ns: the variance, the bounds that were seen, and the period of the server in whose step they come, or 0.

    ``held_up``: whether some of late have been held up for longer, and were left out of these.
    """

    variance: float
    low: float
    high: float
    server_period: float = 0.0
    held_up: bool = False

    @property
    def reach(self) -> float:
        return self.high - self.low

    @property
    def unseen(self) -> float:
        """How much further apart the bounds may be than has been seen."""
        return max(self.server_period - self.reach, 0.0)

    @property
    def in_step(self) -> bool:
        """Whether it is for nothing but a server's period that arrivals are late."""
        return self.reach < self.server_period + MARGIN_NS

    @property
    def spans(self) -> tuple[float, float] | None:
        """The wider and the narrower of the server's period and what jitter spans, if lateness is the sum of these two; None where not.

        The jitter's follows from the variance, which knows it better than the latest and the soonest arrival do: sums are seldom extreme.
        """
        jitter = math.sqrt(max(12 * self.variance - self.server_period**2, 0.0))
        most = self.server_period + jitter + JITTER_MARGIN_NS
        if self.held_up or self.in_step or not self.server_period or not jitter or self.reach > most:
            return None
        return max(self.server_period, jitter), min(self.server_period, jitter)

    @property
    def is_uniform(self) -> bool:
        """Whether it is anything between its bounds."""
        return self.in_step or (not self.spans and 12 * self.variance >= UNIFORM * self.reach**2)


def may_be_periods(time_ns: float) -> bool:
    """Return whether arrivals that are all so far apart may be those of a usual server's periods, not of an even pulse."""
    periods = (USUAL_PERIOD / rate * 1e9 for rate in USUAL_RATES)
    return any(abs(time_ns - period * max(round(time_ns / period), 1)) < IN_STEP_NS for period in periods)


class Evidence(NamedTuple):
    """Logarithms of likelihoods, in units of the same size. ``breaks`` (len(SINCE),): of a break so many arrivals ago, with the
    ``slopes`` that deviations then have; ``goes_on``: of none; ``jump``: of the likeliest jump; ``later``: whether it is one to later.
    """

    breaks: np.ndarray
    slopes: np.ndarray
    goes_on: float
    jump: float
    later: bool


def weigh(off: np.ndarray, lateness: Lateness, thoroughly: bool) -> Evidence:
    """Return what deviations ``off`` (WINDOW,), ns, say. Unless ``thoroughly``, squares are enough where these suspect nothing."""
    if lateness.is_uniform:
        return by_bounds(off, lateness)
    evidence, spans = by_squares(off, lateness), lateness.spans
    suspected = thoroughly or float(evidence.breaks.max()) > evidence.goes_on + SUSPECTED
    return by_spans(off, lateness, spans) if spans and suspected else evidence


def by_squares(off: np.ndarray, lateness: Lateness) -> Evidence:
    """Return what deviations ``off`` (WINDOW,), ns, say if lateness is normal."""
    products, sums = _X @ off, _AFTER @ off
    breaks, jumps = (squares / (2 * lateness.variance) for squares in (products**2 / _SUM_XX, sums**2 / _COUNTS))
    rest = -float(off @ off) / (2 * lateness.variance)
    return Evidence(breaks + rest, products / _SUM_XX, rest, float(jumps.max()) + rest, bool(sums[LEAST] > 0))


def by_bounds(off: np.ndarray, lateness: Lateness) -> Evidence:
    """Return what deviations ``off`` (WINDOW,), ns, say if lateness is anything between its bounds.

    Where these are further apart than was seen, all places that they may have are as likely.
    """
    places = np.linspace(-0.5, 0.5, PLACES) if lateness.unseen > MARGIN_NS else np.zeros(1)
    half = (lateness.reach + lateness.unseen + (MARGIN_NS if lateness.in_step else JITTER_MARGIN_NS)) / 2
    centre = (lateness.low + lateness.high) / 2
    every = [_by_bounds(off - centre - place * lateness.unseen, half) for place in places]
    breaks = np.array([each.breaks for each in every])
    weights = np.exp(breaks - breaks.max(axis=0))
    slopes = (weights * [each.slopes for each in every]).sum(axis=0) / weights.sum(axis=0)
    jump, goes_on = (np.logaddexp.reduce(values) for values in ([each.jump for each in every], [each.goes_on for each in every]))
    likeliest = max(every, key=lambda each: each.jump)
    return Evidence(np.logaddexp.reduce(breaks), slopes, float(goes_on), float(jump), likeliest.later)


def _by_bounds(off: np.ndarray, half: float) -> Evidence:
    """Return what deviations say if lateness is at most ``half``, to either side."""
    slopes, widths = _between(off, half, _X)
    breaks = _within(off - slopes[:, None] * _X, half) + np.log(np.maximum(widths * SINCE / half, NARROWEST))
    jumps, widths = _between(off, half, _AFTER)
    likelihoods = _within(off - jumps[:, None] * _AFTER, half) + np.log(np.maximum(widths / half, NARROWEST))
    return Evidence(breaks, slopes, float(_within(off, half)), float(likelihoods.max()), bool(jumps[LEAST] > 0))


def by_spans(off: np.ndarray, lateness: Lateness, spans: tuple[float, float]) -> Evidence:
    """Return what deviations ``off`` (WINDOW,), ns, say if lateness is the sum of two, each anything within its span.

    Such sums have a density that is level in the middle and falls to either side along the narrower span. All slopes and jumps within
    some standard errors of those by least squares are tried, and each break and jump counts with what all of them add up to.
    """
    half, edge = sum(spans) / 2, max(spans[1], MARGIN_NS)
    errors = math.sqrt(lateness.variance) * _ERRORS
    middles = np.concatenate((_X[::STEP] @ off / _SUM_XX[::STEP], _AFTER[::STEP] @ off / _JUMPS))
    tried = middles + TRIED[:, None] * errors  # (len(TRIED), breaks and jumps)
    left = np.repeat((tried / edge).astype(np.float32), _ALL, axis=1)
    left *= _TIMES
    np.subtract((off / edge).astype(np.float32)[_WHICH], left, out=left)
    after = np.add.reduceat(_log_density(left, half / edge), _BEGINS, axis=1)
    until = np.cumsum(_log_density(off / edge, half / edge))
    highest = after.max(axis=0)
    weights = np.exp(after - highest)
    mass = weights.sum(axis=0)
    widths = (TRIED[1] - TRIED[0]) * errors / half
    widths[: len(_SINCES)] *= _SINCES
    found = highest + np.log(mass * widths) + until[-1] - until[_ALL - 1]
    means = (weights * tried).sum(axis=0) / mass
    breaks, slopes = np.full(len(SINCE), -np.inf), np.zeros(len(SINCE))
    breaks[::STEP], slopes[::STEP] = found[: len(_SINCES)], means[: len(_SINCES)]
    later = bool(means[len(_SINCES) + LEAST // STEP] > 0)
    return Evidence(breaks, slopes, float(until[-1]), float(found[len(_SINCES) :].max()), later)


def _log_density(off: np.ndarray, half: float) -> np.ndarray:
    """Return the logarithm of how likely deviations are beside none, both in units of the narrower span; it overwrites ``off``."""
    np.abs(off, out=off)
    np.subtract(half, off, out=off)
    np.clip(off, math.exp(-OUTSIDE), 1.0, out=off)
    return np.log(off, out=off)


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
