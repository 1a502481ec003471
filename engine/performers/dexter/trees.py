"""Decision trees that read a score beside DExter's networks. Source: training/dexter/trees.py."""

import threading

import numpy as np

from engine.onnx.model import Model
from engine.performers.score_playing.feature_check import check_features
from models.dexter.representation import SecondPrediction
from models.performance.representation import PERFORMANCE_COLUMNS
from models.performance.surroundings import WIDE_FEATURES, WideFeatures


class Trees:
    """The graph; immutable."""

    def __init__(self, model: Model):
        """Raises PerfLiveError when the graph reads other features than there are."""
        check_features(model, WIDE_FEATURES)
        self._model = model
        self._shares = np.array(model.contract.constants["shares"])

    def read(self, score_columns: np.ndarray, features: np.ndarray) -> SecondPrediction:
        """Return the trees' reading of a piece with these score columns (N, 37) and ``note_features`` (N, F). Notes are read when asked
        for.
        """
        return SecondPrediction(self._shares, _Reading(self._model, WideFeatures(score_columns, features), len(features)).read)


class _Reading:
    """Reads notes when they are asked for, and keeps what was read, as windows overlap. Any thread may ask."""

    def __init__(self, model: Model, features: WideFeatures, notes: int):
        self._model, self._features = model, features
        self._mean = np.full((notes, len(PERFORMANCE_COLUMNS)), np.nan, np.float32)
        self._lock = threading.Lock()  # nothing is read twice, and no row is seen before it is whole

    def read(self, rows: slice) -> np.ndarray:
        notes = np.arange(len(self._mean))[rows]
        with self._lock:
            unread = notes[np.isnan(self._mean[notes, 0])]
            if len(unread):
                self._mean[unread] = self._model.run({"features": self._features.rows(unread)}, {})[0]["mean"]
            return self._mean[rows]
