"""What a score is like as a whole, which tells how much expression performers give it: a fugue gets a third of a nocturne's rubato; and how
fast its fastest notes are, to which fingers set a limit. NumPy only.
"""

import numpy as np

from models.performance.features import FEATURES
from models.performance.harmony import HARMONY, harmony

_AVERAGED = (*FEATURES, *(f"onset_{name}" for name in HARMONY))
FAST_SHARE = 0.1  # of a piece's notes
TEMPO_ERROR = 0.3  # octaves, standard deviation of what is predicted of a whole piece that was not learnt from
PIECE_FEATURES = (*(f"{name}_mean" for name in _AVERAGED), *(f"{name}_deviation" for name in _AVERAGED), "notes")


def piece_features(score_columns: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return (len(PIECE_FEATURES),) float32 of a piece's score columns (N, 37) and ``note_features`` (N, F), N at least 1."""
    onsets = harmony(score_columns)
    parts = [features.mean(0), onsets.mean(0), features.std(0), onsets.std(0), [np.log2(len(features))]]
    return np.concatenate(parts).astype(np.float32)


def fast_interval(intervals: np.ndarray) -> float:
    """Return the one of ``intervals`` (n,), log2 of seconds from note to note, that a tenth of them are shorter than; NaN where all are
    unknown.
    """
    known = intervals[np.isfinite(intervals)]
    return float(np.quantile(known, FAST_SHARE)) if len(known) else float("nan")


def likely_slower(predicted: float, humans: np.ndarray) -> float:
    """Return by how many octaves a piece whose fast interval is ``predicted`` is likely to be slower, 0 or more; 0 where it is unknown.

    ``humans`` (K,) are those of pieces as they are played. What is predicted is in error, and what is faster than most pieces are is more
    likely too fast: the mean of what pieces have, each with the likelihood of such a prediction (empirical Bayes). Only fast ones: fingers
    are no reason for a slow piece to be faster.
    """
    if not np.isfinite(predicted) or not len(humans):
        return 0.0
    distance = ((humans - predicted) / TEMPO_ERROR) ** 2 / 2
    likelihood = np.exp(distance.min() - distance)
    return max(float(likelihood @ humans / likelihood.sum()) - predicted, 0.0)
