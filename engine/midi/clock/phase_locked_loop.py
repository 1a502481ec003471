"""Tempo and phase of a regular pulse from when it arrives, however late single arrivals are.

A pulse is late by up to an audio server's period (42.7 ms at 2,048 frames and 48 kHz), so that several arrive together, and by jitter.
Straight lines through the last 12 to 192 arrivals are the candidates. The longest that no shorter one contradicts is taken: the rule of
intersecting confidence intervals (Goldenshluger and Nemirovski, Mathematical Methods of Statistics 6, 1997). So a steady pulse is averaged
over two bars of four quarters, and a change of tempo leaves only what came after it.

The interval of a line through n arrivals is the wider of two. Deviations that are independent let its slope err by so many standard errors.
Lateness between 0 and g, in the least favourable order, turns a line of least squares by 1.5 g / n; g is how much longer than the pulse's
period the longest time between two arrivals is. What is known is d, how much longer than the line's own slope. That slope may be turned
already, so that g is up to d + 1.5 g / n, and the turn up to 1.5 d / (n - 1.5).
"""

import math

import numpy as np

from engine.midi.clock.lateness import Lateness, may_be_periods
from engine.midi.clock.tempo_change import Change, Line, TempoChange

SIZES = np.array([12, 16, 24, 32, 48, 64, 96, 128, 192])  # arrivals of a line
STANDARD_ERRORS = 4.0
LEAST_LATENESS_NS, LEAST_DEVIATION_NS = 1e6, 0.25e6  # no driver's time stamps are surer
ALIKE_NS = 0.25e6  # times between arrivals that differ by less are those of a server's periods, or of no server
IN_STEP = 5 / 6  # of the times between arrivals that are alike
KNOWN, WELL_KNOWN = 0.025, 0.005  # a period is known when its interval reaches no further than this share
STRAY_DEVIATIONS, STRAY_NS = 2.5, 2e6  # an arrival that is further than this from the line is left out
PATIENCE = int(SIZES[0])  # so many of them in a row begin a new line: of another tempo, or after a gap
LONGEST_SLIP_NS, SAME_TEMPO = 50e6, 0.01
CATCHING_UP = 8  # so many arrivals before a line count for how late those in it may be
NOISE_RISES, NOISE_FALLS = 1 / 12, 1 / 192  # shares of a new deviation that the remembered one takes, every second arrival

FOLLOWED = 48  # arrivals after a change of tempo tell more with its beginning on the old line than alone, unless they tell enough
TURNS = np.linspace(-1, 1, 65)  # of a line, shares of what lateness may turn it
JITTERED = 1.2  # times the variance that a server's period makes: from so much on lateness is no period's alone
LONG = 96  # arrivals of a line that a change of tempo is told from

MOST = int(SIZES[-1]) + CATCHING_UP + 1
_X = -np.arange(SIZES[-1], dtype=float)  # places of arrivals, the latest first
_N = SIZES.astype(float)
_SUM_X, _SUM_XX = np.cumsum(_X)[SIZES - 1], np.cumsum(_X * _X)[SIZES - 1]
_MEAN_X = _SUM_X / _N
_SPREAD_X = _SUM_XX - _SUM_X * _MEAN_X  # the sum of squared deviations of x


