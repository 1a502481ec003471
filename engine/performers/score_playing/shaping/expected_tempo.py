"""The tempo that a model expects of a whole score before it plays it."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.performers.score_playing.shaping.bounds import near_surroundings
from engine.performers.score_playing.shaping.written_tempo import TempoSection
from models.performance.representation import SAME_POSITION_QUARTERS, TempoCurve, find_anchors

SURROUNDING_ANCHORS = 16  # before and after one, of which its surroundings' tempo is the median


class ExpectedTempo:
    """A tempo curve, and what it amounts to over sections and around notes.

    By note (N,), in log2 of seconds a quarter: ``periods``, within what is heard of them, and ``surroundings``. Those are the median of the
    anchors around, so that a ritardando, a fermata or a long last note does not count, and change where what is written does.
    """

    def __init__(self, notes: np.ndarray, expected: np.ndarray, sections: Sequence[TempoSection]):
        """``expected`` (N,) has log2 of seconds a quarter from each note on; those of an anchor's notes are averaged."""
        anchors, groups = find_anchors(notes["onset_quarter"])
        periods = np.bincount(groups, weights=expected) / np.bincount(groups)
        self._begins = np.array([section.begin for section in sections])
        written = np.array([np.log2(section.seconds / section.quarters) for section in sections])[self.section_of(anchors)]
        padding = np.full(SURROUNDING_ANCHORS, np.nan)
        windows = sliding_window_view(np.concatenate([padding, periods - written, padding]), 2 * SURROUNDING_ANCHORS + 1)
        around = written + np.nanmedian(windows, axis=1)
        within = around + np.array([near_surroundings(octaves) for octaves in (periods - around).tolist()])
        self.periods, self.surroundings = within[groups], around[groups]
        # How long the last note is held says half as much of the tempo as what comes before it.
        seconds = np.exp2(np.append(within[:-1], (within[-1] + around[-1]) / 2))
        self._curve = TempoCurve(anchors, np.append(0.0, np.cumsum(seconds[:-1] * np.diff(anchors))), seconds)

    def section_of(self, quarters: np.ndarray) -> np.ndarray:
        """Return the index of the section that each position (n,) is in."""
        return np.maximum(np.searchsorted(self._begins, quarters + SAME_POSITION_QUARTERS, side="right") - 1, 0)

    def mean_period(self, section: TempoSection) -> float:
        """Return log2 of the mean seconds a quarter in a section."""
        begin, end = self._curve.at(np.array([section.begin, section.end]))
        return float(np.log2((end - begin) / section.quarters))
