"""How far a part of a beat may stray: what the earlier parts have not taken of the beat's bound is left to the later ones."""

import math
from dataclasses import dataclass

import numpy as np

from engine.performers.score_playing.shaping.bounds import MOST_STRAYED
from engine.score.tables import Score
from engine.score.tempo import beat_quarters
from models.performance.representation import SAME_POSITION_QUARTERS

MOST_OF_A_PART = 2 * MOST_STRAYED  # octaves: about what a quarter's last sixteenth may after three that do not stray


@dataclass
class BeatSoFar:
    """Where the beat that is being played begins, and the quarters at its surroundings' tempo that it has lasted: a stream's state."""

    begin: float = math.nan
    spent: float = 0.0


class BeatBounds:
    """The bounds of the parts of beats, between anchors of the tempo curve; immutable."""

    def __init__(self, score: Score, anchors: np.ndarray):
        """``anchors`` (K,): their positions in quarters, in order."""
        begins, lengths = _beats(score, anchors)
        following = np.append(anchors[1:], np.inf)
        self._within: list[bool] = (following <= begins + lengths + SAME_POSITION_QUARTERS).tolist()
        self._begins: list[float] = np.append(begins, np.inf).tolist()
        self._lengths: list[float] = lengths.tolist()
        self._anchors: list[float] = anchors.tolist()

    def most_slower(self, anchor: int, beat: BeatSoFar) -> float:
        """Return by how many octaves the time from an anchor to the next may be slower than its surroundings: MOST_STRAYED or more."""
        if beat.begin != self._begins[anchor] or not self._within[anchor]:
            return MOST_STRAYED
        length, over = self._lengths[anchor], self._anchors[anchor] - beat.begin
        left = 2.0**MOST_STRAYED * length - beat.spent
        return min(max(math.log2(max(left / (length - over), 1.0)), MOST_STRAYED), MOST_OF_A_PART)

    def passed(self, beat: BeatSoFar, anchor: int, quarters: float, slower: float) -> None:
        """Let so many quarters from an anchor on be over, which were ``slower`` times as slow as their surroundings."""
        begin = self._begins[anchor + 1]
        if begin == self._begins[anchor]:
            beat.spent += quarters * slower
        else:
            beat.begin, beat.spent = begin, max(self._anchors[anchor] + quarters - begin, 0.0) * slower


def _beats(score: Score, quarters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the begins and the lengths (K,) of the beats that positions are in; those of an upbeat end with it."""
    origins, lengths = np.zeros(1), np.array([beat_quarters(score, 0.0)])
    if len(score.measures):
        origins = score.measures["onset_quarter"].copy()
        lengths = np.array([beat_quarters(score, onset) for onset in origins.tolist()])
        origins[0] += score.measures["duration_quarter"][0]
    measures = np.append(-np.inf, score.measures["onset_quarter"][1:])
    index = np.searchsorted(measures, quarters + SAME_POSITION_QUARTERS, side="right") - 1
    origin, length = origins[index], lengths[index]
    return origin + np.floor((quarters - origin + SAME_POSITION_QUARTERS) / length) * length, length
