"""What a drummer is asked: which drum, where in the bar, and what is struck around it. NumPy only.

Training and playing share it. ``groove`` describes the strokes of a whole take, of which all is known but how hard and how far off the grid
they are; ``live_kit`` describes each stroke as it comes, by those before it.

The keys are those of General MIDI and of the Roland TD-11 on which the Groove data set was played (Gillick et al., Learning to Groove with
Inverse Sequence Transformations, 2019), which has more: the edges of the hi-hat (22, 26) and the rim of the third tom (58).
"""

from typing import NamedTuple

import numpy as np

REPRESENTATION_VERSION = 1

KICK, SNARE, SIDE_STICK, HIGH_TOM, MIDDLE_TOM, LOW_TOM = range(6)
OPEN_HAT, CLOSED_HAT, PEDAL_HAT, CRASH, RIDE, BELL = range(6, 12)
ROLES = 12
HATS = (OPEN_HAT, CLOSED_HAT, PEDAL_HAT)

# Key -> role and articulation, a number of its own; General MIDI's other drums are of the nearest kind, and its percussion is of none.
KEYS: dict[int, tuple[int, int]] = {
    35: (KICK, 0),
    36: (KICK, 0),
    38: (SNARE, 1),
    40: (SNARE, 2),  # the rim with the head
    39: (SNARE, 1),
    37: (SIDE_STICK, 3),
    48: (HIGH_TOM, 4),
    50: (HIGH_TOM, 5),
    45: (MIDDLE_TOM, 6),
    47: (MIDDLE_TOM, 7),
    43: (LOW_TOM, 8),
    41: (LOW_TOM, 8),
    58: (LOW_TOM, 9),
    46: (OPEN_HAT, 10),
    26: (OPEN_HAT, 11),
    42: (CLOSED_HAT, 12),
    22: (CLOSED_HAT, 13),
    44: (PEDAL_HAT, 14),
    49: (CRASH, 15),
    55: (CRASH, 16),
    57: (CRASH, 17),
    52: (CRASH, 18),
    51: (RIDE, 19),
    59: (RIDE, 20),
    53: (BELL, 21),
}
PLAIN_KEYS = {22: 42, 26: 46, 40: 38, 58: 43, 50: 48, 47: 45, 55: 49, 52: 57, 59: 51}  # what a kit without articulations has instead

ANY = 0  # a style or drummer that nobody names
STYLES = (
    "any",
    "afrobeat",
    "afrocuban",
    "blues",
    "country",
    "dance",
    "funk",
    "gospel",
    "hiphop",
    "jazz",
    "latin",
    "middleeastern",
    "neworleans",
    "pop",
    "punk",
    "reggae",
    "rock",
    "soul",
)
DRUMMERS = ("any", *(f"drummer{number}" for number in range(1, 11)))

STEPS_A_QUARTER = 4
GRIDS = (4, 6)  # divisions of a quarter that grooves are written on: sixteenths, and their triplets
ON_GRID_QUARTERS = 1 / 96


class Asked(NamedTuple):
    """Whose playing is wanted: indices into STYLES and DRUMMERS."""

    style: int = ANY
    drummer: int = ANY


NOBODY = Asked()  # in particular

STROKE_DTYPE = np.dtype(
    [
        ("quarter", "f8"),  # where it stands
        ("key", "i4"),
        ("bar_quarter", "f8"),  # where its bar begins
        ("bar_quarters", "f8"),  # how long that is
        ("tempo", "f8"),  # in quarters a minute
    ]
)


def known(keys: np.ndarray) -> np.ndarray:
    """Return which of the keys [N] are of a drum kit."""
    return np.isin(keys, list(KEYS))


def roles_of(strokes: np.ndarray) -> np.ndarray:
    """Return the roles [N] of strokes of known keys."""
    return np.array([KEYS[key][0] for key in strokes["key"].tolist()], np.int64)


def on_grid(quarters: np.ndarray) -> np.ndarray:
    """Return which places [N] are written: on sixteenths or their triplets. All others were played."""
    return np.any([np.abs(quarters * grid - np.round(quarters * grid)) <= grid * ON_GRID_QUARTERS for grid in GRIDS], axis=0)


def steps_of(quarters: np.ndarray) -> np.ndarray:
    """Return the nearest sixteenths [N] of places, int64."""
    return np.floor(quarters * STEPS_A_QUARTER + 0.5).astype(np.int64)


def written_s(strokes: np.ndarray) -> np.ndarray:
    """Return when strokes (STROKE_DTYPE, in order) are written, in seconds of their tempos [N]."""
    return np.append(0.0, np.cumsum(np.diff(strokes["quarter"]) * 60 / strokes["tempo"][:-1])) if len(strokes) else np.zeros(0)
