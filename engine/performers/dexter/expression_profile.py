"""How much expression suits a score, how far apart its samples are, and how fast it is as a whole.

Source: training/dexter/expression_profile.py.
"""

import numpy as np

from engine.onnx.model import Model
from engine.performers.score_playing.feature_check import check_features
from models.dexter.expression_profile import PIECE_FEATURES, ExpressionProfile, piece_features
from models.performance.representation import COLUMNS

# The outputs of the graph, as the files that ship name them: the profile's field, and its value of columns that the graph leaves out.
OUTPUTS = {"deviation": ("mean_deviation", np.nan), "apart": ("residual_gain", 1.0), "level": ("mean_offset", 0.0)}


class AmountsReader:
    """The graph; immutable."""

    def __init__(self, model: Model):
        """Raises PerfLiveError when the graph reads other features than there are."""
        check_features(model, PIECE_FEATURES)
        self._model = model
        self._columns = list(model.contract.constants["columns"])
        self._fast_intervals = np.array(model.contract.constants["fast_intervals"])

    def read(self, score_columns: np.ndarray, features: np.ndarray) -> ExpressionProfile:
        """Return what suits a piece of these score columns (N, 37) and ``note_features`` (N, F)."""
        answer = self._model.run({"features": piece_features(score_columns, features)[None]}, {})[0]
        by_column = {field: np.full(COLUMNS, left_out) for field, left_out in OUTPUTS.values()}
        for name, values in answer.items():
            by_column[OUTPUTS[name][0]][self._columns] = values[0]
        return ExpressionProfile(**by_column, human_fastest_intervals=self._fast_intervals)
