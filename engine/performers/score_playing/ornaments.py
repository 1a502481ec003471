"""Ornaments and tremolos while they are played: the networks perform a note of the printed score, which then sounds as several.

All of these have the printed note's velocity and its distance from the tempo curve, and each has its own place on that curve, so that a
trill slows down with the beat.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from engine.score.piece import Piece
from engine.score.realisation.swing import delays
from models.performance.decoder import DecodedEnd

NEIGHBOUR_LOUDNESS = 0.85  # of the notes beside the printed one, as a share of its velocity


class Step(NamedTuple):
    """A later note of an ornament or a tremolo that is yet to be placed."""

    quarter: float
    row: int  # of the score as it is played
    before: tuple[int, ...]  # the rows that end when it begins
    note: int  # of the printed score
    shift_sec: float  # behind the tempo curve
    velocity: int


class PlayedNotes:
    """Maps the notes of the printed score to rows of the score as it is played."""

    def __init__(self, piece: Piece):
        played, source = piece.played
        notes = played.notes
        self.count = len(notes)
        self.keys: list[tuple[int, int, int]] = list(  # channel, pitch and track of each row
            zip(piece.channels[source].tolist(), notes["pitch"].tolist(), piece.tracks[source].tolist(), strict=True)
        )
        printed = piece.score.notes
        self._printed: list[float] = printed["onset_quarter"].tolist()
        late = delays(piece.score, printed["onset_quarter"], printed["part"])
        self._quarters: list[float] = (notes["onset_quarter"] + late[source]).tolist()  # where swing has them
        ends = printed["onset_quarter"] + printed["duration_quarter"]
        self._ends: list[float] = ends.tolist()
        self._ends_late: list[float] = delays(piece.score, ends, printed["part"]).tolist()
        self._equally_loud: list[bool] = (piece.score.markings["tremolo"] > 0).tolist()
        self._pitches: list[int] = piece.score.notes["pitch"].tolist()
        order = np.argsort(source, kind="stable")
        bounds = np.searchsorted(source[order], np.arange(len(piece.score.notes) + 1)).tolist()
        rows = order.tolist()
        self._rows = [rows[begin:end] for begin, end in zip(bounds[:-1], bounds[1:], strict=True)]

    def first(self, note: int) -> int:
        return self._rows[note][0]

    def quarter(self, note: int) -> float:
        """Return where the note begins: as swing has it, a little after where it is printed."""
        return self._quarters[self.first(note)]

    def begun_sec(self, note: int, time_sec: float, time_at: Callable[[float], float]) -> float:
        """Return when the note begins, if it would at ``time_sec`` without swing; ``time_at`` has the times of positions."""
        printed, swung = self._printed[note], self.quarter(note)
        return time_sec + time_at(swung) - time_at(printed) if swung > printed else time_sec

    def ended_sec(self, first: int, ended: DecodedEnd, time_at: Callable[[float], float]) -> float:
        """Return when a note, counted from the note ``first``, ends with swing."""
        end, late = self._ends[first + ended.note], self._ends_late[first + ended.note]
        return ended.time_sec + time_at(end + late) - time_at(end) if late else ended.time_sec

    def last(self, note: int) -> list[int]:
        """Return the rows that end with the note: those that begin last."""
        rows = self._rows[note]
        return [row for row in rows if self._quarters[row] == self._quarters[rows[-1]]]

    def velocity(self, note: int, row: int, velocity: int) -> int:
        """Return the velocity of a row whose printed note has ``velocity``."""
        alike = self.keys[row][1] == self._pitches[note] or self._equally_loud[note]
        return velocity if alike else max(round(NEIGHBOUR_LOUDNESS * velocity), 1)

    def steps(self, note: int, shift_sec: float, velocity: int) -> list[Step]:
        """Return the notes that follow the first row, in order; none for most notes."""
        steps: list[Step] = []
        sounding: list[int] = []
        for before, row in pairwise(self._rows[note]):
            sounding.append(before)
            quarter = self._quarters[row]
            ended = tuple(sounding) if quarter > self._quarters[before] else ()
            steps.append(Step(quarter, row, ended, note, shift_sec, self.velocity(note, row, velocity)))
            if ended:
                sounding = []
        return steps
