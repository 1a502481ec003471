"""How fast and how loud a score has been played, beat by beat: what pages draw as curves, also those that are opened later."""

import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

EARLY_QUARTERS = 0.1  # so long before a beat a note counts to it: performers spread their chords
EPSILON = 1e-6  # quarters


class Curve:
    """The curve of one score. A beat that is played again takes the place of what was there before."""

    def __init__(self, bars: list[Mapping[str, Any]]):
        self._bars = [bar["begin_quarter"] for bar in bars]
        self._beat = -math.inf  # that is being played
        self._tempos: list[float] = []  # that were seen in it
        self._coming: dict[float, list[int]] = {}  # velocities by their beats: of this one, and of one that is to come
        self._rows: dict[float, tuple[int, list[float | None]]] = {}  # by quarter, with a number that grows
        self.number = 0

    def take(self, snapshot: Mapping[str, Any]) -> None:
        """Take what a snapshot shows."""
        place = snapshot["place"]
        if not place or not place["quarters_per_minute"]:
            return
        quarter, tempo = place["quarter"], place["quarters_per_minute"]
        for note in snapshot["notes_out"]:
            if note["velocity"]:
                passed = (snapshot["time_ns"] - note["time_ns"]) / 60e9 * tempo
                self._coming.setdefault(self._beat_at(quarter - passed + EARLY_QUARTERS), []).append(note["velocity"])
        if place["plays"]:
            self._reach(self._beat_at(quarter))
            self._tempos.append(tempo)

    def since(self, number: int) -> list[list[float | None]]:
        """Return the beats that were played to their end after the curve had a ``number``: where they are, in quarters, their tempos in
        quarters a minute, and the mean velocities of their notes, None without a note.
        """
        return [row for grown, row in list(self._rows.values()) if grown > number]  # the list is made at once, and another thread takes

    def _reach(self, beat: float) -> None:
        """Let a beat be played; with it the one before is over."""
        if beat == self._beat:
            return
        if self._tempos:
            loud = self._coming.get(self._beat, [])
            row = [self._beat, sum(self._tempos) / len(self._tempos), sum(loud) / len(loud) if loud else None]
            self._rows[self._beat] = self.number + 1, row
            self.number += 1
        self._beat, self._tempos = beat, []
        self._coming = {beat: self._coming.get(beat, [])}

    def _beat_at(self, quarter: float) -> float:
        """Return where the quarter begins that a position is in, counted from the bar line."""
        bar = self._bars[max(bisect_right(self._bars, quarter + EPSILON) - 1, 0)] if self._bars else 0.0
        return float(bar + math.floor(quarter - bar + EPSILON))
