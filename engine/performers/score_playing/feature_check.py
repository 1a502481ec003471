"""Which features of a score's notes a model reads, as its contract names them."""

from collections.abc import Sequence

import numpy as np

from engine.base.errors import PerfLiveError
from engine.onnx.model import Model
from models.performance.features import FEATURES


def check_features(model: Model, features: Sequence[str]) -> None:
    """Raise PerfLiveError unless the contract's constant ``features`` names exactly these ``features`` in their order."""
    if model.contract.constants.get("features") != list(features):
        found = f"contract constant 'features': it does not name the {len(features)} features of this version in their order"
        raise PerfLiveError(f"{model.path}: {found}; use a model exported for this version")


def columns_read(model: Model) -> np.ndarray:
    """Return where the features that ``model`` reads are among FEATURES, int64; the contract's constant ``features`` names them.

    Raises PerfLiveError when it names an unknown one, or none.
    """
    names = model.contract.constants.get("features") or [""]
    unknown = [name for name in names if name not in FEATURES]
    if unknown:
        found = f"found {unknown[0]!r}, which is none of the {len(FEATURES)} of this version"
        raise PerfLiveError(f"{model.path}: contract constant 'features': {found}; use a model exported for this version")
    return np.array([FEATURES.index(name) for name in names])
