"""The tempo that a model expects of a whole score before it plays it."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.performers.score_playing.shaping.beats import BeatBounds, BeatSoFar
from engine.performers.score_playing.shaping.bounds import near_surroundings
from engine.performers.score_playing.shaping.written_tempo import TempoSection, section_of
from engine.score.tables import Score
from models.performance.representation import TempoCurve, find_anchors

SURROUNDING_ANCHORS = 16  # before and after one, of which its surroundings' tempo is the median


class ExpectedTempo:
    """A tempo curve, and what it amounts to over sections and around notes.

    By note (N,), in log2 of seconds a quarter: ``periods``, within what is heard of them, and ``surroundings``. Those are the median of the
    anchors around, so that a ritardando, a fermata or a long last note does not count, and change where what is written does.
    ``anchor_of`` (N,) has the index of each note's anchor in ``bounds``.
    """

    def __init__(self, score: Score, expected: np.ndarray, sections: Sequence[TempoSection]):
        """``expected`` (N,) has log2 of seconds a quarter from each note on; those of an anchor's notes are averaged.

        ``sections`` are those of one written tempo.
        """
        anchors, groups = find_anchors(score.notes["onset_quarter"])
        periods = np.bincount(groups, weights=expected) / np.bincount(groups)
        written = np.array([np.log2(section.seconds / section.quarters) for section in sections])[section_of(sections, anchors)]
        padding = np.full(SURROUNDING_ANCHORS, np.nan)
        windows = sliding_window_view(np.concatenate([padding, periods - written, padding]), 2 * SURROUNDING_ANCHORS + 1)
        around = written + np.nanmedian(windows, axis=1)
        self.bounds = BeatBounds(score, anchors)
        within = around + self._within_bounds(periods - around, anchors)
        self.periods, self.surroundings, self.anchor_of = within[groups], around[groups], groups
        # How long the last note is held says half as much of the tempo as what comes before it.
        seconds = np.exp2(np.append(within[:-1], (within[-1] + around[-1]) / 2))
        self._curve = TempoCurve(anchors, np.append(0.0, np.cumsum(seconds[:-1] * np.diff(anchors))), seconds)

    def _within_bounds(self, octaves: np.ndarray, anchors: np.ndarray) -> np.ndarray:
        """Return by how many octaves the anchors (K,) are heard to stray of those that they would."""
        beat, heard = BeatSoFar(), []
        for anchor, (would, quarters) in enumerate(zip(octaves.tolist(), np.append(np.diff(anchors), 0.0).tolist(), strict=True)):
            heard.append(near_surroundings(would, self.bounds.most_slower(anchor, beat)))
            self.bounds.passed(beat, anchor, quarters, 2.0 ** heard[-1])
        return np.array(heard)

    def mean_period(self, section: TempoSection) -> float:
        """Return log2 of the mean seconds a quarter in a section."""
        begin, end = self._curve.at(np.array([section.begin, section.end]))
        return float(np.log2((end - begin) / section.quarters))
