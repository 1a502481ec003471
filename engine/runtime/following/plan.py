"""What the accompanist has to play, in the order in which it comes: groups of notes that begin at one position."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.runtime.following.rendition import Rendition
from engine.runtime.following.solo import SAME_QUARTERS
from engine.score.piece import Piece

MOST_SHIFT_SEC = 0.05  # of a group from the beat, as the rendition has it
HINT_LOUDNESS = 0.5  # of the soloist's own part, as a share of what the performer would play


class PlannedNote(NamedTuple):
    """``after_sec`` behind the first of its group, to ``end_sec`` of the rendition. ``hint``: it is the soloist's own."""

    after_sec: float
    end_sec: float
    velocity: int
    pitch: int
    channel: int
    track: int
    hint: bool


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
    notes = rendition.notes if hints else rendition.notes[~solo[rendition.notes["note"]]]
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
        found.append(Group(x, quarter, shared, tuple(_planned(note, first_sec, bool(solo[note["note"]])) for note in notes[rows])))
    return sorted(found, key=lambda group: group.x)


def _planned(note: np.void, first_sec: float, hint: bool) -> PlannedNote:
    velocity = max(round(int(note["velocity"]) * (HINT_LOUDNESS if hint else 1)), 1)
    after_sec, end_sec = float(note["onset_sec"]) - first_sec, float(note["end_sec"])
    return PlannedNote(after_sec, end_sec, velocity, int(note["pitch"]), int(note["channel"]), int(note["track"]), hint)
