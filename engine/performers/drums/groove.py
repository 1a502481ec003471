"""The strokes of a file, of which all is known: how hard each is struck, and how long before or after its written place."""

from collections.abc import Mapping

import numpy as np

from engine.onnx.model import Model
from engine.performers.drums.expression import TIMING, VELOCITY, DrumExpression
from models.drums.groove import FEATURES, groove_features
from models.drums.representation import TIMING_COLUMNS, on_grid, written_s

ROLE, PLACE, PLACE_IN_QUARTER = (FEATURES.index(name) for name in ("role", "place", "place_in_quarter"))
MEDIAN = 1


def perform_strokes(
    model: Model, strokes: np.ndarray, played: np.ndarray, controls: Mapping[str, float], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the velocities (N,) of strokes (STROKE_DTYPE, in order), and by how many seconds each is later than written (N,).

    ``played`` (N,) are the velocities that they have. A stroke that is off the grid was played by somebody, and stays where it is. The
    strokes on beats are on time in the median: how far ahead of a metronome somebody is as a whole depends on the instrument's latency too.
    """
    if not len(strokes):
        return np.zeros(0, int), np.zeros(0)
    expression = DrumExpression(seed, controls, model.contract.constants)
    features = groove_features(strokes, expression.asked)
    quantiles = model.run({"features": features}, {})[0]["quantiles"].reshape(len(strokes), 2, len(TIMING_COLUMNS)).tolist()
    roles, places = features[:, (ROLE, PLACE)].astype(int).T.tolist()
    groups = list(zip(roles, places, written_s(strokes).tolist(), strict=True))
    velocities = [expression.choose(VELOCITY, own[0], *group) for own, group in zip(quantiles, groups, strict=True)]
    timings_ms = [expression.choose(TIMING, own[1], *group) for own, group in zip(quantiles, groups, strict=True)]
    for velocity, given in zip(velocities, played.tolist(), strict=True):
        expression.hear(velocity, given)
    performed = [expression.apply(velocity, given) for velocity, given in zip(velocities, played.tolist(), strict=True)]
    later_s = (np.array(timings_ms) - _on_beats(features, np.array(quantiles)[:, 1, MEDIAN])) / 1000
    moved = on_grid(strokes["quarter"]) * expression.controls["timing"]
    return np.array(performed), later_s * moved


def _on_beats(features: np.ndarray, timing_ms: np.ndarray) -> float:
    """Return the median timing of strokes on beats, 0 where there is none."""
    on_beats = features[:, PLACE_IN_QUARTER] == 0
    return float(np.median(timing_ms[on_beats])) if on_beats.any() else 0.0
