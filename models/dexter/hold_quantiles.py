"""Corrections of how long keys are held: a physical minimum, and quantile mapping to the holds of human performers. NumPy only.

Two facts about performances are missing from predictions. Fingers need about 30 ms to leave a key, so that short holds gather just above
that. And performers either detach or hold long notes; intermediate lengths are rare. Samples around a mean are too spread where notes are
short and too often in between where they are long.
"""

from typing import NamedTuple

import numpy as np

from models.performance.features import at_played_tempo, denormalise_column, normalise_column
from models.performance.representation import ARTICULATION

SHORTEST_HOLD_S = 0.018
SHORT_HOLD_S = 0.04  # below it, half as many octaves remain
SHARPNESS = 6  # of both bends: higher values come nearer to an angle
NOTATED_OCTAVES = np.arange(-4.0, 2.0)  # log2 of seconds: notated durations at the tempo of the performance
LEVELS = np.array([0.002, 0.005, 0.01, 0.02, *np.arange(1, 20) / 20, 0.98, 0.99, 0.995, 0.998])  # of quantiles
MAPPED_SHARE = 0.5  # of the way to humans' quantiles: the whole way costs as much correlation with one human as it gains in likeness to all


class HoldQuantiles(NamedTuple):
    """Quantiles of articulation, each (len(NOTATED_OCTAVES), len(LEVELS)), of samples and of human performances."""

    sampled: np.ndarray
    human: np.ndarray


class Holds(NamedTuple):
    """By note (n,), log2: the notated duration in seconds at the tempo of the performance, and the articulation."""

    notated: np.ndarray
    articulation: np.ndarray


def holds_of(normalised: np.ndarray, notated: np.ndarray) -> Holds:
    """Return the holds of normalised columns (n, 8); ``notated`` (n,) are the notes' ``features.notated_octaves``."""
    return Holds(at_played_tempo(normalised, notated), denormalise_column(normalised[:, ARTICULATION], ARTICULATION))


def lengthen_short_holds(normalised: np.ndarray, notated: np.ndarray) -> np.ndarray:
    """Return columns (n, 8) in which no key is held for less than SHORTEST_HOLD_S.

    The 2nd percentile of pianists' holds is 28 ms and the 25th is 52 ms; predictions lie beyond more often than near. Below SHORT_HOLD_S
    half of the octaves remain, which fits 43 training pieces best. Holds of 80 ms and more do not change.
    """
    holds = holds_of(normalised, notated)
    seconds = np.exp2(holds.notated + holds.articulation)
    longer = np.log2(1 + (SHORT_HOLD_S / seconds) ** SHARPNESS) / (2 * SHARPNESS)
    longer += np.log2(1 + (SHORTEST_HOLD_S / (seconds * np.exp2(longer))) ** SHARPNESS) / SHARPNESS
    return _with_articulation(normalised, holds.articulation + longer)


def map_to_human_holds(
    normalised: np.ndarray, notated: np.ndarray, quantiles: HoldQuantiles, share: np.ndarray | float = MAPPED_SHARE
) -> np.ndarray:
    """Return sampled columns (n, 8) with articulation moved towards that of humans by quantile mapping.

    The order of two notes of one notated duration stays. ``share``, 0 to 1, one value or by note (n,), is how far values are moved.
    """
    holds = holds_of(normalised, notated)
    mapped = [np.interp(holds.articulation, *pair) for pair in zip(quantiles.sampled, quantiles.human, strict=True)]
    as_humans = (octave_weights(holds.notated) * np.stack(mapped, axis=1)).sum(axis=1)
    return _with_articulation(normalised, holds.articulation + share * (as_humans - holds.articulation))


def octave_weights(notated: np.ndarray) -> np.ndarray:
    """Return the weights (n, len(NOTATED_OCTAVES)) of linear interpolation between NOTATED_OCTAVES for notes (n,); rows sum to 1."""
    inside = np.clip(notated, NOTATED_OCTAVES[0], NOTATED_OCTAVES[-1])
    return np.maximum(1 - np.abs(inside[:, None] - NOTATED_OCTAVES), 0)


def _with_articulation(normalised: np.ndarray, articulation: np.ndarray) -> np.ndarray:
    columns = normalised.copy()
    columns[:, ARTICULATION] = normalise_column(articulation, ARTICULATION)
    return columns
