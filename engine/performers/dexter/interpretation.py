"""DExter's interpretation of a score: a worker computes its windows ahead, and their columns are decoded shortly before they are heard."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.performers.counts import WindowCounts
from engine.performers.dexter.controls import CONTROLS, SAMPLING, sampling_settings
from engine.performers.dexter.window_worker import Route, WindowWorker
from engine.performers.score_playing.expression import ColumnExpression
from engine.performers.score_playing.interpretation import Decided, PlannedBeat, planned_onsets
from engine.performers.score_playing.shaping.directions import Directions, Said, arpeggios
from engine.performers.score_playing.shaping.shaping import Shaping
from engine.performers.score_playing.shaping.tempo import Tempo, TempoDrift
from engine.score.piece import Piece
from engine.score.realisation.ornaments import roll_chords
from models.performance.decoder import PerformanceDecoder, beat_period
from models.performance.features import denormalise
from models.performance.representation import ARTICULATION, BEAT_PERIOD, PEDAL, PERFORMANCE_COLUMNS, TIMING, VELOCITY, find_anchors, settle

HORIZON_S = 1.0  # what is sent is known so long before
MARGIN_S = 0.05  # so long before a window is needed it is too late to wait for it
KEPT_ROWS = 24  # with fewer notes left, the next window is not sampled again for a changed control


class DexterInterpretation:
    """Follows the protocol of ``engine.performers.score_playing.interpretation``."""

    controls = CONTROLS

    def __init__(
        self,
        piece: Piece,
        score_columns: np.ndarray,
        written: np.ndarray,
        expected: np.ndarray,
        tempo: Tempo,
        shaping: Shaping,
        worker: WindowWorker,
        directions: Sequence[Said],
    ):
        """``score_columns`` (N, 37); ``written`` (N, 8): the columns of the notes as they are in the score; ``expected`` (N, 8): those that
        the model expects before it plays.

        Raises UsageError for directions of bars that the score does not have.
        """
        self.worker = worker
        self._score, self._notes, self._given = piece.score, piece.score.notes, tuple(directions)
        self._expected = expected
        self._score_columns, self._written = score_columns, written
        self._tempo, self._shaping = tempo, shaping
        self.direct(directions)
        self._expression = ColumnExpression({}, CONTROLS)
        self._forget()

    def _forget(self) -> None:
        self._first = 0
        self._rows = np.zeros((0, len(PERFORMANCE_COLUMNS)))  # that are to be decoded next
        self._decoder: PerformanceDecoder | None = None
        self._drift, self._anchor_note = TempoDrift(), 0  # the first note of the last anchor

    def reset(self, controls: Mapping[str, float]) -> None:
        self._expression = ColumnExpression(controls, CONTROLS)
        self.direct(self._given)
        self._forget()
        self.worker.begin(Route(0, len(self._notes)), self._settings())

    @property
    def counts(self) -> WindowCounts:
        return self.worker.counts

    def value(self, control: str) -> float:
        return self._expression.controls[control]

    def set_control(self, name: str, value: float) -> None:
        self._expression.controls[name] = value
        if name in SAMPLING:
            self.worker.change(self._settings(), keep=len(self._rows) < KEPT_ROWS)

    @property
    def directions(self) -> Sequence[Said]:
        return self._directed[0]

    def direct(self, directions: Sequence[Said]) -> None:
        score, said = self._score, tuple(directions)
        self._directed = said, self._shaping.directed(Directions(score, said) if said else None), arpeggios(score, said)

    def go(self, first: int, stop: int, loops: bool) -> None:
        self._forget()
        self.worker.begin(Route(first, stop, first if loops else None), self._settings())

    def leave_loop(self, stop: int) -> None:
        self.worker.leave_loop(stop)

    def begin(self, first: int, stop: int, begin_quarter: float, begin_sec: float) -> list[Decided] | None:
        if self._decoder is not None and first < self._first + self._decoder.next_note:  # again from the loop's beginning
            self._rows, self._decoder = self._rows[:0], None
        self._drift = TempoDrift()
        notes = self._notes[first:stop]
        size = int(np.searchsorted(find_anchors(notes["onset_quarter"])[1], 1))
        if not self._fill(size):
            return None
        columns = self._heard(first, size)
        before = (float(notes["onset_quarter"][0]) - begin_quarter) * beat_period(columns[:, BEAT_PERIOD].mean())
        self._first, self._decoder = first, PerformanceDecoder(notes, begin_sec + before)
        return self._decode(self._decoder, columns)

    @property
    def next_note(self) -> int:
        return self._decoder.next_note if self._decoder else 0

    @property
    def finished(self) -> bool:
        return self._decoder is not None and self._decoder.finished

    def time_at(self, quarter: float) -> float:
        return self._decoder.time_at(quarter) if self._decoder else 0.0

    def due_sec(self, speed: float) -> float:
        return self._decoder.complete_until_sec - HORIZON_S if self._decoder else math.inf

    def decide(self, now_sec: float, speed: float) -> list[Decided] | None:
        decoder = self._decoder
        if decoder is None:
            return None
        group = decoder.next_group
        size = group.stop - group.start
        while not self._fill(size):
            if decoder.complete_until_sec - MARGIN_S > now_sec:
                return None
            window = self.worker.carry()
            self._add_rows(window.first_note, window.columns)
        first, anchor = self._first + group.start, decoder.curve[-1]
        self._expression.pass_time(anchor.period * (float(self._notes["onset_quarter"][first]) - anchor.quarter))
        return self._decode(decoder, self._heard(first, size))

    def style_curve(self) -> None:
        return None

    def plan(self) -> Sequence[PlannedBeat]:
        onsets, expression, planned = self._notes["onset_quarter"], ColumnExpression(self._expression.controls, CONTROLS), []
        for rows in planned_onsets(onsets):
            begin = rows.start
            period = self._tempo.heard(float(self._expected[begin, BEAT_PERIOD]), begin, expression, TempoDrift())
            columns = self._directed[1].heard(self._expected[rows], self._written[rows], begin, period, expression)
            tempo = 60 / beat_period(columns[0, BEAT_PERIOD]) * self.value("tempo")
            planned.append(PlannedBeat(float(onsets[begin]), tempo, 127 * float(columns[:, VELOCITY].mean())))
        return planned

    def close(self) -> None:
        self.worker.close()

    def snapshot(self) -> Any:
        own = self._first, self._rows, self._decoder, self._expression, self._drift, self._anchor_note
        return copy.deepcopy(own), self._directed, self.worker.snapshot()

    def restore(self, snapshot: Any) -> None:
        own, self._directed, worker = snapshot
        self._first, self._rows, self._decoder, self._expression, self._drift, self._anchor_note = copy.deepcopy(own)
        self.worker.restore(worker)

    def _settings(self) -> Any:
        return sampling_settings(self._expression.controls)

    def _fill(self, count: int) -> bool:
        """Take windows until the columns of ``count`` more notes are there; return whether they are."""
        while len(self._rows) < count:
            window = self.worker.take()
            if window is None:
                return False
            self._add_rows(window.first_note, window.columns)
        return True

    def _add_rows(self, first: int, columns: np.ndarray) -> None:
        rows = denormalise(columns, self._score_columns[first : first + len(columns)])
        np.clip(rows[:, PEDAL:], 0, 1, out=rows[:, PEDAL:])  # so that half the expression is half the depth
        self._rows = np.concatenate([self._rows, rows])

    def _heard(self, first: int, size: int) -> np.ndarray:
        """Return the columns (size, 8) of the notes from ``first`` on, as controls and rules make of the model's."""
        columns, written = self._rows[:size], self._written[first : first + size]
        period = self._tempo.heard(float(columns[:, BEAT_PERIOD].mean()), first, self._expression, self._drift)
        return self._directed[1].heard(columns, written, first, period, self._expression)

    def _decode(self, decoder: PerformanceDecoder, columns: np.ndarray) -> list[Decided]:
        self._rows = self._rows[len(columns) :]
        first = self._first + decoder.next_note
        before = decoder.curve[-1] if decoder.curve else None
        rows = slice(first, first + len(columns))
        decoded = decoder.decode(as_played(columns, self._notes[rows], self._directed[2][rows]))
        anchor = decoder.curve[-1]
        if before:
            own_s = (anchor.time_sec - before.time_sec) * 2.0 ** -self._directed[1].slower(self._anchor_note)  # a direction is no drift
            self._tempo.passed(self._drift, self._anchor_note, anchor.quarter - before.quarter, own_s, self._expression)
        self._anchor_note = first
        return [*decoded, anchor]


def as_played(columns: np.ndarray, notes: np.ndarray, arpeggios: np.ndarray) -> np.ndarray:
    """Return the columns (n, 8) of notes (n,) with beats on time and chords under arpeggio signs rolled."""
    columns = settle(columns, notes)
    if not arpeggios.any():
        return columns
    durations_s = notes["duration_quarter"] * np.exp2(columns[:, BEAT_PERIOD] + columns[:, ARTICULATION])
    columns[:, TIMING] = -roll_chords(notes, arpeggios, -columns[:, TIMING], durations_s)
    return columns
