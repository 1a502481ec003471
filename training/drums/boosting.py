"""How the drummer's trees are grown, and what they say."""

from collections.abc import Sequence
from typing import Any

import lightgbm
import numpy as np
from pydantic import BaseModel, ConfigDict, Field


class Boosting(BaseModel):
    """How trees are grown: ``rounds`` of them, each of up to ``leaves``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: int = Field(gt=0)
    leaves: int = Field(gt=1)
    learning_rate: float = Field(gt=0)

    def parameters(self, objective: str, smallest_leaf: int, feature_share: float, seed: int) -> dict[str, Any]:
        """Return these as LightGBM names them."""
        return {
            "objective": objective,
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_child_samples": smallest_leaf,
            "colsample_bytree": feature_share,
            "subsample": 0.5,
            "subsample_freq": 1,
            "max_bin": 63,
            "use_missing": False,
            "deterministic": True,
            "force_col_wise": True,
            "verbose": -1,
            "seed": seed,
        }


def predict(boosters: Sequence[lightgbm.Booster], features: np.ndarray) -> np.ndarray:
    """Return what the trees say, (N, columns), float32: quantiles, or the logarithms of odds."""
    return np.stack([booster.predict(features, num_threads=1, raw_score=True) for booster in boosters], 1).astype(np.float32)
