"""What the accompanist hears: the follower's answer, whether it is to be believed, and how loud the soloist plays."""

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from engine.runtime.following.follower import Follower, Heard
from engine.runtime.following.rendition import Rendition
from engine.runtime.following.solo import SAME_QUARTERS, Solo, solo_of
from engine.score.piece import Piece

LEAST_PROBABILITY = 0.5
RECENT, LEAST_HITS = 12, 0.6  # of so many strokes this share must belong to where the soloist is thought to be
FIRST_STATES = 4  # a soloist who begins at the beginning is believed at once
LOST_AFTER, LOST_SEC = 16, 3.0  # strokes, and how long, that are not believed, until the soloist is lost: few chords are many strokes
TELL_APART_STROKES, TELL_APART = 8, 8.0  # from when on a part is chosen, and by how much likelier it must be (logarithm)
ENTRY_QUARTERS = 2.0  # an onset after so long a rest is an entry
_CHANGING = ("_expected", "_strokes", "_doubted", "_believed_sec", "_doubted_sec", "_probability", "_last", "level", "velocity")


class Beat(NamedTuple):
    """The soloist is at an onset: its number, whether it was just begun, and what is known of the tempo."""

    heard: Heard
    begins: bool


class Listener:
    """Follows a soloist who plays the notes ``rows`` (N,) of a piece."""

    def __init__(self, piece: Piece, rendition: Rendition, rows: np.ndarray):
        self.rows = rows
        self.solo: Solo = solo_of(piece.score, rows, rendition.time_at)
        self.entries = entries(piece, rows, self.solo.onsets)
        self._follower, self._level_strokes = Follower(self.solo), rendition.bending.strokes
        mine = rendition.notes[rows[rendition.notes["note"]]]
        self._velocities: Mapping[tuple[float, int], int] = {
            (round(quarter, 3), pitch): velocity
            for quarter, pitch, velocity in zip(
                mine["onset_quarter"].tolist(), mine["pitch"].tolist(), mine["velocity"].tolist(), strict=True
            )
        }
        self.expect(0)

    def expect(self, state: int) -> None:
        """Wait for the soloist at an onset, or anywhere."""
        self._follower.expect(state)
        self._expected = state
        self._hits: deque[bool] = deque(maxlen=RECENT)
        self._strokes = self._doubted = 0
        self._probability = 0.0
        self._believed_sec = self._doubted_sec = 0.0  # the first stroke that is doubted since one was believed, and how long ago it was
        self._last = -1
        self.level = 0.0  # by how many velocity steps the soloist plays louder than in the rendition
        self.velocity: float | None = None  # of the soloist's last strokes

    def loop(self, begin_quarter: float, end_quarter: float) -> None:
        """Expect the soloist to play from one position to another again and again; nothing between them: not any more."""
        first, stop = np.searchsorted(self.solo.onsets, (begin_quarter - SAME_QUARTERS, end_quarter - SAME_QUARTERS)).tolist()
        self._follower.loop = (stop - 1, first) if first < stop else None

    @property
    def evidence(self) -> float:
        return self._follower.evidence

    @property
    def confidence(self) -> float:
        """How sure the place is, 0 to 1: its probability, and the share of the last strokes that belong where the soloist was thought."""
        return self._probability * sum(self._hits) / len(self._hits) if self._hits else 0.0

    @property
    def lost(self) -> bool:
        """Whether what is played is not found in the score."""
        return self._doubted >= LOST_AFTER and self._doubted_sec >= LOST_SEC

    def hear(self, time_sec: float, pitch: int, velocity: int) -> Beat | None:
        """Return where the soloist is, None as long as that is not believed."""
        heard = self._follower.hear(time_sec, pitch)
        self._strokes += 1
        if not self._doubted:
            self._believed_sec = time_sec
        self._doubted_sec = time_sec - self._believed_sec
        self._hits.append(heard.hit)
        self._probability = heard.probability
        at_beginning = self._strokes <= FIRST_STATES and 0 <= heard.state - self._expected < FIRST_STATES
        sure = heard.probability >= LEAST_PROBABILITY and len(self._hits) >= FIRST_STATES
        if not heard.hit or not (at_beginning or (sure and sum(self._hits) >= LEAST_HITS * len(self._hits))):
            self._doubted += not (at_beginning or (heard.hit and sure))
            return None
        self._doubted = 0
        expected = self._velocities.get((round(heard.quarter, 3), pitch))
        if expected:
            self.level += (velocity - expected - self.level) / self._level_strokes
            self.velocity = velocity if self.velocity is None else self.velocity + (velocity - self.velocity) / self._level_strokes
        begins = heard.state != self._last and not self.solo.graced[heard.state, pitch]
        if begins:
            self._last = heard.state
        return Beat(heard, begins)

    def snapshot(self) -> Any:
        return {name: getattr(self, name) for name in _CHANGING}, tuple(self._hits), self._follower.snapshot()

    def restore(self, snapshot: Any) -> None:
        own, hits, follower = snapshot
        vars(self).update(own)
        self._hits = deque(hits, maxlen=RECENT)
        self._follower.restore(follower)


def told_apart(listeners: Mapping[str, Listener], strokes: int) -> str | None:
    """Return the part that is played, by its name, None as long as another one may be."""
    if strokes < TELL_APART_STROKES:
        return None
    ranked = sorted(listeners, key=lambda name: listeners[name].evidence, reverse=True)
    best = ranked[0]
    if len(ranked) > 1 and listeners[best].evidence - listeners[ranked[1]].evidence < TELL_APART:
        return None
    return best if listeners[best].confidence >= LEAST_PROBABILITY else None  # of another piece each part is unlikely


def entries(piece: Piece, rows: np.ndarray, onsets: np.ndarray) -> list[bool]:
    """Return for each of the soloist's ``onsets`` whether it is an entry, or follows a fermata: where one may wait."""
    notes = piece.score.notes
    state = np.searchsorted(onsets, notes["onset_quarter"][rows] - SAME_QUARTERS)
    sounding = np.zeros(len(onsets))
    np.maximum.at(sounding, state, (notes["onset_quarter"] + notes["duration_quarter"])[rows])
    ends = np.maximum.accumulate(sounding)
    held = np.zeros(len(onsets), dtype=bool)
    held[state] |= piece.score.markings["fermata"][rows]
    found = np.ones(len(onsets), dtype=bool)
    found[1:] = (onsets[1:] - ends[:-1] >= ENTRY_QUARTERS) | held[:-1]
    return found.tolist()
