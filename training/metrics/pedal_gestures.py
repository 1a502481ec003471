"""The sustain pedal as what a foot does: when it is pressed and lifted, against another performance of the same score."""

from typing import NamedTuple

import numpy as np

from models.performance.pedal import Pedal
from models.performance.representation import Performed
from training.metrics.expressiveness import PEDAL_DOWN, mean_depth, performed_onsets
from training.metrics.matching import count_pairs

GESTURES = ("press", "lift", "presses_a_minute", "half_share")
TOGETHER_S = 0.06  # as near are two gestures the same
HALF_FROM, HALF_TO = 0.1, 0.9  # depths between which the pedal is neither up nor down


class Gestures(NamedTuple):
    """``quarters`` and ``sec`` (P,) ascending: where and when each onset of the score is performed; ``press`` and ``lift``: times, in s."""

    quarters: np.ndarray
    sec: np.ndarray
    press: np.ndarray
    lift: np.ndarray
    half_share: float


def find_gestures(notes: np.ndarray, performed: Performed) -> Gestures:
    """Return the gestures of a performance of ``notes`` (N,) with two onsets or more: where the pedal passes half of its way."""
    _, quarters, _, onset_sec = performed_onsets(notes, performed)
    sec = np.maximum.accumulate(onset_sec)
    depths = np.asarray(performed.pedal.value) / 127
    between = performed.pedal._replace(value=127 * ((depths > HALF_FROM) & (depths < HALF_TO)))
    half_share = float(mean_depth(between, sec[:1], sec[-1:])[0])
    return Gestures(quarters, sec, *presses_and_lifts(performed.pedal), half_share)


def presses_and_lifts(pedal: Pedal) -> tuple[np.ndarray, np.ndarray]:
    """Return when the pedal passes half of its way downwards and upwards, in s, ascending."""
    times = np.asarray(pedal.time_sec, float)
    moves = np.diff((np.asarray(pedal.value) >= PEDAL_DOWN).astype(int), prepend=0)
    return times[moves > 0], times[moves < 0]


def measure_gestures(gestures: Gestures) -> dict[str, float]:
    """Return how often a minute the pedal is pressed, and the share of time in which it is neither up nor down."""
    minutes = max(gestures.sec[-1] - gestures.sec[0], TOGETHER_S) / 60
    return {"presses_a_minute": len(gestures.press) / minutes, "half_share": gestures.half_share}


def compare_gestures(mine: Gestures, other: Gestures) -> dict[str, float]:
    """Return the F-measure of presses and of lifts: mine, at the other's tempo, that are within 60 ms of the other's. NaN without any."""
    shared, at_mine, at_other = np.intersect1d(mine.quarters, other.quarters, return_indices=True)
    found = {}
    for name in ("press", "lift"):
        times, others = getattr(mine, name), getattr(other, name)
        moved = _at_tempo(times, mine.sec[at_mine], other.sec[at_other]) if len(shared) else times
        count = len(times) + len(others)
        found[name] = 2 * count_pairs(moved, others, TOGETHER_S) / count if count else float("nan")
    return found


def _at_tempo(times: np.ndarray, mine: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return ``times`` of one performance as they are in another; before the first and after the last onset they keep their distance."""
    first, last = np.minimum(times - mine[0], 0), np.maximum(times - mine[-1], 0)
    return np.interp(times, mine, other) + first + last
