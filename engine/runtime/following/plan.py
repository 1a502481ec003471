"""What the accompanist has to play, in the order in which it comes: groups of notes that begin at one position."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.runtime.following.rendition import Rendition
from engine.runtime.following.solo import SAME_QUARTERS
from engine.score.piece import Piece

MOST_SHIFT_SEC = 0.05  # of a group from the beat, as the rendition has it
AROUND_QUARTERS = 1.0  # over which the rendition's loudness is taken
HINT_LOUDNESS = 0.5  # of the soloist's own part, as a share of what the performer would play


class PlannedNote(NamedTuple):
    """``after_sec`` behind the first of its group, to ``end_sec`` of the rendition. ``hint``: it is the soloist's own.

    ``solo_velocity``: how loud the soloist is where this is so loud, judged by the notes around it and by what both have on average.
    """

    after_sec: float
    end_sec: float
    velocity: int
    pitch: int
    channel: int
    track: int
    hint: bool
    solo_velocity: float


@dataclass(frozen=True)
class Group:
    """Notes that are due at ``x`` of the rendition; ``shared``: the soloist begins notes there as well."""

    x: float
    quarter: float
    shared: bool
    notes: tuple[PlannedNote, ...]


def plan_groups(piece: Piece, rendition: Rendition, solo: np.ndarray, hints: bool) -> list[Group]:
    """Return the groups by ``x``; ``solo`` (N,) says which notes of the printed score are the soloist's, which are played as ``hints``.

    Grace notes are groups of their own, for it is the main note that meets.
    """
    chosen = hints | ~solo[rendition.notes["note"]]
    notes, solo_velocities = rendition.notes[chosen], _solo_velocities(rendition, solo)[chosen]
    printed = piece.score.notes[notes["note"]]
    beats = np.unique(np.round(piece.score.notes["onset_quarter"][solo & ~piece.score.notes["is_grace"]], 4))
    keys = np.round(notes["onset_quarter"], 4) - np.where(printed["is_grace"], SAME_QUARTERS / 2, 0.0)
    found = []
    for key in np.unique(keys).tolist():
        rows = np.flatnonzero(keys == key)
        grace, quarter = bool(printed["is_grace"][rows[0]]), float(notes["onset_quarter"][rows[0]])
        first_sec, beat_sec = float(notes["onset_sec"][rows].min()), float(rendition.time_at(np.array([quarter]))[0])
        shared = not grace and bool(np.isclose(beats, quarter, atol=SAME_QUARTERS).any())
        x = first_sec if grace else beat_sec if shared else float(np.clip(first_sec, beat_sec - MOST_SHIFT_SEC, beat_sec + MOST_SHIFT_SEC))
        planned = (_planned(notes[row], first_sec, bool(solo[notes["note"][row]]), float(solo_velocities[row])) for row in rows)
        found.append(Group(x, quarter, shared, tuple(planned)))
    return sorted(found, key=lambda group: group.x)


def _solo_velocities(rendition: Rendition, solo: np.ndarray) -> np.ndarray:
    """Return for each note (N,) of a rendition how loud its soloist would be at a moment at which its part is as loud as around it."""
    notes = rendition.notes
    of_soloist, found = solo[notes["note"]], np.zeros(len(notes))
    if not len(notes):
        return found
    mean = float(notes["velocity"][of_soloist].mean()) if of_soloist.any() else float(notes["velocity"].mean())
    for part in (of_soloist, ~of_soloist):
        rows = np.flatnonzero(part)[np.argsort(notes["onset_quarter"][part], kind="stable")]
        quarters, sums = notes["onset_quarter"][rows], np.concatenate([[0], np.cumsum(notes["velocity"][rows])])
        reach = AROUND_QUARTERS + SAME_QUARTERS
        first, last = np.searchsorted(quarters, quarters - reach), np.searchsorted(quarters, quarters + reach)
        if len(rows):
            found[rows] = (sums[last] - sums[first]) / (last - first) - sums[-1] / len(rows) + mean
    return found


def _planned(note: np.void, first_sec: float, hint: bool, solo_velocity: float) -> PlannedNote:
    velocity = max(round(int(note["velocity"]) * (HINT_LOUDNESS if hint else 1)), 1)
    after_sec, end_sec = float(note["onset_sec"]) - first_sec, float(note["end_sec"])
    return PlannedNote(after_sec, end_sec, velocity, int(note["pitch"]), int(note["channel"]), int(note["track"]), hint, solo_velocity)
