"""Decision trees that read a score beside DExter's networks. Source: training/dexter_trees.py."""

import numpy as np

from engine.errors import PerfLiveError
from engine.model import Model
from models.dexter.surroundings import WIDE_FEATURES, WideFeatures
from models.dexter.windows import SecondReading


class Trees:
    """The graph; immutable."""

    def __init__(self, model: Model):
        """Raises PerfLiveError when the graph reads other features than there are."""
        if model.contract.constants.get("features") != list(WIDE_FEATURES):
            found = f"contract constant 'features': it does not name the {len(WIDE_FEATURES)} features of this version in their order"
            raise PerfLiveError(f"{model.path}: {found}; use a model exported for this version")
        self._model = model
        self._shares = np.array(model.contract.constants["shares"])

    def read(self, score_columns: np.ndarray, features: np.ndarray) -> SecondReading:
        """Return what the trees make of a piece of these score columns (N, 37) and ``note_features`` (N, F), read where it is asked for."""
        wide = WideFeatures(score_columns, features)
        return SecondReading(self._shares, lambda rows: self._model.run({"features": wide.rows(rows)}, {})[0]["mean"])
