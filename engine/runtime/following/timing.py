"""When the accompaniment comes: the performer's own tempo curve, bent to what the soloist does.

Positions are seconds of a rendition (``x``), in which the coming rubato is already. One number says how much slower than that the soloist
is, and one pair where the soloist is; both follow each onset of his. What they were fitted on: ``perf-eval duet``.
"""

from dataclasses import dataclass

GAIN = 0.8  # how much of what an onset is off its prediction is taken over
TEMPO_SEC = 2.0  # the time constant of the tempo
MEET_SEC = 0.05  # so long an onset of both waits for the soloist
MOST_CHANGE = 2.0  # of the tempo at once
BREAK_SEC = 1.0  # an onset that is later than this says nothing of the tempo
SHORTEST_SEC = 1e-3


@dataclass(frozen=True)
class Timing:
    gain: float = GAIN
    tempo_sec: float = TEMPO_SEC
    meet_sec: float = MEET_SEC


@dataclass
class Clock:
    """Where the music is on the clock: at ``x`` seconds of the rendition at ``time_ns``, ``pace`` seconds for one of the rendition."""

    x: float
    time_ns: int
    pace: float
    followed: int = 0  # onsets since the soloist began here: the first say more of the tempo

    def time_at(self, x: float) -> int:
        return self.time_ns + round((x - self.x) * self.pace * 1e9)

    def x_at(self, time_ns: int) -> float:
        return self.x + (time_ns - self.time_ns) / 1e9 / self.pace

    def follow(self, x: float, time_ns: int, timing: Timing) -> None:
        """Hear that the soloist is at ``x``, further on than before, at ``time_ns``."""
        off_sec = (time_ns - self.time_at(x)) / 1e9
        passed_sec, expected_sec = (time_ns - self.time_ns) / 1e9, x - self.x
        if off_sec < BREAK_SEC and expected_sec > SHORTEST_SEC and passed_sec > SHORTEST_SEC:
            heard = min(max(passed_sec / expected_sec, self.pace / MOST_CHANGE), self.pace * MOST_CHANGE)
            self.followed += 1
            share = max(passed_sec / (passed_sec + timing.tempo_sec), 1 / self.followed)
            self.pace *= (heard / self.pace) ** share
            time_ns -= round((1 - timing.gain) * off_sec * 1e9)
        self.x, self.time_ns = x, time_ns
