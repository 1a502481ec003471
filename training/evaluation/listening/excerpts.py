"""Excerpts of held-out pieces to listen to: the same bars and the same notes of a human, of a performer and of the score as written.

An alignment has one note where a performance has a trill or a tremolo, and a score as written has no length for a grace note. Bars with
any of these are left out, as they would tell at once who plays. So are, from all, the few notes that the human did not play.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from engine.base.errors import UsageError
from engine.midi.events import SUSTAIN_PEDAL
from models.performance.representation import SAME_POSITION_QUARTERS, Performed
from training.datasets.asap import work_of
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE
from training.evaluation.expressiveness.pieces import HeldOutPiece

LEAST_PLAYED = 0.95  # of the notes, by the human
MOST_OFF = 0.25  # of the length that is asked for, as the human plays it


class Excerpt(NamedTuple):
    """Measures ``first`` to ``last`` (rows of the score's table) of a piece; ``human`` is the number of the one who plays them.

    ``rows`` are the notes that are heard, ``after`` the notes on the downbeat that follows, with which the excerpt ends.
    """

    piece: HeldOutPiece
    human: int
    first: int
    last: int
    rows: np.ndarray
    after: np.ndarray

    @property
    def printed(self) -> set[tuple[str, str]]:
        """The notes as they are printed, whichever repeat of them is played: piece and identifier."""
        return {(self.piece.name, name.rpartition("-")[0] or name) for name in self.piece.notes["id"][self.rows].tolist()}


class Take(NamedTuple):
    """A performance of an excerpt from its first note on: ``notes`` (NOTE_DTYPE), ``pedals`` (PEDAL_DTYPE), ``seconds`` to its end."""

    notes: np.ndarray
    pedals: np.ndarray
    seconds: float


def draw_excerpts(pieces: Sequence[HeldOutPiece], count: int, seconds: float, random: np.random.Generator) -> list[Excerpt]:
    """Return ``count`` excerpts of about ``seconds``, of one piece after the other in an order at random, and then of each once more.

    A piece has one edition, and no note is in two excerpts. Raises UsageError when there are not so many.
    """
    editions: dict[str, list[HeldOutPiece]] = {}
    for piece in pieces:
        editions.setdefault(work_of(piece.name), []).append(piece)
    chosen = [each[random.integers(len(each))] for each in editions.values()]
    to_draw = [_each_at_random(chosen[index], seconds, random) for index in random.permutation(len(chosen))]
    drawn: list[Excerpt] = []
    while to_draw and len(drawn) < count:
        excerpts = to_draw.pop(0)
        new = next((each for each in excerpts if all(each.printed.isdisjoint(other.printed) for other in drawn)), None)
        if new:
            drawn.append(new)
            to_draw.append(excerpts)
    if len(drawn) < count:
        held = f"the pieces have {len(drawn)} of about {seconds:g} s without ornaments"
        raise UsageError(f"--excerpts {count}: {held}; give fewer, or other --seconds")
    return drawn


def _each_at_random(piece: HeldOutPiece, seconds: float, random: np.random.Generator) -> Iterator[Excerpt]:
    for human in random.permutation(len(piece.humans)).tolist():
        found = find_excerpts(piece, human, seconds)
        yield from (found[index] for index in random.permutation(len(found)))


def find_excerpts(piece: HeldOutPiece, human: int, seconds: float) -> list[Excerpt]:
    """Return all excerpts that a human plays in about ``seconds``, those of each first measure that come nearest to it."""
    notes, markings, measures = piece.notes, piece.score.markings, piece.score.measures
    onset_sec = piece.humans[human].onset_sec
    played = np.isfinite(onset_sec)
    plain = ~(notes["is_grace"] | markings["ornament"] | (markings["tremolo"] > 0))
    downbeats, tolerance = measures["onset_quarter"], SAME_POSITION_QUARTERS
    begin, end = (np.searchsorted(notes["onset_quarter"], downbeats + shift) for shift in (-tolerance, tolerance))
    on_beat = [np.arange(low, high)[played[low:high]] for low, high in zip(begin, end, strict=True)]
    times = np.array([onset_sec[rows].min(initial=np.inf) for rows in on_beat])
    times[~np.isfinite(times)] = np.nan
    found = []
    for first in np.flatnonzero(np.isfinite(times[:-1])).tolist():
        off = np.abs(times[first + 1 :] - times[first] - seconds)
        last = first + int(np.argmin(np.where(np.isnan(off), np.inf, off)))
        rows = np.arange(begin[first], begin[last + 1])
        if off[last - first] <= MOST_OFF * seconds and plain[rows].all() and played[rows].mean() >= LEAST_PLAYED:
            found.append(Excerpt(piece, human, first, last, rows[played[rows]], on_beat[last + 1]))
    return found


def cut(excerpt: Excerpt, performed: Performed) -> Take:
    """Return an excerpt of a performance of its piece. What is held at the end is let go there, the pedal too."""
    rows = excerpt.rows
    onset_sec = performed.onset_sec[rows]
    begin = onset_sec.min()
    seconds = max(performed.onset_sec[excerpt.after].min(), onset_sec.max()) - begin
    notes = np.zeros(len(rows), NOTE_DTYPE)
    notes["onset_sec"], notes["pitch"], notes["velocity"] = onset_sec - begin, excerpt.piece.notes["pitch"][rows], performed.velocity[rows]
    notes["duration_sec"] = np.minimum(performed.duration_sec[rows], seconds - notes["onset_sec"])
    times, values = performed.pedal
    first, last = max(int(np.searchsorted(times, begin, side="right")) - 1, 0), int(np.searchsorted(times, begin + seconds))
    pedals = np.zeros(max(last - first, 0) + 1, PEDAL_DTYPE)
    pedals["number"] = SUSTAIN_PEDAL
    pedals["time_sec"] = np.append(np.maximum(times[first:last] - begin, 0), seconds)
    pedals["value"][:-1] = values[first:last]
    return Take(notes, pedals, float(seconds))
