"""How much expression suits a score, how far apart its samples are, and how fast it is as a whole.

Source: training/dexter/expression_profile.py.
"""

import numpy as np

from engine.onnx.model import Model
from engine.performers.score_playing.feature_check import check_features
from models.dexter.expression_profile import PIECE_FEATURES, piece_features
from models.dexter.windows import Amounts
from models.performance.representation import PERFORMANCE_COLUMNS

UNTOLD = {"deviation": np.nan, "apart": 1.0, "level": 0.0}


class AmountsReader:
    """The graph; immutable."""

    def __init__(self, model: Model):
        """Raises PerfLiveError when the graph reads other features than there are."""
        check_features(model, PIECE_FEATURES)
        self._model = model
        self._columns = list(model.contract.constants["columns"])
        self._fast_intervals = np.array(model.contract.constants.get("fast_intervals", ()))  # earlier exports have none

    def read(self, score_columns: np.ndarray, features: np.ndarray) -> Amounts:
        """Return what suits a piece of these score columns (N, 37) and ``note_features`` (N, F)."""
        answer = self._model.run({"features": piece_features(score_columns, features)[None]}, {})[0]
        by_column = {name: np.full(len(PERFORMANCE_COLUMNS), untold) for name, untold in UNTOLD.items()}
        for name in by_column.keys() & answer.keys():  # earlier exports have no level
            by_column[name][self._columns] = answer[name][0]
        return Amounts(**by_column, fast_intervals=self._fast_intervals)
