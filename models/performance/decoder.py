"""Performance columns to notes and pedal as they come: ``representation.decode_performance`` note by note. NumPy only.

The end of a note depends on the tempo under the whole note, so it is known later than its beginning. Everything before
``complete_until_sec`` has been returned.
"""

import math
from typing import NamedTuple

import numpy as np

from models.performance.pedal import span_steps
from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    GRACE_NOTE_QUARTERS,
    LAST_SPAN_QUARTERS,
    LONGEST_BEAT_PERIOD_S,
    PEDAL,
    PEDAL_RETURN,
    SAME_POSITION_QUARTERS,
    SHORTEST_BEAT_PERIOD_S,
    TIMING,
    VELOCITY,
    find_anchors,
)

EARLIEST_S = 1.0  # before its place on the tempo curve; an earlier note, which no pianist plays, begins then
_LOWEST, _HIGHEST = math.log2(SHORTEST_BEAT_PERIOD_S), math.log2(LONGEST_BEAT_PERIOD_S)


class DecodedNote(NamedTuple):
    """A note begins; ``note`` counts from the first one of the decoder."""

    time_sec: float
    note: int
    velocity: int


class DecodedEnd(NamedTuple):
    """A note ends."""

    time_sec: float
    note: int


class DecodedPedal(NamedTuple):
    """The pedal's value, 0 to 127, from this time on."""

    time_sec: float
    value: int


Decoded = DecodedNote | DecodedEnd | DecodedPedal


class Anchor(NamedTuple):
    """A point of the tempo curve; ``period`` is in seconds a quarter from there on."""

    quarter: float
    time_sec: float
    period: float


class _Held(NamedTuple):
    """A note whose end is not known yet."""

    end_quarter: float
    note: int
    onset_sec: float
    written_onset_sec: float  # on the tempo curve
    stretch: float


def beat_period(log_period: float) -> float:
    """Return the seconds a quarter of a beat_period column, clipped to the allowed range."""
    return float(2.0 ** min(max(log_period, _LOWEST), _HIGHEST))


