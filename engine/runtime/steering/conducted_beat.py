"""Where a conductor is beside a performance, and how fast: a Kalman filter over tapped beats.

The next beat is expected as long as the beats were in the mean of late, and to some extent (RUBATO) as the performance's own rubato has it:
where it broadens, the tap is expected later. What is left, the speed beside that, wanders; taps come a little early or late.
"""

import numpy as np

# Chosen with beats of pianists and of a simulated conductor: see docs/conducting.md.
RUBATO = 0.3  # of the performance, that is expected of the conductor
SETTLING = 0.1  # of the mean beat, that the last one makes up
TAP_S = 0.04  # the standard deviation of a tap beside the beat that was expected so
WANDER = 0.1  # that of the speed after a second, as a share of it
FIRST_WANDER = 0.3  # the same of the first speed, where it is not the conductor's
SHORTEST_SEC = 1e-3
SURPRISING = 9.0  # a tap farther away than three deviations tells another tempo


class ConductedBeat:
    """``speed``: seconds of the performance in one of the clock."""

    def __init__(self, time_ns: int, beat_sec: float, speed: float, known: bool):
        """A tap at ``time_ns``, on a beat that the performance plays in ``beat_sec``. ``known``: the speed is the conductor's own."""
        self.speed = speed
        self._time_ns, self._beat_sec = time_ns, beat_sec
        self._ahead_sec = 0.0  # of the beat that was tapped
        self._spread = np.diag([(TAP_S * speed) ** 2, ((WANDER if known else FIRST_WANDER) * speed) ** 2])  # of place and speed

    def hear(self, time_ns: int, beats: int, passed_sec: float) -> None:
        """Take a tap, so many beats after the last, which the performance plays in ``passed_sec``."""
        elapsed, noise = (time_ns - self._time_ns) / 1e9, (TAP_S * self.speed) ** 2
        step = np.array([[1.0, elapsed], [0.0, 1.0]])
        wander = (WANDER * self.speed) ** 2 * np.array([[elapsed**3 / 3, elapsed**2 / 2], [elapsed**2 / 2, elapsed]])
        spread = step @ self._spread @ step.T + wander
        ahead = self._ahead_sec + self.speed * elapsed - self._expected_sec(beats, passed_sec)
        if ahead * ahead > SURPRISING * (spread[0, 0] + noise):
            change = np.array([1.0, 1.0 / elapsed]) * ahead
            spread = spread + np.outer(change, change)
        gain = spread[:, 0] / (spread[0, 0] + noise)
        self._time_ns, self._ahead_sec = time_ns, ahead * (1 - gain[0])
        self.speed = max(self.speed - gain[1] * ahead, self.speed / 2)
        self._spread = spread - np.outer(gain, spread[0])
        self._beat_sec *= (max(passed_sec, SHORTEST_SEC) / beats / self._beat_sec) ** SETTLING

    def next_ns(self, beat_sec: float) -> int:
        """Return when the next beat is expected, which the performance plays in ``beat_sec``."""
        return self._time_ns + round((self._expected_sec(1, beat_sec) - self._ahead_sec) / self.speed * 1e9)

    def _expected_sec(self, beats: int, passed_sec: float) -> float:
        return RUBATO * passed_sec + (1 - RUBATO) * self._beat_sec * beats
