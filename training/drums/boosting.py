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


class GrownConfig(BaseModel):
    """What a stage that grows trees is told of all of them. What ``smallest_leaf`` counts is the stage's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    smallest_leaf: int = Field(gt=0)
    feature_share: float = Field(gt=0, le=1)
    takes: int | None = Field(default=None, gt=0, description="of the train split, the first ones; all where it is not said")
    seed: int = 0

    def grow(self, boosting: Boosting, objective: str) -> dict[str, Any]:
        """Return how trees are grown for ``objective``, as LightGBM names it."""
        return {
            "objective": objective,
            "num_leaves": boosting.leaves,
            "learning_rate": boosting.learning_rate,
            "min_child_samples": self.smallest_leaf,
            "colsample_bytree": self.feature_share,
            "subsample": 0.5,
            "subsample_freq": 1,
            "max_bin": 63,
            "use_missing": False,
            "deterministic": True,
            "force_col_wise": True,
            "verbose": -1,
            "seed": self.seed,
        }


def predict(boosters: Sequence[lightgbm.Booster], features: np.ndarray) -> np.ndarray:
    """Return what the trees say, (N, columns), float32: quantiles, or the logarithms of odds."""
    return np.stack([booster.predict(features, num_threads=1, raw_score=True) for booster in boosters], 1).astype(np.float32)
