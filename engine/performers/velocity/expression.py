"""Turns the predicted quantiles of a note's velocity into the velocity that is sent, with hints, sampling and the user's controls."""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from operator import mul

import numpy as np

from engine.performers.controls import KEEP, with_defaults
from engine.performers.velocity.controls import CENTRE, CONTROLS, HINT_AUTO, HINT_ON, STYLE
from models.velocity.representation import velocity_hint

DRAWN_NOTES = 64


class HintGate:
    """Decides, for `hint` auto, whether the keyboard has touch: its recent velocities must differ, and not only by a little."""

    def __init__(self, memory_notes: int = 64, least_velocities: int = 4, least_bins: int = 2):
        self._recent: deque[int] = deque()
        self._memory_notes, self._least_velocities, self._least_bins = memory_notes, least_velocities, least_bins
        self._of_velocity: dict[int, int] = {}  # how many of the recent notes have each velocity, and each hint
        self._of_hint: dict[int, int] = {}

    def hear(self, velocity: int) -> None:
        self._recent.append(velocity)
        hint = velocity_hint(velocity)
        self._of_velocity[velocity] = self._of_velocity.get(velocity, 0) + 1
        self._of_hint[hint] = self._of_hint.get(hint, 0) + 1
        if len(self._recent) > self._memory_notes:
            oldest = self._recent.popleft()
            _discard(self._of_velocity, oldest)
            _discard(self._of_hint, velocity_hint(oldest))

    def is_open(self) -> bool:
        return len(self._of_velocity) >= self._least_velocities and len(self._of_hint) >= self._least_bins


def _discard(counts: dict[int, int], item: int) -> None:
    counts[item] -= 1
    if not counts[item]:
        del counts[item]


class ExpressionNoise:
    """Standard normal numbers that wander as a performer's deviations do: neighbours in time are alike.

    Slow parts (Ornstein-Uhlenbeck processes, one a time constant) and one that is new with each note, in the stated shares of variance.
    """

    def __init__(self, seed: int, time_constants_s: Sequence[float], shares: Sequence[float]):
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._time_constants_s = tuple(time_constants_s)
        self._amounts = [math.sqrt(share) for share in shares] + [math.sqrt(max(0.0, 1 - sum(shares)))]
        self._fresh: list[list[float]] = []
        self._slow: list[float] | None = None
        self._time_s = 0.0

    def draw(self, time_s: float) -> float:
        """Return the number for a note at ``time_s``; times must not fall."""
        if not self._fresh:  # drawn for many notes at once: it takes longer to ask for a number than to draw it
            self._fresh = self._random.standard_normal((DRAWN_NOTES, len(self._time_constants_s) + 1))[::-1].tolist()
        *fresh, own = self._fresh.pop()
        if self._slow is None:
            self._slow = fresh
        else:
            elapsed_s, slow = time_s - self._time_s, self._slow
            for index, time_constant_s in enumerate(self._time_constants_s):
                kept = math.exp(-elapsed_s / time_constant_s)
                slow[index] = kept * slow[index] + math.sqrt(1 - kept * kept) * fresh[index]
        self._time_s = time_s
        return sum(map(mul, self._amounts, (*self._slow, own)))


class VelocityExpression:
    """Turns the quantiles of a stream's notes into velocities; holds the controls, the noise and the recent played velocities."""

    def __init__(self, seed: int, controls: Mapping[str, float], constants: Mapping[str, Sequence[float]]):
        """``constants`` are those of the model's contract: ``quantile_levels``, ``noise_time_constants_s``, ``noise_shares``."""
        self.controls = with_defaults((*CONTROLS, STYLE), controls)
        self._levels = list(constants["quantile_levels"])
        self._gate = HintGate()
        self._noise = ExpressionNoise(seed, constants["noise_time_constants_s"], constants["noise_shares"])
        self._notes, self._softer = 0, 0.0  # so far, and by how much softer than played the model would have had them, in sum

    def hint(self, played: int) -> int:
        """Take a played velocity; return the hint that the model may hear, 0 for none."""
        self._gate.hear(played)
        setting = self.controls["hint"]
        given = setting == HINT_ON or (setting == HINT_AUTO and self._gate.is_open())
        return velocity_hint(played) if given else 0

    def choose(self, quantiles: np.ndarray, time_s: float) -> float:
        """Return the model's velocity for a note: its median, or as far from it as noise and temperature say."""
        straying = self.controls["temperature"] * self._noise.draw(time_s)
        share = 0.5 * (1 + math.erf(straying / math.sqrt(2)))
        above = min(max(bisect_left(self._levels, share), 1), len(self._levels) - 1)
        level, next_level = self._levels[above - 1], self._levels[above]
        step = min(max((share - level) / (next_level - level), 0.0), 1.0)
        return float(quantiles[above - 1] + step * (quantiles[above] - quantiles[above - 1]))

    def apply(self, model_velocity: float, played: int) -> int:
        """Put the controls on the model's velocity; return what is sent, 1 to 127.

        The level is that of all notes so far, this one included: how loud a take will be as a whole is not known before its end.
        """
        controls = self.controls
        performed = CENTRE + controls["range"] * (model_velocity - CENTRE)
        self._notes, self._softer = self._notes + 1, self._softer + played - performed
        if controls["level"] == KEEP:
            performed += self._softer / self._notes
        performed += controls["dynamics"]
        blended = played + controls["strength"] * (performed - played)
        return min(max(math.floor(blended + 0.5), 1), 127)