class PhaseLockedLoop:
    """Follows a pulse. ``period_ns`` is 0 until it is known; ``phase_ns`` is when the last pulse would have come by the line."""

    def __init__(self, least_period_ns: float):
        """``least_period_ns``: no period is taken to be shorter."""
        self.period_ns = 0.0
        self.last_ns = 0  # when the last pulse arrived
        self._least_period_ns = least_period_ns
        self._times = np.zeros(MOST)  # since the origin; the latest first, strays where they were expected
        self._arrived = np.zeros(PATIENCE)  # as they came
        self._origin_ns = 0
        self._count = self._strays = 0
        self._since_stray = MOST  # arrivals
        self._phase, self._deviation = 0.0, math.inf
        self._fitted = False  # with the last arrival
        self._noise = 0.0  # the variance of arrivals, remembered
        self._changes = TempoChange()
        self._change: Change | None = None  # that is followed

    @property
    def phase_ns(self) -> int:
        return self._origin_ns + round(self._phase)

    def restart(self, forget: bool = False) -> None:
        """Begin a new line with the next pulse. Unless ``forget``, the period is kept until the new line knows it better."""
        self._count = self._strays = 0
        self._since_stray = MOST
        self._noise, self._deviation = 0.0, math.inf
        self._changes.restart()
        self._change = None
        if forget:
            self.period_ns = 0.0

    def follow(self, time_ns: int) -> None:
        """Take the arrival of the next pulse. Arrivals come in order of time."""
        self.last_ns = time_ns
        if not self._count:
            self._origin_ns = time_ns
        arrived = float(time_ns - self._origin_ns)
        expected = self._phase + self.period_ns
        astray = abs(arrived - expected) > STRAY_DEVIATIONS * self._deviation + STRAY_NS
        self._strays = self._strays + 1 if astray else 0
        self._since_stray = 0 if astray else self._since_stray + 1
        self._arrived[1:] = self._arrived[:-1]
        self._arrived[0] = arrived
        self._times[1:] = self._times[:-1]
        self._times[0] = expected if astray else arrived
        self._changes.take(arrived)
        if self._strays == PATIENCE:
            self._take_strays(abs(arrived - expected))
        self._count = min(self._count + 1, MOST)
        self._follow_change(self._changes.look())
        if self._count < SIZES[0]:
            self._average()
        elif self._fitted and self.period_ns and not astray:
            self._phase, self._fitted = expected, False  # a line has just been fitted, and the next arrival will be
        else:
            self._fit()
            self._fitted = True

    def _follow_change(self, change: Change | None) -> None:
        """Take a change of tempo that the deviations tell of before a line can: a new line begins with it."""
        followed, self._change = self._change is not None, change
        if self._change is None:
            return
        if not followed:
            self._count = self._change.since
            self._times[: self._count] = self._changes.arrived[: self._count]
            self._strays, self._deviation, self._fitted = 0, math.inf, False
        self.period_ns = max(self._change.period, self._least_period_ns)

    def _take_strays(self, jump_ns: float) -> None:
        """Begin a new line with the last arrivals, all of them strays.

        Where a period of the server is nearly the pulse's, arrivals keep to the server's and jump by it now and then. A short jump without
        another tempo is taken for that: the line goes on, and such lateness is to be expected.
        """
        self._times[:PATIENCE] = self._arrived
        self._strays = 0
        interval = (self._arrived[0] - self._arrived[-1]) / (PATIENCE - 1)
        if jump_ns < LONGEST_SLIP_NS and abs(interval - self.period_ns) < SAME_TEMPO * self.period_ns:
            self._noise = max(self._noise, (jump_ns / 2) ** 2)
        elif self._change or not self._changes.look(certain=True):
            self._count = PATIENCE - 1
            self._changes.restart()

    def _average(self) -> None:
        """Place the phase by all arrivals, at the period that is kept, where there are too few for a line."""
        times, places = self._times[: self._count], _X[: self._count]
        self._phase = float((times - self.period_ns * places).mean()) if self.period_ns else float(times[0])

    def _fit(self) -> None:
        """Choose among the lines; each statistic has a value for each of them."""
        lines = int(np.searchsorted(SIZES, self._count, side="right"))
        most, last = int(SIZES[lines - 1]), SIZES[:lines] - 1
        n, mean_x, spread_x = _N[:lines], _MEAN_X[:lines], _SPREAD_X[:lines]
        since = self._times[:most] - self._times[0]
        moments = np.empty((3, most))
        moments[0] = since
        np.multiply(since, _X[:most], out=moments[1])
        np.multiply(since, since, out=moments[2])
        sum_y, sum_xy, sum_yy = moments.cumsum(axis=1)[:, last]
        mean_y = sum_y / n
        slope = (sum_xy - mean_x * sum_y) / spread_x
        variance = (sum_yy - mean_y * sum_y - slope * slope * spread_x) / (n - 2)
        lateness, in_step = self._lateness(last, slope)
        noise = np.maximum(np.maximum(variance, lateness * lateness / 12), max(self._noise, LEAST_DEVIATION_NS**2))
        reach = STANDARD_ERRORS * np.sqrt(noise / spread_x)
        widest = np.maximum(reach, 1.5 * lateness / (n - 1.5))
        chosen, period = _longest_agreed(slope, widest)
        known = self._take_period(max(period, self._least_period_ns), float((widest if in_step[chosen] else reach)[chosen]))
        self._take_phase(mean_y - self.period_ns * mean_x, noise / n + (reach[chosen] / STANDARD_ERRORS * mean_x) ** 2, chosen)
        self._remember(max(float(variance[0]), 0.0), float(noise[chosen]) if known else math.inf)
        if known and SIZES[chosen] >= LONG:
            variance_ns = max(float(variance[chosen]), LEAST_DEVIATION_NS**2)
            self._changes.know(self._reference(int(SIZES[chosen]), variance_ns, float(lateness[chosen])))

    def _reference(self, arrivals: int, variance: float, lateness: float) -> Line:
        """Return the line that is known of the last arrivals; where their lateness is anything up to a bound, the one that bounds it best.

        Lateness by a period that is nearly the pulse's rises slowly, and turns a line of least squares.
        """
        x = _X[:arrivals]
        off = self._times[:arrivals] - self._phase - self.period_ns * x
        server_period = self._changes.server_period()
        held_up = self._since_stray < SIZES[-1]
        jittered = server_period and 12 * variance > JITTERED * server_period**2
        slopes = (np.zeros(1) if jittered else TURNS) * 1.5 * np.ptp(off) / arrivals
        left_out = arrivals // LONG  # at either end: these may be held up
        turned = np.partition(off - slopes[:, None] * x, (left_out, arrivals - 1 - left_out), axis=1)
        lows, highs = turned[:, left_out], turned[:, -1 - left_out]
        reaches = highs - lows
        best = int(np.median(np.flatnonzero(reaches < reaches.min() + LEAST_LATENESS_NS)))  # the middle of those that bound it as well
        short = 0.0 if server_period else max(lateness - float(reaches[best]), 0.0)  # of what one arrival was later than that before it
        late = Lateness(variance, float(lows[best]) - short, float(highs[best]) + short, server_period, held_up)
        return Line(self._phase, self.period_ns + float(slopes[best]) * late.is_uniform, late)

    def _lateness(self, last: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how late the arrivals of each line may be, going by the times between two of them, and whether they keep step.

        Those just before the line count too: what was held up then comes in it. Arrivals keep step with a server's periods where the times
        between them are nearly all alike; where all are, and may be periods, nothing is known of how late they are within one.
        """
        gaps = self._times[: self._count - 1] - self._times[1 : self._count]
        seen = np.minimum(last + CATCHING_UP, self._count - 2)
        longest, shortest = np.maximum.accumulate(gaps)[seen], np.minimum.accumulate(gaps)[seen]
        middle = self._count // 2
        usual = float(np.partition(gaps, middle)[middle])
        alike = np.cumsum(np.abs(gaps - usual) < ALIKE_NS)[seen]
        late = np.maximum(np.maximum(longest - slope, slope - shortest), LEAST_LATENESS_NS)
        even = (alike > seen) & (not may_be_periods(usual))
        return np.where((alike > seen) & ~even, longest, late), ~even & (alike >= IN_STEP * (seen + 1))

    def _take_period(self, period_ns: float, reach_ns: float) -> bool:
        """Take the line's period if it is known; return whether it is. A kept one is forgotten when the line contradicts it."""
        known = reach_ns < KNOWN * period_ns
        if known and not (self._change and self._change.since < FOLLOWED and reach_ns > WELL_KNOWN * period_ns):
            self.period_ns = period_ns
            if self._change:
                self._changes.restart()
                self._change = None
        elif not self._change and abs(period_ns - self.period_ns) > reach_ns:
            self.period_ns = 0.0
        return known

    def _take_phase(self, places: np.ndarray, variances: np.ndarray, chosen: int) -> None:
        """Place the last pulse by the longest lines that agree, but no longer ones than the period's."""
        if not self.period_ns:
            self._phase = float(self._times[0])
            return
        _, place = _longest_agreed(places[: chosen + 1], STANDARD_ERRORS * np.sqrt(variances[: chosen + 1]))
        self._phase = float(self._times[0]) + place

    def _remember(self, variance: float, noise: float) -> None:
        self._noise += (variance - self._noise) * (NOISE_RISES if variance > self._noise else NOISE_FALLS)
        self._deviation = math.sqrt(noise)  # there are no strays from a line that does not know its period


def _longest_agreed(values: np.ndarray, reaches: np.ndarray) -> tuple[int, float]:
    """Return the index of the last value whose interval has a point in common with all before it, and the value, moved into them."""
    low, high = np.maximum.accumulate(values - reaches), np.minimum.accumulate(values + reaches)
    apart = low > high
    chosen = int(apart.argmax()) - 1 if apart[-1] else len(values) - 1
    return chosen, float(min(max(values[chosen], low[chosen]), high[chosen]))
