"""The sustain pedal of performances as a network learns it: what it does at each note."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.velocity.representation import CHORD_S, PEDAL_MOVES

FURTHEST_S = 0.35  # between a chord and a move of the pedal that is its own
LONGEST_CHANGE_S = 1.0  # a pedal that is up for longer is not changed but let go
DOWN_AFTER_S = 0.2  # from a chord on, when a pedal that was changed at it is down again
UNKNOWN = -1
HALF = 64


def pedal_moves(notes: np.ndarray, pedals: np.ndarray) -> np.ndarray:
    """Return PEDAL_MOVES, int8 (N, 2), of notes (NOTE_DTYPE, in order): 1 or 0, UNKNOWN where there are no ``pedals``."""
    if not len(pedals) or not len(notes):
        return np.full((len(notes), len(PEDAL_MOVES)), UNKNOWN, np.int8)
    chord, onsets = chords(notes["onset_sec"])
    lifts, _ = lifts_and_presses(pedals)
    lifted = np.zeros(len(onsets), np.int8)
    if len(lifts):
        nearest, away = nearest_chords(onsets, lifts)
        lifted[nearest[np.abs(away) <= FURTHEST_S]] = 1
    down = is_down(pedals, onsets + DOWN_AFTER_S)
    return np.stack([lifted[chord], down[chord].astype(np.int8)], 1)


def chords(onset_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of each note [N], in order, which chord it is in, and the chords' onsets [C]."""
    new = np.append(True, np.diff(onset_s) > CHORD_S)
    return np.cumsum(new) - 1, onset_s[new]


def nearest_chords(onsets: np.ndarray, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which of the chords ``onsets`` [C] is nearest to each time [T], and how much later than it the time is."""
    after = np.searchsorted(onsets, times_s).clip(1, max(len(onsets) - 1, 1))
    before_nearer = np.abs(times_s - onsets[after - 1]) <= np.abs(onsets[after.clip(max=len(onsets) - 1)] - times_s)
    nearest = np.where(before_nearer, after - 1, after.clip(max=len(onsets) - 1))
    return nearest, times_s - onsets[nearest]


def lifts_and_presses(pedals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return when the pedal crosses half-way upwards and downwards, seconds."""
    down = np.append(False, pedals["value"] >= HALF)
    changes = np.diff(down.astype(int))
    return pedals["time_sec"][changes < 0], pedals["time_sec"][changes > 0]


def press_delays(onsets: np.ndarray, pedals: np.ndarray) -> np.ndarray:
    """Return by how many seconds the pedal is down again later than the chord [C] at which it was lifted, for each such chord."""
    lifts, presses = lifts_and_presses(pedals)
    if not len(lifts) or not len(presses):
        return np.zeros(0)
    after = np.searchsorted(presses, lifts)
    again = after < len(presses)
    nearest, away = nearest_chords(onsets, lifts[again])
    delays = presses[after[again]] - onsets[nearest]
    return delays[(np.abs(away) <= FURTHEST_S) & (delays > 0) & (delays <= LONGEST_CHANGE_S)]


def is_down(pedals: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Return whether the pedal is down at each time [T]."""
    state = np.append(False, pedals["value"] >= HALF)
    return state[np.searchsorted(pedals["time_sec"], times_s, side="right")]


def pedal_loss(moves: Tensor, played: Tensor) -> Tensor:
    """Return the mean cross-entropy of logits [B, T, 2] for PEDAL_MOVES [B, T, 2], over what is known."""
    known = (played != UNKNOWN).float()
    each = functional.binary_cross_entropy_with_logits(moves, played.clamp(min=0), reduction="none")
    return (each * known).sum() / torch.clamp(known.sum(), min=1)
