"""Tells a change of tempo from lateness, and the new tempo, as soon as chance no longer explains what has come.

Where a pulse is late by up to a period of an audio server, or by jitter, a line through the arrivals after a change knows their tempo only
after some beats. The old line helps: the new one begins on it. So what the last arrivals deviate from the old line says whether it breaks,
and where (``lateness``); the new tempo is the mean over that, each weighed by its likelihood.

It is a change when all of these hold; they are logarithms of likelihoods.

- A break is likelier than none by ``GAIN``, and by twice as much as within the last two bars without a change. A period that is
  nearly the pulse's makes slow deviations, of which this is far more than chance.
- It is likelier than a jump to later arrivals by ``ABOVE_DELAY``, as after a gap, or by ``ABOVE_DELAY_IN_STEP`` where arrivals come in
  the step of a server's periods. It is likelier than one to earlier ones by ``ABOVE_ADVANCE``, or by ``ABOVE_ADVANCE_BY_SPANS`` where
  lateness is a sum of a server's period and jitter. Where clocks have been held up of late, and lateness is not bounded, either is
  ``ABOVE_HELD_UP``: one more such clock makes both likelier than none, and a break a little more.
- What a break leaves is no more than ``REST`` times the usual.
- The tempo is another by ``SMALL``, unless nothing but a server's period makes arrivals late. Jitter looks like a smaller change now and
  then, and one that is real is no more off until a line follows it.

If lateness has bounds, the first is asked without the last two bars, and the third not at all: bounds that do not hold explain nothing.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from engine.midi.clock.lateness import LATEST, LEAST, MOST, SINCE, WINDOW, Evidence, Lateness, may_be_periods, weigh

REFERENCES = 32  # lines that are kept
USUAL = 192  # arrivals: two bars
GAIN, ABOVE_USUAL, REST = 15.0, 2.0, 2.0
ABOVE_DELAY, ABOVE_DELAY_IN_STEP, ABOVE_ADVANCE, ABOVE_ADVANCE_BY_SPANS = 3.0, 4.0, 1.5, 3.0
ABOVE_HELD_UP = 10.0
SMALL = 0.025  # a share of the period
FOUND = LATEST - LEAST + 1  # breaks that are looked for: no earlier ones

TOGETHER_NS = 1e6

_PLACES = np.arange(WINDOW)


class Line(NamedTuple):
    """``phase``: where its last pulse is on it, ns since the origin."""

    phase: float
    period: float
    lateness: Lateness

    @property
    def unbounded(self) -> "Line":
        """The same one, if the bounds of its lateness may not hold."""
        return self._replace(lateness=self.lateness._replace(low=-np.inf, high=np.inf))


class Known(NamedTuple):
    """A line, and the ``number`` of its last pulse."""

    number: int
    line: Line


class Change(NamedTuple):
    """``since``: arrivals after it, as far as is known."""

    since: int
    period: float


class TempoChange:
    """Looks for a change from the line that is known, and follows it. Times are ns since the origin of whoever asks."""

    def __init__(self) -> None:
        self.arrived = np.zeros(WINDOW)  # as they came, the latest first
        self._lines: deque[Known] = deque(maxlen=REFERENCES)  # that were known, the latest last
        self._gains = np.zeros(USUAL + LATEST)  # of a change by each arrival, the latest first
        self._number = self._known = 0  # of the last arrival, and how many there are since the beginning
        self._old: Known | None = None  # while a change from it is followed
        self._change: Change | None = None  # the last one

    def restart(self) -> None:
        """Forget all lines."""
        self._lines.clear()
        self._gains[:] = 0.0
        self._known = 0
        self._old = self._change = None

    def take(self, arrived: float) -> None:
        """Take an arrival."""
        self._number += 1
        self._known += 1
        self.arrived[1:] = self.arrived[:-1]
        self.arrived[0] = arrived

    def server_period(self) -> float:
        """Return the period of the server in whose step pulses may be, as far as arrivals tell: all times between them are whole ones.

        0 where they are not: the server is so quick, or the pulse so far from its step, that all lateness that there is has been seen.
        """
        gaps = self.arrived[:-1] - self.arrived[1:]
        period = float(gaps[gaps > TOGETHER_NS].min(initial=np.inf))
        whole = period < np.inf and np.all(np.abs(gaps - period * np.round(gaps / period)) < TOGETHER_NS)
        even = whole and float(gaps.max()) < 2 * period - TOGETHER_NS and float(gaps.min()) > TOGETHER_NS and not may_be_periods(period)
        return period if whole and not even else 0.0

    def know(self, line: Line) -> None:
        """Take the line that is known of the last arrival and many before it."""
        self._lines.append(Known(self._number, line))

    def look(self, certain: bool = False) -> Change | None:
        """Return the change that has just been found, or that is followed; None where there is none.

        ``certain``: no arrival of late was where it was expected, so that a change and a jump are all that there is to choose from.
        """
        old = self._old or self._reference(certain)
        if old is None:
            return None
        if self._change and self._change.since == MOST:
            return self._change  # more arrivals are not looked at; a line will know the tempo soon
        line, lateness = old.line, old.line.lateness
        off = self.arrived - line.phase - line.period * (self._number - old.number - _PLACES)
        evidence = weigh(off, lateness, thoroughly=certain or self._old is not None)
        weights = np.exp(evidence.breaks - evidence.breaks.max())
        slope = float(weights @ evidence.slopes) / float(weights.sum())
        if self._old is None and not self._is_change(evidence, lateness, certain, slope / line.period):
            return None
        self._old = old
        self._change = Change(int(SINCE[evidence.breaks.argmax()]), line.period + slope)
        return self._change

    def _reference(self, certain: bool) -> Known | None:
        """Return the oldest line that is kept, if it is older than a change that is looked for and the tempo was steady until then."""
        if self._known < USUAL and not certain:
            return None
        known = next((known for known in self._lines if self._number - known.number >= LATEST), None)
        return known._replace(line=known.line.unbounded) if known and certain else known

    def _is_change(self, evidence: Evidence, lateness: Lateness, certain: bool, turn: float) -> bool:
        """``turn``: how much longer the period would be, a share."""
        found = float(evidence.breaks[:FOUND].max())
        gain, above_jump = found - evidence.goes_on, found - evidence.jump
        usual = float(self._gains[LATEST - 1 : -1].max())
        bounded = lateness.is_uniform or bool(lateness.spans)
        self._gains[1:] = self._gains[:-1]
        self._gains[0] = min(gain, above_jump) if bounded else gain
        above_delay = ABOVE_DELAY_IN_STEP if lateness.server_period else ABOVE_DELAY
        above_advance = ABOVE_ADVANCE_BY_SPANS if lateness.spans else ABOVE_ADVANCE
        if lateness.held_up and not lateness.is_uniform:
            above_delay = above_advance = ABOVE_HELD_UP
        if above_jump <= (above_delay if evidence.later else above_advance):
            return False
        if certain:
            return True
        if gain < max(GAIN, ABOVE_USUAL * usual) or (abs(turn) < SMALL and not lateness.in_step):
            return False
        return found == float(evidence.breaks.max()) if bounded else -found < REST * WINDOW / 2
