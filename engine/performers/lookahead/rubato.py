"""Applies a performance's columns to notes whose time is given by a DAW, which waits for nobody.

The performer of a score makes the time. Here tempo can only be local: what the notes of a phrase gain or lose against the beat is given
back within about RETURN_S, and never exceeds the bound of the stream. By a clock it is given back sooner: others play by the same one.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from engine.performers.lookahead.beats import Place
from engine.performers.score_playing.expression import ColumnExpression
from models.performance.pedal import span_steps
from models.performance.representation import ARTICULATION, BEAT_PERIOD, COLUMNS, LAST_SPAN_QUARTERS, PEDAL, TIMING, VELOCITY

RETURN_S, CLOCKED_RETURN_S = 1.0, 0.5  # the time constants with which the performance comes back to the beat, of itself and of a clock
TEMPO_QUARTERS = 8.0  # over so many the performer's own tempo is averaged: faster or slower than it is expression
FIRST_QUARTERS = 1.0  # as many does the tempo of the first notes count for


class PerformedNote(NamedTuple):
    """``shift_s`` is how much later than played the onset is, in seconds; ``stretch`` multiplies the duration."""

    shift_s: float
    velocity: int
    stretch: float


class PedalStep(NamedTuple):
    """The pedal has ``value``, 0 to 127, from ``time_ns`` on.

    ``anchor`` is the number of the chord that it belongs to, which begins at ``begun_ns``: steps of an earlier chord are void after those
    of a later one.
    """

    time_ns: int
    anchor: int
    value: int
    begun_ns: int

    def later(self, by_ns: int) -> "PedalStep":
        """Return the same ``by_ns`` later."""
        return self._replace(time_ns=self.time_ns + by_ns, begun_ns=self.begun_ns + by_ns)


@dataclass
class Rubato:
    """How far the performance is from the beat; ``bound_s`` is the most that a note is moved."""

    bound_s: float
    anchor: int = 0
    drift_s: float = 0.0  # positive: late
    tempo: float = math.nan  # the performer's, in log2 of seconds a quarter
    averaged_quarters: float = FIRST_QUARTERS  # that it is the mean of, until there are enough to forget the first ones
    last: Place | None = None  # of the chord before
    slower: float = 0.0  # from there on, in log2

    def perform(
        self, columns: np.ndarray, places: list[Place], played: list[int], expression: ColumnExpression, until_ns: int | None
    ) -> tuple[list[PerformedNote], list[PedalStep]]:
        """Return the performed notes and the pedal of notes in the order of a score, with these ``columns`` (n, 8) and ``played``
        velocities.

        ``until_ns`` is when the note after them begins, None if unknown. All times are those at which notes came in.
        """
        if math.isnan(self.tempo):
            self.tempo = float(columns[:, BEAT_PERIOD].mean())
        notes: list[PerformedNote] = []
        chords: list[tuple[int, np.ndarray]] = []  # when each is due, and its pedal's columns
        begins = [index for index in range(len(places)) if index == 0 or places[index].quarter > places[index - 1].quarter]
        for first, stop in pairwise([*begins, len(places)]):
            self._reach(places[first], float(columns[first:stop, BEAT_PERIOD].mean()), expression)
            rows = self._heard(columns[first:stop], played[first:stop], expression, places[first].time_ns)
            self.slower = float(np.nan_to_num(rows[:, BEAT_PERIOD].mean() - self.tempo))
            notes += [self._note(row) for row in rows]
            chords.append((places[first].time_ns + round(self._bounded(self.drift_s) * 1e9), rows[:, PEDAL:].mean(axis=0)))
        return notes, self._pedal(chords, places[-1].beat_ns, until_ns)

    def as_played(self, velocities: list[int]) -> np.ndarray:
        """Return the columns (n, 8) of notes without any expression; their tempo is NaN while none is known."""
        columns = np.zeros((len(velocities), COLUMNS))
        columns[:, BEAT_PERIOD] = self.tempo
        columns[:, VELOCITY] = np.array(velocities) / 127
        return columns

    def _reach(self, place: Place, period: float, expression: ColumnExpression) -> None:
        """Go on to the next chord, at ``place``."""
        if self.last is None:
            self.last = place
            return
        elapsed_s = max(place.time_ns - self.last.time_ns, 0) / 1e9
        quarters = max(place.quarter - self.last.quarter, 0.0)
        expression.pass_time(elapsed_s)
        gained_s = elapsed_s * (2.0**self.slower - 1)
        kept = math.exp(-elapsed_s / (CLOCKED_RETURN_S if place.clocked else RETURN_S))
        self.drift_s = min(max((self.drift_s + gained_s) * kept, -self.bound_s), self.bound_s)
        self._average_tempo(period, quarters, place.beat_ns / self.last.beat_ns)
        self.last = place

    def _average_tempo(self, period: float, quarters: float, longer: float) -> None:
        """Take into the mean what comes after so many quarters, of which the sender's are ``longer`` than before by a factor."""
        self.averaged_quarters += quarters
        share = max(-math.expm1(-quarters / TEMPO_QUARTERS), quarters / self.averaged_quarters)
        self.tempo += math.log2(longer)
        self.tempo += share * (period - self.tempo)

    def _heard(self, columns: np.ndarray, played: list[int], expression: ColumnExpression, time_ns: int) -> np.ndarray:
        """Return the columns with as much expression as the controls ask for; without any they are what was played, at ``time_ns``."""
        bounded = columns.copy()
        np.clip(bounded[:, PEDAL:], 0, 1, out=bounded[:, PEDAL:])
        written = self.as_played(played)
        heard = expression.apply(bounded, written)
        expression.keep_level(heard, written, time_ns)
        return heard

    def _note(self, row: np.ndarray) -> PerformedNote:
        velocity = min(max(round(127 * float(row[VELOCITY])), 1), 127)
        return PerformedNote(self._bounded(self.drift_s - float(row[TIMING])), velocity, 2.0 ** float(row[ARTICULATION]))

    def _bounded(self, shift_s: float) -> float:
        return self.bound_s * math.tanh(shift_s / self.bound_s)

    def _pedal(self, chords: list[tuple[int, np.ndarray]], beat_ns: float, until_ns: int | None) -> list[PedalStep]:
        """Return the steps from each chord to the next (see models.performance.representation); a bar after the last the pedal is up.

        The depth at the chord that follows the last is not known yet: until then the pedal keeps the depth between chords.
        """
        longest_ns = round(LAST_SPAN_QUARTERS * beat_ns)
        last_ns = chords[-1][0]
        ends = [time_ns for time_ns, _ in chords[1:]] + [last_ns + longest_ns if until_ns is None else max(until_ns, last_ns)]
        steps = []
        for (time_ns, pedal), end_ns, following in zip(chords, ends, [*(row for _, row in chords[1:]), None], strict=True):
            self.anchor += 1
            depth, between, change, back = np.clip(pedal, 0, 1).tolist()
            span_ns = min(max(end_ns - time_ns, 0), longest_ns)
            after = 0.0
            if following is None:
                back = 1.0
            else:
                after = float(np.clip(following[0], 0, 1))
            placed = [(0.0, depth), *span_steps(between, change, back, after)]
            steps += [PedalStep(time_ns + round(share * span_ns), self.anchor, round(127 * value), time_ns) for share, value in placed]
            steps.append(PedalStep(time_ns + longest_ns, self.anchor, 0, time_ns))
        return steps
