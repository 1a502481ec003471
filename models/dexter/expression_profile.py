"""The expression profile of a piece: how much expression performers give it as a whole, and its overall tempo. NumPy only.

A fugue gets a third of a nocturne's rubato, and the fastest notes of a piece have a limit: the fingers. Both follow from averages over the
whole score.
"""

from typing import NamedTuple

import numpy as np

from models.performance.features import FEATURES
from models.performance.harmony import HARMONY, harmony

_AVERAGED = (*FEATURES, *(f"onset_{name}" for name in HARMONY))
FASTEST_LEVEL = 0.1  # the quantile of a piece's inter-onset intervals that stands for its fastest notes
TEMPO_ERROR_OCTAVES = 0.3  # standard deviation of the predicted tempo of pieces outside of the training data
PIECE_FEATURES = (*(f"{name}_mean" for name in _AVERAGED), *(f"{name}_deviation" for name in _AVERAGED), "notes")


class ExpressionProfile(NamedTuple):
    """How much expression suits a piece.

    By column (8,): ``mean_deviation`` is the standard deviation that the mean performance should have before ``Scales.gain``, as
    ``PieceStatistics.deviation`` measures it (NaN: the mean's own). ``residual_gain`` multiplies ``Scales.residual_gain``. ``mean_offset``
    is added to the networks' mean, normalised. ``human_fastest_intervals`` (K,) are the ``fastest_interval`` of pieces played by humans.
    """

    mean_deviation: np.ndarray
    residual_gain: np.ndarray
    mean_offset: np.ndarray
    human_fastest_intervals: np.ndarray


def piece_features(score_columns: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return (len(PIECE_FEATURES),) float32 of a piece's score columns (N, 37) and ``note_features`` (N, F), N at least 1."""
    onsets = harmony(score_columns)
    parts = [features.mean(0), onsets.mean(0), features.std(0), onsets.std(0), [np.log2(len(features))]]
    return np.concatenate(parts).astype(np.float32)


def fastest_interval(intervals: np.ndarray) -> float:
    """Return the 10th percentile of inter-onset intervals (n,) in log2 of seconds, without those that are NaN; NaN if all are."""
    known = intervals[np.isfinite(intervals)]
    return float(np.quantile(known, FASTEST_LEVEL)) if len(known) else float("nan")


def expected_slowing(predicted: float, human: np.ndarray) -> float:
    """Return by how many octaves, 0 or more, a piece is expected to be slower than predicted; 0 where nothing is known.

    ``predicted`` is the piece's ``fastest_interval`` in the prediction, ``human`` (K,) are those of pieces played by humans. The
    prediction has an error, and one that is faster than most pieces is more likely to be too fast. The expectation is the mean of
    ``human``, weighted by the likelihood of the prediction (empirical Bayes). Slow pieces are not made faster: fingers do not ask for it.
    """
    if not np.isfinite(predicted) or not len(human):
        return 0.0
    distance = ((human - predicted) / TEMPO_ERROR_OCTAVES) ** 2 / 2
    likelihood = np.exp(distance.min() - distance)
    return max(float(likelihood @ human / likelihood.sum()) - predicted, 0.0)
