"""Training of what drummers add to what is written: trees for where ghost notes are, and which strokes are flams.

A take is written down without its ghost notes, the snare's strokes that are soft beside its loud ones, and without the grace strokes of
its flams. What is learnt is where they were. Artefacts: ``ghost.txt`` and ``flam.txt``, LightGBM's own text, and ``added.json``.
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightgbm
import numpy as np

from engine.base.errors import PerfLiveError
from models.drums.added import (
    ADDED_COLUMNS,
    AMOUNTS,
    FLAM,
    FLAM_ROLES,
    GHOST,
    PLACE,
    ROLE,
    STRAIGHT,
    SWUNG,
    candidates,
    loudest_ghost,
    may_be_flams,
)
from models.drums.groove import FEATURES, groove_features
from models.drums.representation import SNARE, roles_of
from training.datasets.groove import DrumTake, read_groove
from training.drums.boosting import Boosting, GrownConfig, predict
from training.drums.data import View, asked, on_the_kit, written
from training.drums.fits import LARGEST, fit_shares
from training.stages import Outcome, Work, write_json
from training.stages.trees import grown

ADDED_FILE = "added.json"
LEVELS = (0.16, 0.5, 0.84)  # quantiles: a standard deviation below, the median, one above
LONGEST_FLAM_S, SHORTEST_FLAM_S, CLEAR_S = 0.045, 0.008, 0.08
LOUDEST_GRACE, SOFTEST_MAIN = 0.75, 64  # of its main stroke, and that stroke's velocity
FLAMS_AT_MOST = 0.1  # of the strokes that may be flams; the data set's drummers play them before fewer than one in a hundred
VIEWS = (View(), View(drummer=False, plain=True, swung=True), View(style=False, drummer=False, plain=True))


class AddedConfig(GrownConfig):
    """``ghost`` and ``flam``: of the trees of each. ``smallest_leaf`` is in places."""

    task: Literal["drums-added"]
    ghost: Boosting
    flam: Boosting

    def parameters(self, column: int) -> dict[str, Any]:
        """Return these as LightGBM names them."""
        return self.grow((self.ghost, self.flam)[column], "binary")


class Added(NamedTuple):
    """A take as it is written, ``skeleton``, and what was added to it: rows of the take that are ghost notes, and pairs (F, 2) of rows, a
    grace stroke and its main one.
    """

    skeleton: np.ndarray  # rows of the take
    ghosts: np.ndarray
    flams: np.ndarray


class Places(NamedTuple):
    """Features (N, F) of the places where a stroke may be added, whether one was (N,) bool, and the take of each (N,)."""

    features: np.ndarray
    added: np.ndarray
    take: np.ndarray


def taken_apart(take: DrumTake) -> Added:
    """Return what of a take is written, and what its drummer added."""
    role, time_s = roles_of(take.strokes), take.strokes["quarter"] * 60 / take.strokes["tempo"]
    pairs: list[tuple[int, int]] = []
    for each in FLAM_ROLES:
        rows = np.flatnonzero(role == each)
        gaps = np.concatenate([[np.inf], np.diff(time_s[rows]), [np.inf]])
        for number in range(1, len(rows)):
            grace, main = rows[number - 1], rows[number]
            near = SHORTEST_FLAM_S < gaps[number] <= LONGEST_FLAM_S and min(gaps[number - 1], gaps[number + 1]) > CLEAR_S
            if near and take.velocity[main] >= SOFTEST_MAIN and take.velocity[grace] <= LOUDEST_GRACE * take.velocity[main]:
                pairs.append((grace, main))
    flams = np.array(pairs, np.int64).reshape(-1, 2)
    others = np.ones(len(role), bool)
    others[flams[:, 0]] = False
    snares = np.flatnonzero(others & (role == SNARE))
    ghosts = snares[take.velocity[snares] <= loudest_ghost(take.velocity[snares])] if len(snares) else snares
    others[ghosts] = False
    return Added(np.flatnonzero(others), ghosts, flams)


def describe(take: DrumTake, view: View, column: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of where a ghost note, or a grace stroke, may be added to what is written of a take, and whether one was."""
    apart = taken_apart(take)
    placed = on_the_kit(written(take.strokes[apart.skeleton], view.swung), view)
    placed = placed[np.argsort(placed["quarter"], kind="stable")]
    if column == FLAM:
        possible = may_be_flams(placed)
        return groove_features(placed, asked(take, view))[possible], np.isin(apart.skeleton, apart.flams[:, 1])[possible]
    places = candidates(placed)
    ghosts = take.strokes["quarter"][apart.ghosts]
    nearest = {grid: np.floor(ghosts * grid + 0.5) for grid in (STRAIGHT, SWUNG)}
    grid = SWUNG if np.any(np.abs(places["quarter"] * STRAIGHT % 1) > 1e-6) else STRAIGHT
    return groove_features(places, asked(take, view), placed), np.isin(np.round(places["quarter"] * grid), nearest[grid])


