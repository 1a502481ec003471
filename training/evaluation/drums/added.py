"""Where ghost notes are added, beside where drummers play them on takes that training has not heard."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.onnx.model import Model
from models.drums.added import AMOUNTS, GHOST, PLACE
from models.drums.groove import FEATURES
from training.datasets.groove import DrumTake
from training.drums.added import VIEWS, Places, load_places

STYLE = FEATURES.index("style")
MOST_PLACES = 1000  # of a bar


class Found(NamedTuple):
    """How many ghost notes are ``added``, for ``played`` ones of the drummers; which share is where they have them, and which share of
    theirs is found.
    """

    added: int
    played: int
    right: float
    found: float


def ghosts_found(model: Model, train: Sequence[DrumTake], takes: Sequence[DrumTake]) -> dict[str, Found]:
    """Return it for ``--set ghosts=1`` without chance, told style and drummer; for as many at the likeliest places of a bar by style; and
    for as many by chance.
    """
    heard, known = (load_places(each, VIEWS[:1], GHOST) for each in (takes, train))
    odds = model.run({"features": heard.features}, {})[0]["odds"][:, GHOST]
    least = np.interp(1.0, AMOUNTS, model.contract.constants["ghost_least_odds"])
    added = odds >= least
    groups, known_groups = _groups(heard), _groups(known)
    shares = np.bincount(known_groups, known.added, MOST_PLACES * MOST_PLACES) / np.maximum(
        np.bincount(known_groups, minlength=MOST_PLACES * MOST_PLACES), 1
    )
    likeliest = np.zeros(len(added), bool)
    likeliest[np.argsort(-shares[groups], kind="stable")[: int(added.sum())]] = True
    chance = np.zeros(len(added), bool)
    chance[np.random.default_rng(0).permutation(len(added))[: int(added.sum())]] = True
    return {name: _found(each, heard.added) for name, each in (("by chance", chance), ("table", likeliest), ("the drummer", added))}


def _groups(places: Places) -> np.ndarray:
    place, style = places.features[:, (PLACE, STYLE)].astype(int).T
    return style * MOST_PLACES + place


def _found(added: np.ndarray, played: np.ndarray) -> Found:
    right = int((added & played).sum())
    return Found(int(added.sum()), int(played.sum()), right / max(int(added.sum()), 1), right / max(int(played.sum()), 1))
