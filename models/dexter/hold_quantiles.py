"""How long keys are held: what predictions and samples have too much of, put right. NumPy only.

Fingers leave no key at once, so that durations crowd above some 30 ms; and a note that lasts is struck short or held, seldom half held.
What is sampled around a mean knows neither: it is too short and too long where notes are short, and half held where they are long.
"""

from typing import NamedTuple

import numpy as np

from models.performance.features import at_played_tempo, denormalise_column, normalise_column
from models.performance.representation import ARTICULATION

SHORTEST_HELD_S = 0.018
BRIEF_S = 0.04  # what is held for less is so by half as many octaves only
SHARPNESS = 6  # of both bends: the higher, the nearer to an angle
WRITTEN_OCTAVES = np.arange(-4.0, 2.0)  # log2 of seconds: how long notes last as they are written, at the tempo of the performance
LEVELS = np.array([0.002, 0.005, 0.01, 0.02, *np.arange(1, 20) / 20, 0.98, 0.99, 0.995, 0.998])  # of quantiles
TOUCH_SHARE = 0.5  # of the way to humans' quantiles: all of it costs as much correlation with a human as it gains in likeness to all


class Touch(NamedTuple):
    """Quantiles of articulation, each (len(WRITTEN_OCTAVES), len(LEVELS)): as it is ``sampled``, and as humans have ``played``."""

    sampled: np.ndarray
    played: np.ndarray


class Held(NamedTuple):
    """By note (n,), log2: the seconds that it lasts as it is written, at the tempo of the performance, and ``articulation``."""

    written: np.ndarray
    articulation: np.ndarray


def held_keys(normalised: np.ndarray, notated: np.ndarray) -> Held:
    """Return what columns (n, 8) say of how long keys are held; ``notated`` (n,) are the notes' ``features.notated_octaves``."""
    return Held(at_played_tempo(normalised, notated), denormalise_column(normalised[:, ARTICULATION], ARTICULATION))


def hold(normalised: np.ndarray, notated: np.ndarray) -> np.ndarray:
    """Return columns (n, 8) in which keys are held for as long as fingers take, SHORTEST_HELD_S at least.

    Of pianists' notes one in fifty is held for less than 28 ms and one in four for less than 52, and what is predicted is less often near
    that than beyond: below BRIEF_S half of the octaves are left, as fits 43 train pieces best. 80 ms and more stay what they are.
    """
    held = held_keys(normalised, notated)
    seconds = np.exp2(held.written + held.articulation)
    longer = np.log2(1 + (BRIEF_S / seconds) ** SHARPNESS) / (2 * SHARPNESS)
    longer += np.log2(1 + (SHORTEST_HELD_S / (seconds * np.exp2(longer))) ** SHARPNESS) / SHARPNESS
    return _with_articulation(normalised, held.articulation + longer)


def touched(normalised: np.ndarray, notated: np.ndarray, touch: Touch, share: np.ndarray | float = TOUCH_SHARE) -> np.ndarray:
    """Return sampled columns (n, 8) in which keys are held the more as humans hold them: quantile mapping, which keeps what is held
    longer than another note of its length longer. ``share``, 0 to 1, also by note (n,), of the way.
    """
    held = held_keys(normalised, notated)
    mapped = [np.interp(held.articulation, *quantiles) for quantiles in zip(touch.sampled, touch.played, strict=True)]
    as_humans = (weights(held.written) * np.stack(mapped, axis=1)).sum(axis=1)
    return _with_articulation(normalised, held.articulation + share * (as_humans - held.articulation))


def weights(written: np.ndarray) -> np.ndarray:
    """Return how much each of WRITTEN_OCTAVES counts for notes (n,): (n, len(WRITTEN_OCTAVES)), in sum 1."""
    inside = np.clip(written, WRITTEN_OCTAVES[0], WRITTEN_OCTAVES[-1])
    return np.maximum(1 - np.abs(inside[:, None] - WRITTEN_OCTAVES), 0)


def _with_articulation(normalised: np.ndarray, articulation: np.ndarray) -> np.ndarray:
    columns = normalised.copy()
    columns[:, ARTICULATION] = normalise_column(articulation, ARTICULATION)
    return columns
