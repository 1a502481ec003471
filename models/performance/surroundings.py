"""Features of a score far around each note, beyond any window, for predictors that read one note at a time. NumPy only."""

import numpy as np

from models.performance.features import FEATURES
from models.performance.harmony import HARMONY, RunningMeans, harmony, onset_groups

AVERAGED_QUARTERS = (4, 16, 64, 200)
COMPARED_QUARTERS = (4, 16)  # what follows with what was before
WITHIN_A_MEASURE = ("pitch_near", "metre_", "beat_cos", "beat_sin", "measure_cos", "measure_sin")  # what is not averaged begins so
_AVERAGED = [index for index, name in enumerate(FEATURES) if not name.startswith(WITHIN_A_MEASURE)]
_OF_AN_ONSET = (*(FEATURES[index] for index in _AVERAGED), *HARMONY)
WIDE_FEATURES = (
    *FEATURES,
    *(f"{name}_within_{quarters}" for quarters in AVERAGED_QUARTERS for name in _OF_AN_ONSET),
    *(f"{name}_change_{quarters}" for quarters in COMPARED_QUARTERS for name in _OF_AN_ONSET),
    *("quarters_share", "quarters_since", "quarters_until", "quarters"),
)


class WideFeatures:
    """The features of a piece's notes and their surroundings. Rows are computed when asked for, to save memory."""

    def __init__(self, score_columns: np.ndarray, features: np.ndarray):
        """``score_columns`` (N, 37) and their ``note_features`` (N, F), N at least 1."""
        self._quarters, self._onset = onset_groups(score_columns)
        values = np.zeros((len(self._quarters), len(_OF_AN_ONSET)))
        means = values[:, : len(_AVERAGED)]
        np.add.at(means, self._onset, features[:, _AVERAGED])
        means /= np.bincount(self._onset)[:, None]
        values[:, len(_AVERAGED) :] = harmony(score_columns)
        values -= values.mean(0)
        self._means = RunningMeans(self._quarters, values)
        self._features = features

    def rows(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return (n, len(WIDE_FEATURES)) float32 of some of the notes."""
        onsets, of_note = np.unique(self._onset[rows], return_inverse=True)
        at = self._quarters[onsets]
        averages = [self._means.around(at, -width / 2, width / 2) for width in AVERAGED_QUARTERS]
        changes = [self._means.around(at, 0, width) - self._means.around(at, -width, 0) for width in COMPARED_QUARTERS]
        around = np.concatenate([*averages, *changes, self._place(at)], axis=1).astype(np.float32)
        return np.concatenate([self._features[rows], around[of_note]], axis=1)

    def _place(self, at: np.ndarray) -> np.ndarray:
        since, until = at - self._quarters[0], self._quarters[-1] - at
        length = since + until
        return np.stack([since / np.maximum(length, 1), np.log2(1 + since), np.log2(1 + until), np.log2(1 + length)], axis=1)
