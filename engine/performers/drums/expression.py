"""Turns the predicted quantiles of a stroke into what is played: sampling, and the user's controls."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from engine.performers.controls import KEEP, with_defaults
from engine.performers.drums.controls import CONTROLS
from models.drums.representation import Asked

VELOCITY, TIMING = "velocity", "timing"
LARGEST = 2.5  # standard deviations that a stroke strays at most
TOGETHER_S = 0.03  # strokes so near are struck together
DRIFTS_S = (1.0, 8.0)  # how long the drift of all drums together lasts: within a bar or so, and within a phrase


class GrooveNoise:
    """Standard normal numbers that repeat themselves as a drummer's deviations do.

    They have parts of the whole take, of a drum, of its place in the bar, in the stated ``shares`` of variance; of all that is struck
    together, and of all drums for as long as each of DRIFTS_S (Ornstein-Uhlenbeck processes), in the ``common_shares``; and of each stroke.
    """

    def __init__(self, seed: int, what: str, shares: Sequence[float], common_shares: Sequence[float] = ()):
        self._key = seed, *what.encode()
        self._amounts = [math.sqrt(share) for share in shares]
        self._common_amounts = [math.sqrt(share) for share in common_shares]
        self._own_amount = math.sqrt(max(0.0, 1 - sum(shares) - sum(common_shares)))
        self._own = np.random.default_rng(self._key)
        self._together = np.random.default_rng((*self._key, 0))
        self._kept: dict[tuple[int, ...], float] = {}
        self._common: list[float] = []
        self._time_s = -math.inf

    def draw(self, role: int, place: int, time_s: float) -> float:
        """Return the number for the next stroke, of a role at a sixteenth of the bar, -1 where that is not known."""
        groups = ((), (role,), (role, place + 1))
        repeated = sum(amount * self._of(group) for amount, group in zip(self._amounts, groups, strict=True))
        if self._common_amounts:
            self._move(time_s)
            repeated += sum(amount * each for amount, each in zip(self._common_amounts, self._common, strict=True))
        return repeated + self._own_amount * float(self._own.standard_normal())

    def _move(self, time_s: float) -> None:
        """Go on to what is common to all that is struck at ``time_s``."""
        elapsed_s = time_s - self._time_s
        if self._common and elapsed_s < TOGETHER_S:
            return
        self._time_s = time_s
        fresh = self._together.standard_normal(len(self._common_amounts)).tolist()
        kept = [0.0, *(math.exp(-elapsed_s / drift_s) for drift_s in DRIFTS_S)]
        before = self._common or fresh
        self._common = [share * old + math.sqrt(1 - share * share) * new for share, old, new in zip(kept, before, fresh, strict=True)]

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
        self._noise = {
            what: GrooveNoise(seed, what, constants[name], constants.get(f"{what}_common_shares", ()))
            for what, name in names.items()
            if name in constants
        }
        self._strokes, self._softer = 0, 0.0  # so far, and by how much softer than played the drummer would have been, in sum

    @property
    def asked(self) -> Asked:
        return Asked(round(self.controls["style"]), round(self.controls["drummer"]))

    def choose(self, what: str, quantiles: Sequence[float], role: int, place: int, time_s: float) -> float:
        """Return a velocity, or a timing in ms, of a stroke: the median of its three quantiles, or as far from it as temperature says."""
        return quantile_of(quantiles, self.controls["temperature"] * self._noise[what].draw(role, place, time_s))

    def hear(self, model_velocity: float, played: int) -> None:
        """Count a stroke to the level that is kept."""
        self._strokes, self._softer = self._strokes + 1, self._softer + played - model_velocity

    def apply(self, model_velocity: float, played: int) -> int:
        """Put the controls on the drummer's velocity; return what is sent, 1 to 127. The level is that of all strokes heard so far."""
        return _as_sent(played + self.controls["strength"] * (self._levelled(model_velocity) - played))

    def apply_to_added(self, model_velocity: float) -> int:
        """As ``apply``, of a stroke that the drummer added, which has no velocity of its own."""
        return _as_sent(self._levelled(model_velocity))

    def _levelled(self, model_velocity: float) -> float:
        kept = self._softer / self._strokes if self.controls["level"] == KEEP and self._strokes else 0.0
        return model_velocity + kept + self.controls["dynamics"]


def quantile_of(quantiles: Sequence[float], straying: float) -> float:
    """Return what is so many standard deviations away from the median of three quantiles, at most LARGEST."""
    low, median, high = quantiles
    straying = min(max(straying, -LARGEST), LARGEST)
    return median + straying * max(high - median if straying > 0 else median - low, 0.0)


def _as_sent(velocity: float) -> int:
    return min(max(math.floor(velocity + 0.5), 1), 127)
