"""How long notes are held on instruments that are no pianos. What is learnt of lengths is a pianist's touch, which the pedal joins.

These are rules. Staccato, staccatissimo and portato stay around the half, third and two thirds at which notation programs play them.
"""

from collections.abc import Sequence

import numpy as np

from engine.midi.general_midi import Instrument, Lengths
from engine.score.tables import Score
from models.performance.representation import ARTICULATION, BEAT_PERIOD

SHARE = 0.25  # of a pianist's shortening, log2: three quarters of it are left to the pedal
LEAST_UNMARKED, LEAST_TENUTO = 0.6, 0.9  # of the written length
LONGEST_GAP_S = 0.1  # that an unmarked note leaves before the next: a bow's change, a breath or a tongue takes no longer
STACCATO, STACCATISSIMO, PORTATO = (0.25, 0.6), (0.15, 0.4), (0.5, 0.8)  # of the written length, within which the touch stays
OVERLAP_S = 0.02  # of slurred notes, so that an instrument that joins notes hears that they are joined
SHORTEST_WRITTEN_S = 2 * LONGEST_GAP_S


class Articulation:
    """The lengths of the notes of a score by instrument and marks."""

    def __init__(self, score: Score, instruments: Sequence[Instrument]):
        sustained, short, marks = _of(instruments, Lengths.SUSTAINED), _short(score), score.markings
        self._written = _of(instruments, Lengths.WRITTEN)
        self._slurred = sustained & marks["slurred"] & ~short
        self._plain = sustained & ~short & ~self._slurred
        self._quarters = score.notes["duration_quarter"]
        self._least = np.log2(np.where(marks["tenuto"], LEAST_TENUTO, LEAST_UNMARKED))
        self._bounds = np.full((len(instruments), 2), (-np.inf, np.inf))
        for chosen, bounds in (
            (marks["staccato"], STACCATO),
            (marks["staccato"] & (marks["slurred"] | marks["tenuto"]), PORTATO),
            (marks["staccatissimo"], STACCATISSIMO),
        ):
            self._bounds[sustained & chosen] = np.log2(bounds)
        self._any = bool((self._written | sustained).any())

    def apply(self, columns: np.ndarray, first: int) -> np.ndarray:
        """Return the columns (n, 8) of the notes from ``first`` on with lengths as their instruments have them."""
        if not self._any:
            return columns
        rows = slice(first, first + len(columns))
        touch, written_s = columns[:, ARTICULATION], self._quarters[rows] * np.exp2(columns[:, BEAT_PERIOD])
        without_gap = np.log2(1 - LONGEST_GAP_S / np.maximum(written_s, SHORTEST_WRITTEN_S))
        plain = np.clip(SHARE * touch, np.maximum(self._least[rows], without_gap), 0)
        held = np.clip(np.where(self._plain[rows], plain, touch), *self._bounds[rows].T)
        shaped = columns.copy()
        shaped[:, ARTICULATION] = np.where(self._written[rows] | self._slurred[rows], 0.0, held)
        return shaped


def followers(score: Score, instruments: Sequence[Instrument]) -> dict[int, int]:
    """Return the note that each slurred note of an instrument that holds its tone reaches: the next of its part and voice."""
    slurred = _of(instruments, Lengths.SUSTAINED) & score.markings["slurred"] & ~_short(score)
    notes = score.notes
    beginning: dict[tuple[int, int, int], int] = {}
    places = zip(notes["part"].tolist(), notes["voice"].tolist(), _place(notes["onset_quarter"]), strict=True)
    for row, place in enumerate(places):
        beginning.setdefault(place, row)
    ends = _place(notes["onset_quarter"] + notes["duration_quarter"])
    found = {}
    for row in np.flatnonzero(slurred & ~notes["is_grace"]).tolist():
        following = beginning.get((int(notes["part"][row]), int(notes["voice"][row]), ends[row]))
        if following is not None:
            found[row] = following
    return found


def _of(instruments: Sequence[Instrument], lengths: Lengths) -> np.ndarray:
    return np.array([instrument.lengths is lengths for instrument in instruments], dtype=bool)


def _short(score: Score) -> np.ndarray:
    short: np.ndarray = score.markings["staccato"] | score.markings["staccatissimo"]
    return short


def _place(quarters: np.ndarray) -> list[int]:
    """Return positions that can be compared."""
    return np.rint(quarters * 10_000).astype(int).tolist()
