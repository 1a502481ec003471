"""The tempo that a model expects of a whole score before it plays it."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.performers.score_playing.shaping.bounds import near_surroundings
from engine.performers.score_playing.shaping.written_tempo import TempoSection
from models.performance.representation import SAME_POSITION_QUARTERS, TempoCurve, find_anchors

SURROUNDING_QUARTERS = 8  # before and after a beat, of which its surroundings' tempo is the median


class ExpectedTempo:
    """A tempo curve, and what it amounts to over sections and around beats."""

    def __init__(self, notes: np.ndarray, expected: np.ndarray, sections: Sequence[TempoSection]):
        """``expected`` (N,) has log2 of seconds a quarter from each note on; those of an anchor's notes are averaged.

        No anchor strays from its surroundings further than it is heard to.
        """
        anchors, groups = find_anchors(notes["onset_quarter"])
        periods = np.bincount(groups, weights=expected) / np.bincount(groups)
        self._begins = np.array([section.begin for section in sections])
        self._written = np.array([np.log2(section.seconds / section.quarters) for section in sections])
        self._end = sections[-1].end
        self._curve = _curve(anchors, periods)
        around = self.surroundings(anchors)
        within = around + np.array([near_surroundings(octaves) for octaves in (periods - around).tolist()])
        self._curve = _curve(anchors, within)
        self.periods = within[groups]  # (N,) by note

    def section_of(self, quarters: np.ndarray) -> np.ndarray:
        """Return the index of the section that each position (n,) is in."""
        return np.maximum(np.searchsorted(self._begins, quarters + SAME_POSITION_QUARTERS, side="right") - 1, 0)

    def mean_period(self, section: TempoSection) -> float:
        """Return log2 of the mean seconds a quarter in a section."""
        begin, end = self._curve.at(np.array([section.begin, section.end]))
        return float(np.log2((end - begin) / section.quarters))

    def surroundings(self, quarters: np.ndarray) -> np.ndarray:
        """Return the tempo around positions (n,), log2 of seconds a quarter.

        It is the median over SURROUNDING_QUARTERS before and after, so that a ritardando or a fermata does not count, and changes where
        what is written does.
        """
        edges = np.arange(int(np.ceil(self._end)) + 1.0)
        middles = edges[:-1] + 0.5
        relative = np.log2(np.diff(self._curve.at(edges))) - self._written[self.section_of(middles)]
        padding = np.full(SURROUNDING_QUARTERS, np.nan)
        around = sliding_window_view(np.concatenate([padding, relative, padding]), 2 * SURROUNDING_QUARTERS + 1)
        return np.interp(quarters, middles, np.nanmedian(around, axis=1)) + self._written[self.section_of(quarters)]


def _curve(anchors: np.ndarray, periods: np.ndarray) -> TempoCurve:
    """Return the tempo curve of log2 of seconds a quarter (K,) at anchors (K,)."""
    seconds = np.exp2(periods)
    return TempoCurve(anchors, np.append(0.0, np.cumsum(seconds[:-1] * np.diff(anchors))), seconds)
