"""Strokes that drummers add to what is written: ghost notes on the snare, and the grace strokes of flams. NumPy only.

``candidates`` are the places of a take where a ghost note may be added, ``may_be_flams`` the strokes before which a grace stroke may. Both
are described by ``models.drums.groove``.
"""

import numpy as np

from models.drums.groove import FEATURES
from models.drums.representation import (
    HIGH_TOM,
    LOW_TOM,
    MIDDLE_TOM,
    ON_GRID_QUARTERS,
    SIDE_STICK,
    SNARE,
    STEPS_A_QUARTER,
    STROKE_DTYPE,
    roles_of,
    steps_of,
)

ADDED_COLUMNS = ("ghost", "flam")
GHOST, FLAM = range(len(ADDED_COLUMNS))
GHOST_KEY = 38
GHOST_SHARE = 0.4  # of how loud the snare's loud strokes are: a ghost note is no louder
LOUD_PERCENTILE = 90
AMOUNTS = tuple(amount / 10 for amount in range(11))  # for which the contract says how likely a stroke must be to be added
STRAIGHT, SWUNG = STEPS_A_QUARTER, 3  # places a quarter for ghost notes
FLAM_ROLES = (SNARE, HIGH_TOM, MIDDLE_TOM, LOW_TOM)
CLEAR_STEPS = 1  # around a flam, where its drum is not struck

ROLE, ARTICULATION, PLACE = (FEATURES.index(name) for name in ("role", "articulation", "place"))


def candidates(strokes: np.ndarray) -> np.ndarray:
    """Return the places (STROKE_DTYPE, in order) in bars with strokes where the snare rests, between the first stroke and the last one.

    They are sixteenths, or triplets where the strokes between eighths are. ``strokes`` are those of a take, of known keys.
    """
    if not len(strokes):
        return np.zeros(0, STROKE_DTYPE)
    a_quarter = SWUNG if swings(strokes["quarter"]) else STRAIGHT
    _, rows = np.unique(strokes["bar_quarter"], return_index=True)
    places = []
    for bar in strokes[rows]:
        own = np.repeat(bar, max(1, round(float(bar["bar_quarters"]) * a_quarter)))
        own["quarter"] = bar["bar_quarter"] + np.arange(len(own)) / a_quarter
        places.append(own)
    found: np.ndarray = np.concatenate(places)
    found["key"] = GHOST_KEY
    quarter = strokes["quarter"]
    found["tempo"] = strokes["tempo"][(np.searchsorted(quarter, found["quarter"], side="right") - 1).clip(0)]
    inside = (found["quarter"] > quarter[0]) & (found["quarter"] < quarter[-1])
    snares = steps_of(quarter[np.isin(roles_of(strokes), (SNARE, SIDE_STICK))])
    return found[inside & ~np.isin(steps_of(found["quarter"]), snares)]


def may_be_flams(strokes: np.ndarray) -> np.ndarray:
    """Return which strokes [N] of a take may be flams: on a snare or a tom that is not struck right before or after."""
    role, step = roles_of(strokes), steps_of(strokes["quarter"])
    found = np.zeros(len(strokes), bool)
    for each in FLAM_ROLES:
        rows = np.flatnonzero(role == each)
        clear = np.diff(step[rows], prepend=-np.inf, append=np.inf) > CLEAR_STEPS
        found[rows] = clear[:-1] & clear[1:]
    return found


def loudest_ghost(velocity: np.ndarray) -> int:
    """Return how loud a ghost note may be beside a snare's strokes of these velocities (N,), of which there are some."""
    return max(1, int(GHOST_SHARE * np.percentile(velocity, LOUD_PERCENTILE)))


def swings(quarters: np.ndarray) -> bool:
    """Return whether more strokes at these places (N,) are on triplets of eighths than on sixteenths, between the eighths."""
    on = [np.abs(quarters * grid - np.round(quarters * grid)) <= grid * ON_GRID_QUARTERS for grid in (SWUNG, STRAIGHT, 2)]
    return bool(np.sum(on[0] & ~on[2]) > np.sum(on[1] & ~on[2]))