def load_places(takes: Sequence[DrumTake], views: Sequence[View], column: int) -> Places:
    parts = []
    for number, take in enumerate(takes):
        for view in views:
            features, added = describe(take, view, column)
            parts.append((features, added, np.full(len(added), number)))
    return Places(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def train(config: AddedConfig, work: Work) -> Outcome:
    """Learn from the train takes of the Groove folder ``work.data``; how likely is likely enough is fitted to its validation takes."""
    takes = read_groove(work.data, "train")[: config.takes]
    followed = read_groove(work.data, "validation")[: config.takes]
    constants: dict[str, list[float]] = flam_shapes(takes)
    told = ""
    for column, name in enumerate(ADDED_COLUMNS):
        booster = grown(work.folder / f"{name}.txt", partial(_grow, config, takes, column, work.threads))
        heard = load_places(followed, VIEWS[:1], column)
        odds = predict([booster], heard.features)[:, 0]
        wanted = (int(heard.added.sum()), round(FLAMS_AT_MOST * len(odds)))[column]
        constants[f"{name}_least_odds"] = least_odds(odds, wanted)
        if column == GHOST:
            constants["shares"] = fit_repetition(odds, heard)
            least = constants["ghost_least_odds"][-1]
            told = f"{int(heard.added[odds >= least].sum())} of {wanted} ghost notes are where drummers have them"
    write_json(work.folder / ADDED_FILE, constants)
    return Outcome(told, (ADDED_FILE, *(f"{name}.txt" for name in ADDED_COLUMNS)))


def _grow(config: AddedConfig, takes: Sequence[DrumTake], column: int, threads: int) -> lightgbm.Booster:
    places = load_places(takes, VIEWS, column)
    data = lightgbm.Dataset(places.features, places.added.astype(float), feature_name=list(FEATURES))
    return lightgbm.train(config.parameters(column) | {"num_threads": threads}, data, (config.ghost, config.flam)[column].rounds)


def least_odds(odds: np.ndarray, wanted: int) -> list[float]:
    """Return how high these logarithms of odds (N,) must be for a stroke to be added, by AMOUNTS of ``wanted`` strokes."""
    likeliest = np.sort(odds)[::-1]
    counts = np.round(np.array(AMOUNTS) * wanted).astype(int).clip(max=len(odds))
    none = likeliest[:1].sum() + 1.0  # as a number that JSON can hold
    return [float(likeliest[count - 1]) if count else float(none) for count in counts.tolist()]


def fit_repetition(odds: np.ndarray, heard: Places) -> list[float]:
    """Return which shares of what is not likely but played anyway repeat themselves, as ``fit_shares`` does."""
    likely = 1 / (1 + np.exp(-odds))
    scores = (heard.added - likely) / np.sqrt(likely * (1 - likely))
    role, place = (heard.features[:, column].astype(int) for column in (ROLE, PLACE))
    return fit_shares(scores.clip(-LARGEST, LARGEST), heard.take, role, place)


def flam_shapes(takes: Sequence[DrumTake]) -> dict[str, list[float]]:
    """Return quantiles, at LEVELS, of how many ms before its main stroke a grace stroke is, and which share of its velocity it has."""
    before_ms, shares = [0.0], [0.0]
    for take in takes:
        time_s = take.strokes["quarter"] * 60 / take.strokes["tempo"]
        grace, main = taken_apart(take).flams.T
        before_ms += (1000 * (time_s[main] - time_s[grace])).tolist()
        shares += (take.velocity[grace] / take.velocity[main]).tolist()
    rows = slice(min(1, len(shares) - 1), None)
    return {"flam_before_ms": np.quantile(before_ms[rows], LEVELS).tolist(), "flam_share": np.quantile(shares[rows], LEVELS).tolist()}


def read_added(folder: Path) -> tuple[list[lightgbm.Booster], dict[str, list[float]]]:
    """Return the trees by column, and the constants, that ``train`` wrote. Raises PerfLiveError."""
    try:
        constants = json.loads((folder / ADDED_FILE).read_text(encoding="utf-8"))
        return [lightgbm.Booster(model_file=folder / f"{name}.txt") for name in ADDED_COLUMNS], constants
    except (OSError, ValueError, lightgbm.basic.LightGBMError) as error:
        raise PerfLiveError(f"{folder}: there are no trees that can be read ({error}); run the stage again") from error
