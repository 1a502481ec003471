"""How much expression DExter gives a score, and how far its samples are apart. Source: training/dexter_amounts.py."""

import numpy as np

from engine.model import Model
from engine.performers.features_read import check_features
from models.dexter.amounts import PIECE_FEATURES, piece_features
from models.dexter.representation import PERFORMANCE_COLUMNS
from models.dexter.windows import Amounts


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
        deviation, apart = np.full(len(PERFORMANCE_COLUMNS), np.nan), np.ones(len(PERFORMANCE_COLUMNS))
        deviation[self._columns], apart[self._columns] = answer["deviation"][0], answer["apart"][0]
        return Amounts(deviation, apart, self._fast_intervals)
