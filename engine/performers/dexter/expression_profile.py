"""The expression profile of a score, read by a graph: how wide its mean is, how far apart its samples are, how fast it is as a whole.

Source: training/dexter/expression_profile.py.
"""

import numpy as np

from engine.onnx.model import Model
from engine.performers.score_playing.feature_check import check_features
from models.dexter.expression_profile import PIECE_FEATURES, ExpressionProfile, piece_features
from models.performance.representation import COLUMNS

# The outputs of the graph, which are fields of the profile, with the value of the columns that the graph leaves out.
LEFT_OUT = {"mean_deviation": np.nan, "residual_gain": 1.0, "mean_offset": 0.0}


class ProfileGraph:
    """The regression from a score to its profile, in ONNX Runtime. It is immutable."""

    def __init__(self, model: Model):
        """Raises PerfLiveError when the graph reads other features than there are."""
        check_features(model, PIECE_FEATURES)
        self._model = model
        self._columns = list(model.contract.constants["columns"])
        self._fast_intervals = np.array(model.contract.constants["fast_intervals"])

    def read(self, score_columns: np.ndarray, features: np.ndarray) -> ExpressionProfile:
        """Return the profile of a piece of these score columns (N, 37) and ``note_features`` (N, F)."""
        answer = self._model.run({"features": piece_features(score_columns, features)[None]}, {}, may_not_know=True)[0]
        by_column = {name: np.full(COLUMNS, left_out) for name, left_out in LEFT_OUT.items()}
        for name, values in answer.items():
            by_column[name][self._columns] = values[0]
        return ExpressionProfile(**by_column, human_fastest_intervals=self._fast_intervals)
