"""Turns the predicted medians of a stroke into what is played: what is drawn around them, and the user's controls."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from engine.performers.controls import KEEP, with_defaults
from engine.performers.drums.controls import CONTROLS
from models.drums.drawing import Drawing, Past, Stroke
from models.drums.representation import Asked


class DrumExpression:
    """Holds the controls, what was drawn so far, and how loud the drummer would have been."""

    def __init__(self, seed: int, controls: Mapping[str, float], drawing: Drawing):
        self.controls = with_defaults(CONTROLS, controls)
        self._drawing, self._past = drawing, Past()
        self._unadded: tuple[Stroke, list[float]] | None = None  # the last stroke, which the past does not have yet
        self._random = np.random.default_rng((seed, *b"drums"))
        self._strokes, self._softer = 0, 0.0  # so far, and by how much softer than played the drummer would have been, in sum

    @property
    def asked(self) -> Asked:
        return Asked(round(self.controls["style"]), round(self.controls["drummer"]))

    def read(self, features: np.ndarray) -> np.ndarray:
        """Return of strokes' features (N, F) what ``choose`` needs of each, a row (N, any)."""
        return self._drawing.read(features) if self.controls["temperature"] else features

    def choose(self, likeliest: Sequence[float], read: np.ndarray, stroke: Stroke) -> list[float]:
        """Return the velocity of a stroke, and its timing in ms where ``likeliest`` has one: that, or as far from it as temperature says
        towards what is drawn. ``read`` is the stroke's row of what ``read`` returns.

        What is drawn is a drummer's whole take, whatever the temperature: it goes on from what was drawn, not from what is played.
        """
        temperature = self.controls["temperature"]
        if not temperature:
            return list(likeliest)
        self.remember()
        drawn = self._drawing.draw(read, self._past, stroke, self._random.random(2).tolist())
        self._unadded = stroke, drawn
        return [middle + temperature * (each - middle) for middle, each in zip(likeliest, drawn, strict=True)]

    def remember(self) -> None:
        """Add the last stroke to what was drawn so far, if it is not there yet: after it has left, as that takes time."""
        if self._unadded:
            self._past.add(*self._unadded)
            self._unadded = None

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


def _as_sent(velocity: float) -> int:
    return min(max(math.floor(velocity + 0.5), 1), 127)
