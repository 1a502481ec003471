"""Training of the drummer: gradient-boosted trees for quantiles of how hard and how far off the grid each stroke is.

Artefacts: ``COLUMN.txt``, LightGBM's own text, for each column of the graph, and ``noise.json`` with the shares of variance.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any, Literal

import lightgbm
import numpy as np
from pydantic import Field

from engine.base.errors import PerfLiveError
from models.drums import groove, live_kit
from models.drums.representation import LEVELS, TIMING_COLUMNS, VELOCITY_COLUMNS, written_s
from training.datasets.groove import read_groove
from training.drums.boosting import Boosting, GrownConfig, predict
from training.drums.data import Examples, Kind, View, load_examples, written
from training.drums.figures import figures
from training.drums.fits import fit_common_shares, fit_shares, normal_scores
from training.stages import Outcome, Work, write_json
from training.stages.trees import grown

NOISE_FILE = "noise.json"
MEDIAN = 1
FEATURES: dict[Kind, tuple[str, ...]] = {"groove": groove.FEATURES, "live": live_kit.FEATURES}
COLUMNS: dict[Kind, tuple[str, ...]] = {"groove": VELOCITY_COLUMNS + TIMING_COLUMNS, "live": VELOCITY_COLUMNS}
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
    """``median``: of the trees of what is likeliest; ``spread``: of those of the quantiles beside it. ``smallest_leaf`` is in strokes.

    ``evenness``: 0 lets a take count by its strokes, 1 lets all takes count the same, however long they are.
    """

    task: Literal["drums"]
    kind: Kind
    median: Boosting
    spread: Boosting
    evenness: float = Field(default=0.0, ge=0, le=1)

    def parameters(self, column: int) -> dict[str, Any]:
        """Return these as LightGBM names them."""
        boosting = self.median if column % len(LEVELS) == MEDIAN else self.spread
        return self.grow(boosting, "quantile") | {"alpha": LEVELS[column % len(LEVELS)]}

    def rounds(self, column: int) -> int:
        return (self.median if column % len(LEVELS) == MEDIAN else self.spread).rounds


def train(config: DrumsConfig, work: Work) -> Outcome:
    """Learn from the train takes of the Groove folder ``work.data``; the noise is fitted to its validation takes."""
    takes = read_groove(work.data, "train")[: config.takes]
    examples = load_examples(config.kind, takes, VIEWS[config.kind], work.cache)
    names = FEATURES[config.kind]
    data = lightgbm.Dataset(
        examples.features,
        weight=even_weights(examples.take, config.evenness),
        feature_name=list(names),
        params=config.parameters(0),
        free_raw_data=True,
    )

    def grow(column: int) -> lightgbm.Booster:
        data.set_label(_target(examples, column))
        return lightgbm.train(config.parameters(column) | {"num_threads": work.threads}, data, config.rounds(column))

    boosters = [grown(work.folder / f"{name}.txt", partial(grow, column)) for column, name in enumerate(COLUMNS[config.kind])]
    followed_takes = read_groove(work.data, "validation")[: config.takes]
    followed = load_examples(config.kind, followed_takes, KNOWN[config.kind], work.cache)
    quantiles = predict(boosters, followed.features)
    times_s = np.concatenate([written_s(written(take.strokes, swung=False)) for take in followed_takes])
    write_json(work.folder / NOISE_FILE, fit_noise(config.kind, quantiles, followed, times_s))
    found = figures(quantiles[:, MEDIAN], followed.velocity, followed.take)
    told = f"velocity error {found.mean_absolute_error:.2f}, correlation {found.correlation:.3f}"
    return Outcome(told, (NOISE_FILE, *(f"{name}.txt" for name in COLUMNS[config.kind])))


def read_boosters(kind: Kind, folder: Path) -> tuple[list[lightgbm.Booster], dict[str, list[float]]]:
    """Return the trees by column, and the shares of variance, that ``train`` wrote. Raises PerfLiveError."""
    try:
        noise = json.loads((folder / NOISE_FILE).read_text(encoding="utf-8"))
        return [lightgbm.Booster(model_file=folder / f"{name}.txt") for name in COLUMNS[kind]], noise
    except (OSError, ValueError, lightgbm.basic.LightGBMError) as error:
        raise PerfLiveError(f"{folder}: there are no trees that can be read ({error}); run the stage again") from error


def kind_of(folder: Path) -> Kind:
    """Return which strokes the trees in a stage's folder are for."""
    return "groove" if (folder / f"{TIMING_COLUMNS[0]}.txt").exists() else "live"


def even_weights(take: np.ndarray, evenness: float) -> np.ndarray:
    """Return how much each stroke counts, (N,), 1 in the mean: its take's strokes to the power of minus ``evenness``."""
    weights = np.bincount(take).astype(float)[take] ** -evenness
    return weights / weights.mean()


def _target(examples: Examples, column: int) -> np.ndarray:
    return examples.velocity if column < len(LEVELS) else examples.timing_ms


def fit_noise(kind: Kind, quantiles: np.ndarray, followed: Examples, times_s: np.ndarray) -> dict[str, list[float]]:
    """Return the shares of variance, as the contract names them, of strokes that are written at ``times_s`` (N,)."""
    names = FEATURES[kind]
    role, place = (followed.features[:, names.index(name)].astype(int) for name in ("role", "place"))
    velocity = normal_scores(quantiles[:, :3], followed.velocity)
    shares = {"velocity_shares": fit_shares(velocity, followed.take, role, place + 1)}
    if kind == "groove":
        timing = normal_scores(quantiles[:, 3:], followed.timing_ms)
        shares["timing_shares"] = fit_shares(timing, followed.take, role, place + 1)
        shares["timing_common_shares"] = fit_common_shares(timing, followed.take, role, times_s)
    return shares
