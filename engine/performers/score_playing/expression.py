"""How much of a performance's expression is heard: the effect of the shared controls on performance columns."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.performers.controls import KEEP, Control, with_defaults
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
LOUDNESS = "loudness"  # a control of those performers that can be asked for it
KEPT_BETWEEN_PLAYERS = 0.3  # of what a model has between the mean levels of the tune and a player: a pianist has one tone for all voices
SMOOTHING_S = 0.5  # the time constant with which a changed control takes hold


@dataclass
class RunningLevel:
    """By how much velocities (columns, 0 to 1) have been softer than those that were given, in the mean of all notes so far.

    How soft a model will be as a whole is not known before its end. The mean settles within some bars, and is the same live and in files.
    """

    softer: float = 0.0  # the sum over notes
    notes: int = 0
    onset: int | None = None  # the last one, which may be decided again
    softer_there: float = 0.0
    notes_there: int = 0

    def reach(self, onset: int, velocities: np.ndarray, given: np.ndarray) -> float:
        """Take the velocities (n,) of an onset, by its number, beside those ``given``; return the mean with them."""
        if onset != self.onset:
            self.softer, self.notes, self.onset = self.softer + self.softer_there, self.notes + self.notes_there, onset
        self.softer_there, self.notes_there = float((given - velocities).sum()), len(given)
        return self.mean

    @property
    def mean(self) -> float:
        return (self.softer + self.softer_there) / (self.notes + self.notes_there)


class ColumnExpression:
    """Applies the controls to columns as they are decoded; a changed control takes hold gradually."""

    def __init__(self, controls: Mapping[str, float], known: tuple[Control, ...]):
        self.controls = with_defaults(known, controls)
        self._amounts, self._heard = self._wanted()
        self._columns = np.array(self._amounts)
        self._settled: list[float] = []  # the controls that are heard in full
        self._level = RunningLevel()
        self._players: dict[int, RunningLevel] = {}
        self._tune = RunningLevel()

    def _wanted(self) -> tuple[list[float], list[float]]:
        """Return the amount of each column (8,), and what else is heard gradually: loudness, the two numbers of ``tempo_from``, and
        whether the level is kept.
        """
        overall, tempo_from = self.controls["expression"], self.controls["tempo_from"]
        kept = self.controls["level"] == KEEP and not self.controls.get(LOUDNESS)  # what is asked to be louder is to be louder
        amounts = [overall * self.controls[name] if name else 1.0 for name in _AMOUNTS]
        return amounts, [self.controls["dynamics"] / 127, float(tempo_from != AS_SAID), max(tempo_from, 0.0), float(kept)]

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
        controls = list(self.controls.values())
        if controls == self._settled:
            return False
        share = -math.expm1(-max(elapsed_s, 0.0) / SMOOTHING_S)
        amounts, heard = self._wanted()
        if heard == self._heard and amounts == self._amounts:
            self._settled = controls
            return False
        self._amounts = [now + share * (amount - now) for now, amount in zip(self._amounts, amounts, strict=True)]
        self._heard = [now + share * (value - now) for now, value in zip(self._heard, heard, strict=True)]
        self._columns = np.array(self._amounts)
        return True

    def apply(self, columns: np.ndarray, written: np.ndarray) -> np.ndarray:
        """Return the columns (n, 8) to be played, given the model's and those of the score as it is written."""
        played = written + self._columns * (columns - written)
        played[:, VELOCITY] += self._heard[0]
        return played

    def draw_to_the_tune(self, columns: np.ndarray, written: np.ndarray, players: np.ndarray, leads: np.ndarray, onset: int) -> None:
        """Bring the level of ``players`` (n,) nearer to that of the notes which lead (``leads``, n), in the columns (n, 8), in place.

        A level is that of all notes so far, beside what is written. ``onset`` is as in ``keep_level``.
        """
        velocities, given = columns[:, VELOCITY].copy(), written[:, VELOCITY]
        if leads.any():
            self._tune.reach(onset, velocities[leads], given[leads])
        for player in np.unique(players).tolist():
            own = players == player
            level = self._players.setdefault(player, RunningLevel())
            softer = level.reach(onset, velocities[own], given[own])
            tune = self._tune.mean if self._tune.onset is not None else softer
            columns[own, VELOCITY] += (1 - KEPT_BETWEEN_PLAYERS) * (softer - tune)

    def keep_level(self, played: np.ndarray, written: np.ndarray, onset: int) -> None:
        """Bring the velocities of columns (n, 8) that ``apply`` returned to the level of those written, in place.

        ``onset`` is a number of theirs that no other onset nearby has.
        """
        softer = self._level.reach(onset, played[:, VELOCITY] - self._heard[0], written[:, VELOCITY])
        played[:, VELOCITY] += self._heard[3] * softer
