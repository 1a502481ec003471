"""What the drummer adds to a file when asked: ghost notes where the snare rests, and the grace strokes of flams.

The likeliest places come first: a larger amount keeps what a smaller one added. What is drawn by chance repeats itself from bar to bar.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from engine.onnx.model import Model
from models.drums.added import ADDED_COLUMNS, AMOUNTS, FLAM, GHOST, PLACE, ROLE, candidates, may_be_flams
from models.drums.groove import groove_features
from models.drums.representation import Asked, on_grid

GHOSTS, FLAMS = "ghosts", "flams"
LARGEST = 2.5  # standard deviations that a grace stroke strays at most


class Grace(NamedTuple):
    """A grace stroke: how many seconds before its main stroke, and which share of its velocity."""

    before_s: float
    share: float


class AddedStrokes(NamedTuple):
    """Ghost notes (G,), STROKE_DTYPE, in order, and the grace strokes by the row of their main stroke."""

    ghosts: np.ndarray
    graces: dict[int, Grace]


class GrooveNoise:
    """Standard normal numbers that repeat themselves as a drummer's habits do.

    They have parts of the whole take, of a drum, and of its place in the bar, in the stated ``shares`` of variance, and of each stroke.
    """

    def __init__(self, seed: int, what: str, shares: Sequence[float]):
        self._key = seed, *what.encode()
        self._amounts = [math.sqrt(share) for share in shares]
        self._own_amount = math.sqrt(max(0.0, 1 - sum(shares)))
        self._own = np.random.default_rng(self._key)
        self._kept: dict[tuple[int, ...], float] = {}

    def draw(self, role: int, place: int) -> float:
        """Return the number for the next stroke, of a role at a sixteenth of the bar, -1 where that is not known."""
        groups = ((), (role,), (role, place + 1))
        repeated = sum(amount * self._of(group) for amount, group in zip(self._amounts, groups, strict=True))
        return repeated + self._own_amount * float(self._own.standard_normal())

    def _of(self, group: tuple[int, ...]) -> float:
        if group not in self._kept:
            self._kept[group] = float(np.random.default_rng((*self._key, 1 + len(group), *group)).standard_normal())
        return self._kept[group]


class Added:
    """Decides what is added; its noise goes on from place to place. ``controls`` are those of the stream, as they are at each moment."""

    def __init__(self, model: Model, controls: Mapping[str, float], seed: int):
        self._model, self._controls, self._constants = model, controls, model.contract.constants
        self._noise = {name: GrooveNoise(seed, name, self._constants["shares"]) for name in ADDED_COLUMNS}
        self._random = np.random.default_rng((seed, *FLAMS.encode()))

    def choose(self, column: int, features: np.ndarray) -> np.ndarray:
        """Return at which places (N,) of these features (N, F) a stroke is added."""
        name = ADDED_COLUMNS[column]
        if not len(features):
            return np.zeros(0, bool)
        odds = self._model.run({"features": features}, {})[0]["odds"][:, column].astype(float)
        groups = features[:, (ROLE, PLACE)].astype(int).tolist()
        odds += self._controls["temperature"] * np.array([self._noise[name].draw(*group) for group in groups])
        found: np.ndarray = odds >= np.interp(self._controls[f"{name}s"], AMOUNTS, self._constants[f"{name}_least_odds"])
        return found

    def grace(self) -> Grace:
        """Return the grace stroke of the next flam."""
        straying = (self._controls["temperature"] * self._random.standard_normal(2)).tolist()
        before_ms, share = (
            quantile_of(self._constants[name], each) for name, each in zip(("flam_before_ms", "flam_share"), straying, strict=True)
        )
        return Grace(before_ms / 1000, min(share, 1.0))


def add_strokes(model: Model, strokes: np.ndarray, asked: Asked, controls: Mapping[str, float], seed: int) -> AddedStrokes:
    """Return what is added to the strokes of a file (STROKE_DTYPE, in order, all of known keys)."""
    added, ghosts, graces = Added(model, controls, seed), strokes[:0], dict[int, Grace]()
    if controls[GHOSTS]:
        places = candidates(strokes)
        ghosts = places[added.choose(GHOST, groove_features(places, asked, strokes))]
    if controls[FLAMS] and len(strokes):
        possible = np.flatnonzero(may_be_flams(strokes) & on_grid(strokes["quarter"]))
        features = groove_features(strokes[possible], asked, strokes)
        chosen = possible[added.choose(FLAM, features)].tolist()
        graces = {row: added.grace() for row in chosen}
    return AddedStrokes(ghosts, graces)


def quantile_of(quantiles: Sequence[float], straying: float) -> float:
    """Return what is so many standard deviations away from the median of three quantiles, at most LARGEST."""
    low, median, high = quantiles
    straying = min(max(straying, -LARGEST), LARGEST)
    return median + straying * max(high - median if straying > 0 else median - low, 0.0)
