"""Tells a change of tempo from lateness, and the new tempo, as soon as chance no longer explains what has come.

Where a pulse is late by up to a period of an audio server, or by jitter, a line through the arrivals after a change knows their tempo only
after some beats. The old line helps: the new one begins on it. So the deviations of the last arrivals from the old line are nothing up to
some arrival, and from there on a straight line through zero. Its slope is the mean over where it may begin, each weighed by its likelihood
(broken-line regression, as Hinkley, Biometrika 58, 1971).

It is a change when all of these hold; sums of squares are in units of the old line's variance.

- The broken line explains ``GAIN`` more of the deviations than the old line, and ``ABOVE_USUAL`` times what it did explain of the last two
  bars without a change. A period that is nearly the pulse's makes slow deviations, of which this is far more than chance.
- It explains ``ABOVE_DELAY`` more than a jump to later arrivals does, as after a gap, and ``ABOVE_ADVANCE`` more than one to earlier ones.
- What it leaves is no more than ``REST`` times the usual.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

WINDOW = 72  # arrivals whose deviations are looked at
LEAST, MOST = 10, 60  # arrivals since a change
LATEST = 32  # since a change that is only now found
REFERENCES = 32  # lines that are kept
USUAL = 192  # arrivals: two bars
GAIN, ABOVE_USUAL, REST = 30.0, 2.0, 2.0
ABOVE_DELAY, ABOVE_ADVANCE = 6.0, 3.0

_SINCE = np.arange(LEAST, MOST + 1)
_X = np.maximum(_SINCE[:, None] - np.arange(WINDOW), 0).astype(float)  # arrivals since the change, the latest first
_SUM_XX = (_X * _X).sum(axis=1)
_PLACES = np.arange(WINDOW)
_JUMPS = np.arange(1.0, LATEST + 1)


class Line(NamedTuple):
    """``phase``: where the pulse with this ``number`` is on it, ns since the origin."""

    number: int
    phase: float
    period: float
    variance: float


class Change(NamedTuple):
    """``since``: arrivals after it, as far as is known."""

    since: int
    period: float


class TempoChange:
    """Looks for a change from the line that is known, and follows it. Times are ns since the origin of whoever asks."""

    def __init__(self) -> None:
        self.arrived = np.zeros(WINDOW)  # as they came, the latest first
        self._lines: deque[Line] = deque(maxlen=REFERENCES)  # that were known, the latest last
        self._gains = np.zeros(USUAL + LATEST)  # of a change by each arrival, the latest first
        self._number = self._known = 0  # of the last arrival, and how many there are since the beginning
        self._old: Line | None = None  # while a change from it is followed
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

    def know(self, phase: float, period: float, variance: float) -> None:
        """Take the line that is known of the last arrival and many before it."""
        self._lines.append(Line(self._number, phase, period, variance))

    def end(self) -> None:
        """The new tempo is known."""
        self._known = 0
        self._old = self._change = None
        self._lines.clear()
        self._gains[:] = 0.0

    def look(self) -> Change | None:
        """Return the change that has just been found, or that is followed; None where there is none."""
        if self._known < USUAL and self._old is None:
            return None
        old = self._old or next((line for line in self._lines if self._number - line.number >= LATEST), None)
        if old is None:
            return None
        off = self.arrived - old.phase - old.period * (self._number - old.number - _PLACES)
        products = _X @ off
        gains = products * products / (_SUM_XX * old.variance)
        if self._old is None and not self._is_change(off, gains, old.variance):
            return None
        if self._old is None:
            self._old = old
        elif self._change and self._change.since == MOST:
            return self._change  # more arrivals are not looked at; a line will know the tempo soon
        weights = np.exp((gains - gains.max()) / 2)
        weights /= weights.sum()
        slope = float(weights @ (products / _SUM_XX))
        self._change = Change(int(_SINCE[gains.argmax()]), old.period + slope)
        return self._change

    def _is_change(self, off: np.ndarray, gains: np.ndarray, variance: float) -> bool:
        gain = float(gains[: LATEST - LEAST + 1].max())
        self._gains[1:] = self._gains[:-1]
        self._gains[0] = gain
        if gain < max(GAIN, ABOVE_USUAL * float(self._gains[LATEST:].max())):
            return False
        sums = off[:LATEST].cumsum()
        jump = float((sums * sums / _JUMPS).max()) / variance
        above = ABOVE_DELAY if sums[LEAST - 1] > 0 else ABOVE_ADVANCE
        return gain - jump > above and float(off @ off) / variance - gain < REST * WINDOW
