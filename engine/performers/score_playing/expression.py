"""How much of a performance's expression is heard: the effect of the shared controls on performance columns."""

import math
from collections.abc import Mapping

import numpy as np

from engine.performers.controls import Control, with_defaults
from engine.performers.score_playing.controls import AS_SAID
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
        self._amounts, self._heard = self._wanted()

    def _wanted(self) -> tuple[list[float], list[float]]:
        """Return the amount of each column (8,), and what else is heard gradually: loudness, and the two numbers of ``tempo_from``."""
        overall, tempo_from = self.controls["expression"], self.controls["tempo_from"]
        amounts = [overall * self.controls[name] if name else 1.0 for name in _AMOUNTS]
        return amounts, [self.controls["dynamics"] / 127, float(tempo_from != AS_SAID), max(tempo_from, 0.0)]

    @property
    def tempo_amount(self) -> float:
        """How much of the tempo's expression is heard."""
        return self._amounts[BEAT_PERIOD]

    @property
    def tempo_from(self) -> tuple[float, float]:
        """How far the control says where the mean tempo is from, 0 to 1, and the share of the score's that it says."""
        return self._heard[1], self._heard[2]

    def pass_time(self, elapsed_s: float) -> bool:
        """Let ``elapsed_s`` pass; return whether that changes anything."""
        share = -math.expm1(-max(elapsed_s, 0.0) / SMOOTHING_S)
        amounts, heard = self._wanted()
        if heard == self._heard and amounts == self._amounts:
            return False
        self._amounts = [now + share * (amount - now) for now, amount in zip(self._amounts, amounts, strict=True)]
        self._heard = [now + share * (value - now) for now, value in zip(self._heard, heard, strict=True)]
        return True

    def apply(self, columns: np.ndarray, written: np.ndarray) -> np.ndarray:
        """Return the columns (n, 8) to be played, given the model's and those of the score as it is written."""
        played = written + np.array(self._amounts) * (columns - written)
        played[:, VELOCITY] += self._heard[0]
        return played
