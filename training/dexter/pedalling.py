"""Gradient-boosted trees that say for each anchor how many pianists lift, and press, the sustain pedal at some delays after it.

They learn shares of the performers of a piece, of either presentation, at each performer's own timing. An anchor's features are the score's
and the mean of the performers' intervals around it.

Artefact: ``NAME.txt``, LightGBM's own text, for each of PEDALLING.
"""

from pathlib import Path
from typing import Literal

import lightgbm
import numpy as np
from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.progress import track

from engine.base.errors import PerfLiveError
from models.dexter.pedalling import DELAYS_S, PEDALLING, AnchorFeatures, ReadPedalling
from models.performance.features import note_features
from models.performance.pedal import decode_pedal
from models.performance.representation import BEAT_PERIOD, PEDAL
from training.dexter.trees import MOST_PERFORMERS, Boosting, Examples
from training.metrics.pedal_gestures import TOGETHER_S, presses_and_lifts
from training.performance.pieces import PerformedPiece, Presentation, load_performed_pieces
from training.stages import Outcome, Work
from training.stages.trees import grown


class PedallingConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["dexter-pedalling"]
    boosting: Boosting
    seed: int = 0


def collect(pieces: list[PerformedPiece]) -> Examples:
    """Return features (M, G), shares (M, len(PEDALLING)) and weights (M,) of all anchors. A piece counts by the root of its anchors."""
    parts = []
    for piece in track(pieces, "reading pedals", console=Console(stderr=True)):
        for presentation in piece.presentations:
            features, shares = of_presentation(presentation)
            census = min(len(presentation.columns), MOST_PERFORMERS) ** 0.5 / len(piece.presentations)
            parts.append((features, shares, np.full(len(shares), census / len(shares) ** 0.5)))
    features, shares, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return features, shares, weights / weights.mean()


def of_presentation(presentation: Presentation) -> tuple[np.ndarray, np.ndarray]:
    """Return features (K, G) of a presentation's anchors, and the shares (K, len(PEDALLING)) of its performers."""
    score_columns = presentation.score_columns
    features = AnchorFeatures(score_columns, note_features(score_columns))
    quarters = np.diff(features.edges)
    anchors = np.arange(len(quarters))
    at_anchors = presentation.columns[:, np.searchsorted(features.groups, anchors)].astype(float)
    lengths = quarters * np.exp2(at_anchors[:, :, BEAT_PERIOD])
    shares = np.mean([_moments(*performed) for performed in zip(lengths, at_anchors[:, :, PEDAL:], strict=True)], axis=0)
    mean_lengths = quarters * np.exp2(at_anchors[:, :, BEAT_PERIOD].mean(0))
    return features.rows(anchors, mean_lengths, None), shares


def _moments(lengths_s: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Return 1 where the pedal is lifted, and pressed, within TOGETHER_S of each moment, else 0: (K, len(PEDALLING)) of one performance,
    whose spans last ``lengths_s`` (K,) and have the pedal columns (K, 4).
    """
    edges = np.concatenate([[0.0], np.cumsum(lengths_s)])
    presses, lifts = presses_and_lifts(decode_pedal(spans, edges))
    moments = edges[:-1, None] + np.array(DELAYS_S)
    return np.concatenate([_near(lifts, moments), _near(presses, moments)], axis=1)


def _near(times: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Return 1 where one of ``times``, ascending, is within TOGETHER_S of a moment, else 0."""
    padded = np.concatenate([[-np.inf], times, [np.inf]])
    after = np.searchsorted(padded, moments).clip(1)
    return np.asarray(np.minimum(moments - padded[after - 1], padded[after] - moments) <= TOGETHER_S, float)


def fit_pedalling(config: PedallingConfig, work: Work) -> Outcome:
    """Learn the trees from the train split of the (n)ASAP folder ``work.data``, and write them to ``work.folder``."""
    features, shares, weights = collect(load_performed_pieces(work.data, "train", work.cache))
    parameters = config.boosting.parameters() | {"objective": "cross_entropy", "num_threads": work.threads, "seed": config.seed}
    for column, name in track(list(enumerate(PEDALLING)), "boosting moments", console=Console(stderr=True)):

        def grow(column: int = column) -> lightgbm.Booster:
            data = lightgbm.Dataset(features, shares[:, column], weight=weights)
            return lightgbm.train(parameters, data, config.boosting.rounds)

        grown(work.folder / _file(name), grow)
    return Outcome(f"{len(features)} anchors", tuple(map(_file, PEDALLING)))


class BoostedPedalling:
    """Follows ``models.dexter.passages.PedalReader``."""

    def __init__(self, boosted: list[lightgbm.Booster]):
        self.boosted = boosted

    def read(self, score_columns: np.ndarray, features: np.ndarray) -> ReadPedalling:
        return ReadPedalling(score_columns, features, self.predict)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return the logarithms of odds (k, len(PEDALLING)) float32 of PEDALLING_FEATURES (k, G)."""
        return np.stack([booster.predict(features, raw_score=True) for booster in self.boosted], axis=1).astype(np.float32)


def read_pedalling(folder: Path) -> BoostedPedalling:
    """Return what ``fit_pedalling`` wrote. Raises PerfLiveError."""
    try:
        return BoostedPedalling([lightgbm.Booster(model_file=folder / _file(name)) for name in PEDALLING])
    except (OSError, lightgbm.basic.LightGBMError) as error:
        raise PerfLiveError(f"{folder}: there are no trees that can be read ({error}); run the stage again") from error


def _file(name: str) -> str:
    return f"{name}.txt"
