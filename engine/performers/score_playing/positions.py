"""Where the bars and the notes of a score are: what a player looks up to begin anywhere."""

import math
from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple

import numpy as np

from engine.base.errors import UsageError
from engine.score.tables import Score

# A bar by its number in the score, the first time that one of that number is played; or its number and which time.
BarName = int | tuple[int, int]


class Place(NamedTuple):
    """A place in a score that is being played. ``beat`` counts from 1, in units of the time signature, with the share that has passed."""

    bar: int
    beat: float
    quarter: float  # since the beginning of the score
    quarters_per_minute: float  # the tempo there; 0 where time stands still


class Positions:
    """Positions in quarters."""

    def __init__(self, score: Score):
        self.onsets: list[float] = score.notes["onset_quarter"].tolist()
        self._measures, self._signatures = score.measures, score.time_signatures
        self._tempos: list[float] = score.tempos["onset_quarter"].tolist()
        self._end_quarter = score.end_quarter

    @cached_property
    def beats(self) -> list[float]:
        """Return where the beats are that a conductor gives, in order, and where the last one ends: dotted ones of compound metres."""
        beats: list[float] = []
        for begin, duration, _ in self._measures.tolist() or [(0.0, self._end_quarter, 1)]:
            signature = self._last_before(self._signatures, begin)
            count, unit = (int(signature["beats"]), 4 / int(signature["beat_type"])) if signature is not None else (4, 1.0)
            length = unit * 3 if count > 3 and count % 3 == 0 and unit < 1 else unit
            number = max(round(duration / length), 1)
            first = begin if begin else duration - number * length  # an upbeat leads to the first bar line
            beats += [first + beat * length for beat in range(number)]
        return sorted({*beats, self._end_quarter})

    def bar(self, name: BarName) -> tuple[float, float]:
        """Return where a bar begins and ends. Raises UsageError when there is none of that number, or it is not played so often."""
        number, time = name if isinstance(name, tuple) else (name, 1)
        found = self._measures[self._measures["number"] == number]
        if not len(found):
            known = f"{self._measures['number'].min()} to {self._measures['number'].max()}" if len(self._measures) else "none"
            raise UsageError(f"bar {number}: the score has no such bar; allowed: {known}")
        if not 1 <= time <= len(found):
            raise UsageError(f"bar {number}.{time}: bar {number} is played {len(found)} time{'s' * (len(found) > 1)}")
        begin = float(found[time - 1]["onset_quarter"])
        return begin, begin + float(found[time - 1]["duration_quarter"])

    def same_tempo(self, quarter: float) -> tuple[float, float]:
        """Return from where to where the score has the tempo that it has at a position."""
        after = bisect_right(self._tempos, quarter + 1e-6)
        return (self._tempos[after - 1] if after else -math.inf), (self._tempos[after] if after < len(self._tempos) else math.inf)

    def place(self, quarter: float, quarters_per_minute: float) -> Place:
        """Return in which bar and at which beat of it a position is. The last bar goes on after the end."""
        bar = self._last_before(self._measures, quarter)
        signature = self._last_before(self._signatures, quarter)
        unit_quarters = 4 / int(signature["beat_type"]) if signature is not None else 1.0
        begin, number = (float(bar["onset_quarter"]), int(bar["number"])) if bar is not None else (0.0, 1)
        return Place(number, 1 + max(quarter - begin, 0.0) / unit_quarters, quarter, quarters_per_minute)

    @staticmethod
    def _last_before(table: np.ndarray, quarter: float) -> np.void | None:
        """Return the last row that begins at or before a position, or the first one; None of an empty table."""
        return table[max(int(np.searchsorted(table["onset_quarter"], quarter + 1e-6)) - 1, 0)] if len(table) else None

    def bars(self, first: BarName, last: BarName) -> tuple[float, float]:
        """Return where bars begin and end, the last included. Raises UsageError when they are not in order or have no notes."""
        begin, end = self.bar(first)[0], self.bar(last)[1]
        if self.first_note(begin) >= self.first_note(end):
            how = "no notes to play; give a first and a last bar, in order, with notes in them"
            raise UsageError(f"bars {named(first)} to {named(last)}: {how}")
        return begin, end

    def first_note(self, quarter: float) -> int:
        """Return the first note at or after a position."""
        return int(np.searchsorted(self.onsets, quarter - 1e-6))

    def end_before(self, stop: int) -> float:
        """Return where what is before the note ``stop`` ends: at that note, or with the score."""
        return self._end_quarter if stop == len(self.onsets) else self.onsets[stop]


def named(bar: BarName) -> str:
    """Return a bar's name as it is typed."""
    return ".".join(map(str, bar)) if isinstance(bar, tuple) else str(bar)
