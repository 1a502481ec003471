"""How much of a performance's expression is heard: the effect of the shared controls on performance columns."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from engine.performers.controls import Control, with_defaults
from models.performance.representation import ARTICULATION, BEAT_PERIOD, COLUMNS, PEDAL, PEDAL_BETWEEN, TIMING, VELOCITY

PARAMETERS: dict[str, list[int]] = {
    "tempo": [BEAT_PERIOD],
    "timing": [TIMING],
    "velocity": [VELOCITY],
    "articulation": [ARTICULATION],
    "pedal": [PEDAL, PEDAL_BETWEEN],
}
_AMOUNTS = [next((f"expression_{name}" for name, columns in PARAMETERS.items() if column in columns), "") for column in range(COLUMNS)]
SMOOTHING_S = 0.5  # the time constant with which a changed control takes hold


class ColumnExpression:
    """Applies the controls to columns as they are decoded; a changed control takes hold gradually."""

    def __init__(self, controls: Mapping[str, float], known: tuple[Control, ...]):
        self.controls = with_defaults(known, controls)
        self._amounts, self._louder = self._wanted()

    def _wanted(self) -> tuple[list[float], float]:
        """Return the amount of each column (8,), and what is added to the velocity column."""
        overall = self.controls["expression"]
        return [overall * self.controls[name] if name else 1.0 for name in _AMOUNTS], self.controls["dynamics"] / 127

    def pass_time(self, elapsed_s: float) -> bool:
        """Let ``elapsed_s`` pass; return whether that changes anything."""
        share = -math.expm1(-max(elapsed_s, 0.0) / SMOOTHING_S)
        amounts, louder = self._wanted()
        if louder == self._louder and amounts == self._amounts:
            return False
        self._amounts = [now + share * (amount - now) for now, amount in zip(self._amounts, amounts, strict=True)]
        self._louder += share * (louder - self._louder)
        return True

    def apply(self, columns: np.ndarray, written: np.ndarray) -> np.ndarray:
        """Return the columns (n, 8) to be played, given the model's and those of the score as it is written."""
        played = written + np.array(self._amounts) * (columns - written)
        played[:, VELOCITY] += self._louder
        return played

    def apply_to_note(self, columns: Sequence[float], written: Sequence[float]) -> list[float]:
        """Return the columns (8,) of one note, as ``apply`` does."""
        played = [base + amount * (value - base) for value, base, amount in zip(columns, written, self._amounts, strict=True)]
        played[VELOCITY] += self._louder
        return played
