"""``perf-eval dexter``: does a descriptor's control move the descriptor that is measured in the performance?"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from engine.score.piece import Piece
from engine.score.tables import Score
from models.performance.descriptors import DESCRIPTORS, DEVIATIONS, describe
from models.performance.representation import Performed

RenderWith = Callable[[Piece, Mapping[str, float]], Performed]  # a performance with controls, by name, in deviations


def descriptor_trials(piece: Piece, render: RenderWith) -> np.ndarray:
    """Return by how many deviations each descriptor of the performance goes up, (7 controls, 2, 7 descriptors).

    First with the control one deviation up instead of 0, then with it at 0 instead of one deviation down.
    """
    score = piece.score
    middle = measure_descriptors(score, render(piece, {}))
    moved = [[measure_descriptors(score, render(piece, {name: value})) for value in (1.0, -1.0)] for name in DESCRIPTORS]
    return np.array([[up - middle, middle - down] for up, down in moved])


def measure_descriptors(score: Score, performed: Performed) -> np.ndarray:
    """Return the mean over notes of the descriptors (7,), in deviations."""
    return describe(score.notes, performed).mean(axis=0) / DEVIATIONS


def summarise_trials(trials: Sequence[np.ndarray]) -> dict[str, dict[str, float]]:
    """Return by control the change of each descriptor from a deviation down to a deviation up, the mean over scores, and "right_way":
    the share of trials, up and down of each score, in which the control's own descriptor moved the right way."""
    every = np.array(trials)  # (scores, controls, 2, descriptors)
    changes = every.sum(axis=2).mean(axis=0)
    rows = {}
    for row, name in enumerate(DESCRIPTORS):
        right = float((every[:, row, :, row] > 0).mean())
        rows[name] = dict(zip(DESCRIPTORS, changes[row].tolist(), strict=True)) | {"right_way": right}
    return rows
