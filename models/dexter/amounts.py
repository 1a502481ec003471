"""What a score is like as a whole, which tells how much expression performers give it: a fugue gets a third of a nocturne's rubato. NumPy
only.
"""

import numpy as np

from models.dexter.features import FEATURES
from models.dexter.harmony import HARMONY, harmony

_AVERAGED = (*FEATURES, *(f"onset_{name}" for name in HARMONY))
PIECE_FEATURES = (*(f"{name}_mean" for name in _AVERAGED), *(f"{name}_deviation" for name in _AVERAGED), "notes")


def piece_features(score_columns: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return (len(PIECE_FEATURES),) float32 of a piece's score columns (N, 37) and ``note_features`` (N, F), N at least 1."""
    onsets = harmony(score_columns)
    parts = [features.mean(0), onsets.mean(0), features.std(0), onsets.std(0), [np.log2(len(features))]]
    return np.concatenate(parts).astype(np.float32)
