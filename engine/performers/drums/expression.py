"""Turns the predicted quantiles of a stroke into what is played: sampling, and the user's controls."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from engine.performers.controls import KEEP, with_defaults
from engine.performers.drums.controls import CONTROLS
from models.drums.representation import Asked

VELOCITY, TIMING = "velocity", "timing"
LARGEST = 2.5  # standard deviations that a stroke strays at most


class GrooveNoise:
    """Standard normal numbers that repeat themselves as a drummer's deviations do.

    They have parts of the whole take, of a drum, of its place in the bar, in the stated ``shares`` of variance, and of each stroke.
    """

    def __init__(self, seed: int, what: str, shares: Sequence[float]):
        self._key = seed, *what.encode()
        *self._amounts, self._own_amount = [math.sqrt(share) for share in (*shares, max(0.0, 1 - sum(shares)))]
        self._own = np.random.default_rng(self._key)
        self._kept: dict[tuple[int, ...], float] = {}

    def draw(self, role: int, place: int) -> float:
        """Return the number for the next stroke, of a role at a sixteenth of the bar, -1 where that is not known."""
        groups = ((), (role,), (role, place + 1))
        return sum(amount * self._of(group) for amount, group in zip(self._amounts, groups, strict=True)) + (
            self._own_amount * float(self._own.standard_normal())
        )

    def _of(self, group: tuple[int, ...]) -> float:
        if group not in self._kept:
            self._kept[group] = float(np.random.default_rng((*self._key, 1 + len(group), *group)).standard_normal())
        return self._kept[group]


class DrumExpression:
    """Holds the controls, the noise, and how loud the drummer would have been."""

    def __init__(self, seed: int, controls: Mapping[str, float], constants: Mapping[str, Sequence[float]]):
        """``constants`` are those of the model's contract."""
        self.controls = with_defaults(CONTROLS, controls)
        names = {what: f"{what}_shares" for what in (VELOCITY, TIMING)}
        self._noise = {what: GrooveNoise(seed, what, constants[name]) for what, name in names.items() if name in constants}
        self._strokes, self._softer = 0, 0.0  # so far, and by how much softer than played the drummer would have been, in sum

    @property
    def asked(self) -> Asked:
        return Asked(round(self.controls["style"]), round(self.controls["drummer"]))

    def choose(self, what: str, quantiles: Sequence[float], role: int, place: int) -> float:
        """Return a velocity, or a timing in ms, of a stroke: the median of its three quantiles, or as far from it as temperature says."""
        low, median, high = quantiles
        straying = self.controls["temperature"] * self._noise[what].draw(role, place)
        straying = min(max(straying, -LARGEST), LARGEST)
        return median + straying * max(high - median if straying > 0 else median - low, 0.0)

    def hear(self, model_velocity: float, played: int) -> None:
        """Count a stroke to the level that is kept."""
        self._strokes, self._softer = self._strokes + 1, self._softer + played - model_velocity

    def apply(self, model_velocity: float, played: int) -> int:
        """Put the controls on the drummer's velocity; return what is sent, 1 to 127. The level is that of all strokes heard so far."""
        controls, performed = self.controls, model_velocity
        if controls["level"] == KEEP and self._strokes:
            performed += self._softer / self._strokes
        performed += controls["dynamics"]
        return min(max(math.floor(played + controls["strength"] * (performed - played) + 0.5), 1), 127)
