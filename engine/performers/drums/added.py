"""What the drummer adds to a file when asked: ghost notes where the snare rests, and the grace strokes of flams.

The likeliest places come first: a larger amount keeps what a smaller one added. What is drawn by chance repeats itself from bar to bar.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from engine.onnx.model import Model
from engine.performers.drums.expression import GrooveNoise, quantile_of
from models.drums.added import ADDED_COLUMNS, AMOUNTS, FLAM, GHOST, PLACE, ROLE, candidates, may_be_flams
from models.drums.groove import groove_features
from models.drums.representation import Asked, on_grid, written_s

GHOSTS, FLAMS = "ghosts", "flams"


class Grace(NamedTuple):
    """A grace stroke: how many seconds before its main stroke, and which share of its velocity."""

    before_s: float
    share: float


class AddedStrokes(NamedTuple):
    """Ghost notes (G,), STROKE_DTYPE, in order, and the grace strokes by the row of their main stroke."""

    ghosts: np.ndarray
    graces: dict[int, Grace]



def add_strokes(model: Model, strokes: np.ndarray, asked: Asked, controls: Mapping[str, float], seed: int) -> AddedStrokes:
    """Return what is added to the strokes of a file (STROKE_DTYPE, in order, all of known keys)."""
    ghosts, graces = strokes[:0], dict[int, Grace]()
    if controls[GHOSTS]:
        places = candidates(strokes)
        ghosts = places[_are_added(model, GHOST, places, groove_features(places, asked, strokes), controls, seed)]
    if controls[FLAMS] and len(strokes):
        possible = np.flatnonzero(may_be_flams(strokes) & on_grid(strokes["quarter"]))
        features = groove_features(strokes[possible], asked, strokes)
        chosen = possible[_are_added(model, FLAM, strokes[possible], features, controls, seed)].tolist()
        random, constants = np.random.default_rng((seed, *FLAMS.encode())), model.contract.constants
        for row in chosen:
            straying = controls["temperature"] * random.standard_normal(2)
            before_ms, share = (
                quantile_of(constants[f"flam_{name}"], float(each)) for name, each in zip(("before_ms", "share"), straying, strict=True)
            )
            graces[row] = Grace(before_ms / 1000, min(share, 1.0))
    return AddedStrokes(ghosts, graces)


def _are_added(
    model: Model, column: int, places: np.ndarray, features: np.ndarray, controls: Mapping[str, float], seed: int
) -> np.ndarray:
    """Return at which places (N,), STROKE_DTYPE, of these features (N, F), a stroke is added."""
    name, constants = ADDED_COLUMNS[column], model.contract.constants
    if not len(places):
        return np.zeros(0, bool)
    odds = model.run({"features": features}, {})[0]["odds"][:, column].astype(float)
    noise = GrooveNoise(seed, name, constants["shares"])
    groups = zip(*features[:, (ROLE, PLACE)].astype(int).T.tolist(), written_s(places).tolist(), strict=True)
    odds += controls["temperature"] * np.array([noise.draw(*group) for group in groups])
    return odds >= np.interp(controls[f"{name}s"], AMOUNTS, constants[f"{name}_least_odds"])
