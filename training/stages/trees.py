"""Trees that a stage grows one column after the other: what is done of them outlives a kill."""

from collections.abc import Callable
from pathlib import Path

import lightgbm

from engine.base.files import whole_file


def grown(path: Path, grow: Callable[[], lightgbm.Booster]) -> lightgbm.Booster:
    """Return the trees at ``path``, LightGBM's own text; where there are none they are grown, and written whole."""
    if not path.exists():
        trees = grow()
        with whole_file(path) as partial:
            trees.save_model(partial)
    return lightgbm.Booster(model_file=path)
