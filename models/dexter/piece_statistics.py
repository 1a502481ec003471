"""Statistics of the mean performance over a whole piece, and the scales that suit the piece. NumPy only."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np

from models.dexter.expression_profile import expected_slowing, fastest_interval
from models.dexter.representation import Passage, Scales
from models.performance.features import at_played_tempo, slowed
from models.performance.representation import COLUMNS, TIMING

MOST_PIECE_GAIN = 3.0  # a piece's gain differs from other pieces' by at most this factor, up or down
PROFILE_NOTES = 200  # the expression profile of shorter pieces counts for less: too few notes tell it


class PieceStatistics:
    """Statistics of the networks' mean over one passage, computed when they are first asked for."""

    def __init__(self, read: Callable[[], dict[range, np.ndarray]], scales: Scales, passage: Passage):
        """``read`` returns the networks' mean (n, 8), without descriptors, of rows of the passage that are spread over it."""
        self._read, self._scales, self._passage = read, scales, passage

    @cached_property
    def average(self) -> np.ndarray:
        """The mean performance's average (8,), normalised, over the piece or the windows that are read of it."""
        if self._passage.average is not None:
            return self._passage.average
        return np.concatenate(list(self._means.values())).mean(axis=0)

    @cached_property
    def deviation(self) -> np.ndarray:
        """The mean performance's deviation (8,), normalised, over the same notes as ``average`` and without any gain.

        It is the standard deviation; of timing, whose tails are long, the mean absolute deviation.
        """
        if self._passage.deviation is not None:
            return self._passage.deviation
        means, second = self._means, self._passage.second
        if second is not None:
            means = {rows: mean + second.correction(slice(rows.start, rows.stop), mean, self.average) for rows, mean in means.items()}
        columns = np.concatenate(list(means.values()))
        deviation = columns.std(axis=0)
        timing = columns[:, TIMING]
        if self._passage.shares_key is not None:
            timing = timing[~np.concatenate([self._passage.shares_key[rows.start : rows.stop] for rows in means])]
        deviation[TIMING] = np.abs(timing - timing.mean()).mean() if len(timing) else np.nan
        return np.asarray(deviation)

    @cached_property
    def mean_offset(self) -> np.ndarray:
        """What (8,) is added to the networks' mean, so that the piece has its profile's averages and is not faster than is likely."""
        profile, notated = self._passage.profile, self._passage.notated_intervals
        if profile is None or notated is None:
            return np.zeros(COLUMNS, np.float32)
        intervals = [
            at_played_tempo(mean + profile.mean_offset, notated[rows.start : rows.stop]) for rows, mean in self._networks_means.items()
        ]
        slower = expected_slowing(fastest_interval(np.concatenate(intervals)), profile.human_fastest_intervals)
        return (self._profile_weight * (profile.mean_offset + slowed(slower))).astype(np.float32)

    @cached_property
    def scales(self) -> Scales:
        """The scales with as much expression as suits the piece."""
        profile = self._passage.profile
        if profile is None:
            return self._scales
        piece_gain = profile.mean_deviation / np.maximum(self.deviation, 1e-6)
        piece_gain = np.where(np.isnan(piece_gain), 1, np.clip(piece_gain, 1 / MOST_PIECE_GAIN, MOST_PIECE_GAIN))
        residual_gain = profile.residual_gain**self._profile_weight
        return replace(
            self._scales,
            residual_gain=self._scales.residual_gain * residual_gain,
            mean_gain_removed=np.minimum(self._scales.mean_gain_removed * residual_gain**2, 1),
            piece_gain=piece_gain**self._profile_weight,
        )

    @property
    def _profile_weight(self) -> float:
        """How much the expression profile counts, 0 to 1."""
        return min(len(self._passage.features) / PROFILE_NOTES, 1)

    @cached_property
    def _means(self) -> dict[range, np.ndarray]:
        """The networks' mean (n, 8) with ``mean_offset``, of notes that are spread over the piece."""
        return {rows: mean + self.mean_offset for rows, mean in self._networks_means.items()}

    @cached_property
    def _networks_means(self) -> dict[range, np.ndarray]:
        return self._read()
