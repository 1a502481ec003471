"""The strokes of a file, of which all is known: how hard each is struck, and how long before or after its written place."""

from collections.abc import Mapping, Sequence

import numpy as np

from engine.performers.drums.added import AddedStrokes, add_strokes
from engine.performers.drums.expression import DrumExpression
from engine.performers.drums.networks import Networks
from models.drums.added import loudest_ghost
from models.drums.drawing import Stroke
from models.drums.groove import FEATURES, groove_features
from models.drums.representation import SNARE, on_grid, written_s

ROLE, PLACE, PLACE_IN_QUARTER = (FEATURES.index(name) for name in ("role", "place", "place_in_quarter"))


class Groove:
    """How a file's drums are to be played: the trees, the controls and the seed."""

    def __init__(self, networks: Networks, controls: Mapping[str, float], seed: int):
        self._networks, self._controls, self._seed = networks, controls, seed

    def _expression(self) -> DrumExpression:
        return DrumExpression(self._seed, self._controls, self._networks.groove_drawing)

    @property
    def mix(self) -> float:
        """How far other instruments of a file go with the drums."""
        return self._expression().controls["mix"]

    def add(self, strokes: np.ndarray) -> AddedStrokes:
        """Return what is added to strokes (STROKE_DTYPE, in order)."""
        expression = self._expression()
        return add_strokes(self._networks.added, strokes, expression.asked, expression.controls, self._seed)

    def play(self, strokes: np.ndarray, played: np.ndarray, ghosts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the velocities (N,) of strokes (STROKE_DTYPE, in order), and by how many seconds each is later than written (N,).

        ``played`` (N,) are the velocities that they have, ``ghosts`` (N,) says which were added. A stroke that is off the grid was played
        by somebody, and stays where it is. The strokes on beats are on time in the median: how far ahead of a metronome somebody is as a
        whole depends on the instrument's latency too.
        """
        if not len(strokes):
            return np.zeros(0, int), np.zeros(0)
        expression = self._expression()
        features = groove_features(strokes, expression.asked)
        likeliest = self._networks.groove.run({"features": features}, {})[0]["likeliest"].tolist()
        velocities, timings_ms = choose_all(expression, likeliest, features, written_s(strokes))
        for velocity, given, ghost in zip(velocities.tolist(), played.tolist(), ghosts.tolist(), strict=True):
            if not ghost:
                expression.hear(velocity, given)
        performed = np.array([expression.apply(*each) for each in zip(velocities.tolist(), played.tolist(), strict=True)])
        if ghosts.any():
            own = [expression.apply_to_added(velocity) for velocity in velocities[ghosts].tolist()]
            performed[ghosts] = np.minimum(own, loudest_ghost(performed[~ghosts & (features[:, ROLE] == SNARE)]))
        later_s = (timings_ms - _on_beats(features, timings_ms)) / 1000
        return performed, later_s * on_grid(strokes["quarter"]) * expression.controls["timing"]


def choose_all(
    expression: DrumExpression, likeliest: Sequence[Sequence[float]], features: np.ndarray, times_s: np.ndarray
) -> list[np.ndarray]:
    """Return velocities (N,) of strokes of which ``likeliest`` says what is, and timings in ms (N,) where it says them."""
    read, groups = expression.read(features), features[:, (ROLE, PLACE)].astype(int).tolist()
    chosen = [
        expression.choose(likeliest[row], read[row], Stroke(role, place, time_s))
        for row, ((role, place), time_s) in enumerate(zip(groups, times_s.tolist(), strict=True))
    ]
    return [np.array(column) for column in zip(*chosen, strict=True)]


def _on_beats(features: np.ndarray, timing_ms: np.ndarray) -> float:
    """Return the median timing of strokes on beats, 0 where there is none."""
    on_beats = features[:, PLACE_IN_QUARTER] == 0
    return float(np.median(timing_ms[on_beats])) if on_beats.any() else 0.0
