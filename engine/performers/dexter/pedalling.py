"""Decision trees that say when a foot moves the sustain pedal. Source: training/dexter/pedalling.py."""

import numpy as np

from engine.onnx.model import Model
from engine.performers.score_playing.feature_check import check_features
from models.dexter.pedalling import PEDALLING_FEATURES, ReadPedalling


class PedallingGraph:
    """The graph; immutable."""

    def __init__(self, model: Model):
        """Raises PerfLiveError when the graph reads other features than there are."""
        check_features(model, PEDALLING_FEATURES)
        self._model = model

    def read(self, score_columns: np.ndarray, features: np.ndarray) -> ReadPedalling:
        """Return when a foot moves the pedal in a piece with these score columns (N, 37) and ``note_features`` (N, F)."""
        return ReadPedalling(score_columns, features, lambda given: self._model.run({"features": given}, {})[0]["odds"])
