"""Where a conductor is beside a performance, and how fast: a Kalman filter over tapped beats.

The next beat is expected as long as the beats were in the mean of late, and to some extent (RUBATO) as the performance's own rubato has it:
where it broadens, the tap is expected later. What is left, the speed beside that, wanders; taps come a little early or late.

Two taps that count in are seldom as far apart as the beats that come. So one of the first taps after them that comes late is rather the
next beat than one after a beat that was left out, unless the doubt of the speed does not explain it.
"""

from typing import Self

import numpy as np

# Chosen with beats of pianists and of a simulated conductor: see docs/conducting.md.
RUBATO = 0.3  # of the performance, that is expected of the conductor
SETTLING = 0.1  # of the mean beat, that the last one makes up
TAP_S = 0.04  # the standard deviation of a tap beside the beat that was expected so
WANDER = 0.1  # that of the speed after a second, as a share of it
FIRST_WANDER = 0.3  # the same of the first speed, where it is not the conductor's
COUNTED_WANDER = 0.25  # the same where two taps have told it
LEFT_OUT = 6.0  # in squared deviations, what speaks against a tap that was left out: one in twenty is
FIRST_TAPS, UNEVEN = 3, 0.15  # after a count-in, and the deviation of each, in beats
SHORTEST_SEC = 1e-3
SURPRISING = 9.0  # a tap farther away than three deviations tells another tempo


class ConductedBeat:
    """``speed``: seconds of the performance in one of the clock."""

    def __init__(self, time_ns: int, beat_sec: float, speed: float, wander: float):
        """A tap at ``time_ns``, on a beat that the performance plays in ``beat_sec``; ``wander``: the deviation of the first speed."""
        self.speed = speed
        self._time_ns, self._beat_sec = time_ns, beat_sec
        self._doubted = 0  # the taps to come that may be as uneven as a count-in
        self._ahead_sec = 0.0  # of the beat that was tapped
        self._spread = np.diag([(TAP_S * speed) ** 2, (wander * speed) ** 2])  # of place and speed

    @classmethod
    def counted(cls, time_ns: int, beat_s: float) -> Self:
        """Return it after two taps that count in, ``beat_s`` apart: a beat is a second until ``play_in`` says more."""
        conductor = cls(time_ns, 1.0, 1 / beat_s, COUNTED_WANDER)
        conductor._doubted = FIRST_TAPS
        return conductor

    def play_in(self, beat_sec: float) -> None:
        """Let the performance play a beat in ``beat_sec``."""
        share = max(beat_sec, SHORTEST_SEC) / self._beat_sec
        self.speed, self._ahead_sec, self._spread = self.speed * share, self._ahead_sec * share, self._spread * share**2
        self._beat_sec *= share

    def is_next(self, time_ns: int, beat_sec: float, beats: int, passed_sec: float) -> bool:
        """Return whether a tap is rather the next beat, which the performance plays in ``beat_sec``, than so many beats after the last."""
        if not self._doubted:
            return False
        next_sec, later_sec = self._ahead(time_ns, 1, beat_sec), self._ahead(time_ns, beats, passed_sec)
        return next_sec**2 < later_sec**2 + LEFT_OUT * (self._spread_at(time_ns)[0, 0] + self._noise())

    def hear(self, time_ns: int, beats: int, passed_sec: float) -> None:
        """Take a tap, so many beats after the last, which the performance plays in ``passed_sec``."""
        elapsed, noise = (time_ns - self._time_ns) / 1e9, self._noise()
        spread, ahead = self._spread_at(time_ns), self._ahead(time_ns, beats, passed_sec)
        if ahead * ahead > SURPRISING * (spread[0, 0] + noise):
            change = np.array([1.0, 1.0 / elapsed]) * ahead
            spread = spread + np.outer(change, change)
        self._doubted = max(self._doubted - 1, 0)
        gain = spread[:, 0] / (spread[0, 0] + noise)
        self._time_ns, self._ahead_sec = time_ns, ahead * (1 - gain[0])
        self.speed = max(self.speed - gain[1] * ahead, self.speed / 2)
        self._spread = spread - np.outer(gain, spread[0])
        self._beat_sec *= (max(passed_sec, SHORTEST_SEC) / beats / self._beat_sec) ** SETTLING

    def next_ns(self, beat_sec: float) -> int:
        """Return when the next beat is expected, which the performance plays in ``beat_sec``."""
        return self._time_ns + round((self._expected_sec(1, beat_sec) - self._ahead_sec) / self.speed * 1e9)

    def _noise(self) -> float:
        """Return the variance of the next tap's place."""
        return max(TAP_S * self.speed, UNEVEN * self._beat_sec * bool(self._doubted)) ** 2

    def _ahead(self, time_ns: int, beats: int, passed_sec: float) -> float:
        """Return by how much the conductor is ahead of a beat at a time."""
        return self._ahead_sec + self.speed * (time_ns - self._time_ns) / 1e9 - self._expected_sec(beats, passed_sec)

    def _spread_at(self, time_ns: int) -> np.ndarray:
        """Return the covariance (2, 2) of place and speed at a time."""
        elapsed = (time_ns - self._time_ns) / 1e9
        step = np.array([[1.0, elapsed], [0.0, 1.0]])
        wander = (WANDER * self.speed) ** 2 * np.array([[elapsed**3 / 3, elapsed**2 / 2], [elapsed**2 / 2, elapsed]])
        return np.asarray(step @ self._spread @ step.T + wander)

    def _expected_sec(self, beats: int, passed_sec: float) -> float:
        return RUBATO * passed_sec + (1 - RUBATO) * self._beat_sec * beats
