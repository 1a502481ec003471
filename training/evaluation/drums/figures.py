"""How near the drummer comes to drummers on takes that it has not heard, beside simple baselines.

All rows are free-running: no prediction knows a velocity or a deviation of the take.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.onnx.model import Model
from engine.performers.drums.expression import DrumExpression
from engine.performers.drums.lookahead import MOST_DECIDING_S
from models.drums.drawing import Drawing, Kind
from training.datasets.groove import DrumTake
from training.drums.data import DESCRIBE, View, steps, written
from training.drums.drawing import strokes_of

# How much the trees are told.
GROOVE_ROWS = {
    "told style, drummer": View(),
    "told style": View(drummer=False),
    "told nothing": View(style=False, drummer=False),
    "look-ahead of 1 s": View(ahead_s=1 - MOST_DECIDING_S),
    "look-ahead of 2 s": View(ahead_s=2 - MOST_DECIDING_S),
    "plain kit": View(style=False, drummer=False, plain=True),
}
LIVE_ROWS = {
    "told style, drummer": View(),
    "told style": View(drummer=False),
    "told nothing": View(style=False, drummer=False),
    "no clock": View(style=False, drummer=False, beat=False),
}


class Played(NamedTuple):
    """What was played of each take: velocities, and ms after the nearest sixteenths."""

    velocity: list[np.ndarray]
    timing_ms: list[np.ndarray]


def played(takes: Sequence[DrumTake]) -> Played:
    return Played([take.velocity for take in takes], [DESCRIBE["groove"](take, View())[1] for take in takes])


def baselines(train: Sequence[DrumTake], takes: Sequence[DrumTake]) -> tuple[dict[str, list[np.ndarray]], dict[str, list[np.ndarray]]]:
    """Return predictions of velocities and of timings in ms: medians of all train takes, and of each key at each sixteenth of the bar."""
    known = played(train)
    columns = [(known.velocity, np.concatenate(known.velocity)), (known.timing_ms, np.concatenate(known.timing_ms))]
    medians = [float(np.median(all_values)) for _, all_values in columns]
    groups: dict[int, list[tuple[float, float]]] = {}
    for take, velocity, timing_ms in zip(train, *known, strict=True):
        for group, values in zip(_groups(take), zip(velocity.tolist(), timing_ms.tolist(), strict=True), strict=True):
            groups.setdefault(group, []).append(values)
    table = {group: np.median(values, axis=0) for group, values in groups.items()}
    looked_up = [np.array([table.get(group, np.array(medians)) for group in _groups(take)]) for take in takes]
    velocities = {
        "constant": [np.full(len(take.velocity), medians[0]) for take in takes],
        "table": [found[:, 0] for found in looked_up],
    }
    timings = {"grid": [np.zeros(len(take.velocity)) for take in takes], "table": [found[:, 1] for found in looked_up]}
    return velocities, timings


def _groups(take: DrumTake) -> list[int]:
    return (take.strokes["key"] * 1000 + steps(written(take.strokes, swung=False))).tolist()


def likeliest(model: Model, kind: Kind, take: DrumTake, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return what the trees say of a take's strokes, (N, columns), and their features."""
    features, _ = DESCRIBE[kind](take, view)
    return model.run({"features": features}, {})[0]["likeliest"], features


def sampled(drawing: Drawing, take: DrumTake, view: View, found: np.ndarray, features: np.ndarray, seed: int) -> list[np.ndarray]:
    """Return velocities, and timings where there are any, drawn as the performer draws them at temperature 1."""
    expression = DrumExpression(seed, {"temperature": 1.0}, drawing)
    strokes = strokes_of(drawing.kind, take, view, features)
    drawn = [expression.choose(*each) for each in zip(found.tolist(), expression.read(features), strokes, strict=True)]
    velocities, *timings = np.array(drawn).T
    return [velocities.clip(1, 127), *timings]