class PerformanceDecoder:
    """Decodes the columns of a score's notes in order, from the first or from any later note on."""

    def __init__(self, notes: np.ndarray, start_sec: float = 0.0):
        """``notes`` are sorted by onset, at least one; ``start_sec`` is the time of the first anchor."""
        self._onsets: list[float] = notes["onset_quarter"].tolist()
        lengths = np.where(notes["duration_quarter"] > 0, notes["duration_quarter"], GRACE_NOTE_QUARTERS)
        self._ends: list[float] = (notes["onset_quarter"] + lengths).tolist()
        anchors, groups = find_anchors(notes["onset_quarter"])
        self._anchors: list[float] = anchors.tolist()
        self._group_stops: list[int] = np.append(np.flatnonzero(np.diff(groups)) + 1, len(notes)).tolist()
        written_end = float(np.max(notes["onset_quarter"] + notes["duration_quarter"]))
        self._end_quarter = max(written_end, self._anchors[-1] + LAST_SPAN_QUARTERS)
        self._start_sec = start_sec
        self._group = 0  # the next to be decoded
        self._held: list[_Held] = []
        self._span = (0.0, 0.0, 0.0)  # the pedal's columns of the last anchor but for its depth
        self._pedal_value = 0
        self._step: tuple[float, int] | None = None  # the last step of the pedal, which another at the same time may replace
        self.curve: list[Anchor] = []
        self.complete_until_sec = -math.inf

    @property
    def next_note(self) -> int:
        return self._group_stops[self._group - 1] if self._group else 0

    @property
    def next_group(self) -> slice:
        """The notes whose columns ``decode`` takes next; they have an anchor in common."""
        return slice(self.next_note, self._group_stops[self._group])

    @property
    def finished(self) -> bool:
        return self._group == len(self._anchors)

    def time_at(self, quarter: float) -> float:
        """Return the time of a position at or after the last decoded anchor or before the first, with the beat period there."""
        anchor = self.curve[0] if quarter < self.curve[0].quarter else self.curve[-1]
        return anchor.time_sec + anchor.period * (quarter - anchor.quarter)

    def decode(self, columns: np.ndarray) -> list[Decoded]:
        """Take the columns (n, 8) of ``next_group``; return all events that they decide, in no particular order."""
        first, stop = self.next_note, self._group_stops[self._group]
        rows: list[list[float]] = columns.tolist()
        mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        self.curve.append(self._next_anchor(mean[BEAT_PERIOD]))
        found: list[Decoded] = []
        for note, row in zip(range(first, stop), rows, strict=True):
            written = self.time_at(self._onsets[note])
            onset = max(written - row[TIMING], self.complete_until_sec)
            velocity = min(max(round(127 * row[VELOCITY]), 1), 127)
            found.append(DecodedNote(onset, note, velocity))
            self._held.append(_Held(self._ends[note], note, onset, written, 2.0 ** row[ARTICULATION]))
        found += self._pedal_span(mean[PEDAL : PEDAL_RETURN + 1])
        self._group += 1
        found += self._known_ends()
        if self.finished:
            found += self._last_span()
        self._advance()
        return found

    def _next_anchor(self, log_period: float) -> Anchor:
        quarter = self._anchors[self._group]
        time_sec = self.time_at(quarter) if self.curve else self._start_sec
        return Anchor(quarter, time_sec, beat_period(log_period))

    def _known_quarter(self) -> float:
        """Return the position up to which the tempo is known."""
        return math.inf if self.finished else self._anchors[self._group]

    def _known_ends(self) -> list[DecodedEnd]:
        known = self._known_quarter() + SAME_POSITION_QUARTERS
        ended = [held for held in self._held if held.end_quarter <= known]
        self._held = [held for held in self._held if held.end_quarter > known]
        return [
            DecodedEnd(held.onset_sec + held.stretch * (self.time_at(held.end_quarter) - held.written_onset_sec), held.note)
            for held in ended
        ]

    def _advance(self) -> None:
        """Update ``complete_until_sec``: later notes begin after it, and held notes cannot end before it."""
        if self.finished:
            self.complete_until_sec = math.inf
            return
        known = self._known_quarter()
        time_sec = self.time_at(known)
        until = min(time_sec - EARLIEST_S, self.curve[-1].time_sec)  # the pedal's way from this anchor on is not known
        for held in self._held:
            least = time_sec - held.written_onset_sec + (held.end_quarter - known) * SHORTEST_BEAT_PERIOD_S
            until = min(until, held.onset_sec + held.stretch * least)
        self.complete_until_sec = max(until, self.complete_until_sec)

    def _pedal_span(self, pedal: list[float]) -> list[DecodedPedal]:
        """Take an anchor's pedal columns; return the pedal's steps in the span before it, and to its depth."""
        depth, between, change, back = (min(max(value, 0.0), 1.0) for value in pedal)
        time_sec = self.curve[-1].time_sec
        found = self._span_to(time_sec, depth) if self._group else []
        self._span = between, change, back
        return found + self._put_step(time_sec, depth)

    def _span_to(self, end_sec: float, after: float) -> list[DecodedPedal]:
        between, change, back = self._span
        begin_sec = self.curve[-1 if self.finished else -2].time_sec
        length = end_sec - begin_sec
        steps = span_steps(between, change, back, after)
        return [step for share, value in steps for step in self._put_step(begin_sec + share * length, value)]

    def _last_span(self) -> list[DecodedPedal]:
        end_sec = self.time_at(self._end_quarter)
        return [*self._span_to(end_sec, 0.0), *self._put_step(end_sec, 0.0), *self._put_step(math.inf, 0.0)]

    def _put_step(self, time_sec: float, depth: float) -> list[DecodedPedal]:
        """Keep a step; return the one before it unless this one replaces it or it changes nothing."""
        before, self._step = self._step, (time_sec, round(127 * depth))
        if before is None or before[0] >= time_sec or before[1] == self._pedal_value:
            return []
        self._pedal_value = before[1]
        return [DecodedPedal(*before)]
