"""Training of the drummer: gradient-boosted trees for the median of how hard and how far off the grid each stroke is.

Artefacts: ``COLUMN.txt``, LightGBM's own text, for each column of the graph.
"""

from functools import partial
from pathlib import Path
from typing import Any, Literal

import lightgbm
import numpy as np
from pydantic import Field

from engine.base.errors import PerfLiveError
from models.drums.drawing import DRAWN, FEATURES, TIMING, VELOCITY, Kind
from training.datasets.groove import read_groove
from training.drums.boosting import Boosting, GrownConfig, predict
from training.drums.data import View, load_examples
from training.drums.figures import figures
from training.stages import Outcome, Work
from training.stages.trees import grown

# Each take is heard in all of them: as it is known, and as little as a sequencer's track says of itself.
VIEWS: dict[Kind, tuple[View, ...]] = {
    "groove": (View(), View(drummer=False, plain=True, swung=True), View(style=False, drummer=False, plain=True)),
    "live": (
        View(),
        View(drummer=False, plain=True),
        View(style=False, drummer=False, plain=True),
        View(style=False, drummer=False, beat=False),
    ),
}
KNOWN = {kind: views[:1] for kind, views in VIEWS.items()}


class DrumsConfig(GrownConfig):
    """``median``: how the trees are grown. ``smallest_leaf`` is in strokes.

    ``evenness``: 0 lets a take count by its strokes, 1 lets all takes count the same, however long they are.
    """

    task: Literal["drums"]
    kind: Kind
    median: Boosting
    evenness: float = Field(default=0.0, ge=0, le=1)

    def parameters(self) -> dict[str, Any]:
        """Return these as LightGBM names them."""
        return self.grow(self.median, "quantile") | {"alpha": 0.5}


def train(config: DrumsConfig, work: Work) -> Outcome:
    """Learn from the train takes of the Groove folder ``work.data``."""
    takes = read_groove(work.data, "train")[: config.takes]
    examples = load_examples(config.kind, takes, VIEWS[config.kind], work.cache)
    names = FEATURES[config.kind]
    data = lightgbm.Dataset(
        examples.features,
        weight=even_weights(examples.take, config.evenness),
        feature_name=list(names),
        params=config.parameters(),
        free_raw_data=True,
    )

    def grow(column: str) -> lightgbm.Booster:
        data.set_label(examples.velocity if column == VELOCITY else examples.timing_ms)
        return lightgbm.train(config.parameters() | {"num_threads": work.threads}, data, config.median.rounds)

    boosters = [grown(work.folder / f"{name}.txt", partial(grow, name)) for name in DRAWN[config.kind]]
    followed_takes = read_groove(work.data, "validation")[: config.takes]
    followed = load_examples(config.kind, followed_takes, KNOWN[config.kind], work.cache)
    found = figures(predict(boosters[:1], followed.features)[:, 0], followed.velocity, followed.take)
    told = f"velocity error {found.mean_absolute_error:.2f}, correlation {found.correlation:.3f}"
    return Outcome(told, tuple(f"{name}.txt" for name in DRAWN[config.kind]))


def read_boosters(kind: Kind, folder: Path) -> list[lightgbm.Booster]:
    """Return the trees by column that ``train`` wrote. Raises PerfLiveError."""
    try:
        return [lightgbm.Booster(model_file=folder / f"{name}.txt") for name in DRAWN[kind]]
    except (OSError, ValueError, lightgbm.basic.LightGBMError) as error:
        raise PerfLiveError(f"{folder}: there are no trees that can be read ({error}); run the stage again") from error


def kind_of(folder: Path) -> Kind:
    """Return which strokes the trees in a stage's folder are for."""
    return "groove" if (folder / f"{TIMING}.txt").exists() else "live"


def even_weights(take: np.ndarray, evenness: float) -> np.ndarray:
    """Return how much each stroke counts, (N,), 1 in the mean: its take's strokes to the power of minus ``evenness``."""
    weights = np.bincount(take).astype(float)[take] ** -evenness
    return weights / weights.mean()
