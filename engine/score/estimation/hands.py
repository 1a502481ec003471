"""Which hand plays a note of a piano's MIDI score, whose tracks are hands, voices, or only one.

Of two tracks the lower one is the left hand's. Otherwise a boundary between the hands goes through the score. At each onset it costs where
a hand has to reach beyond an octave and where notes are not about as far from it as the middle of a hand is; it costs to move it. The
cheapest way through all onsets is found (Viterbi).

Its figures were chosen on two-track scores of (n)ASAP's train split (docs/notebook.md).
"""

import numpy as np

BOUNDARIES = np.arange(36, 90) - 0.5  # MIDI pitches; notes above are the right hand's
HAND_SEMITONES, SPREAD_SEMITONES = 7.0, 8.0  # how far its notes are from the boundary, about
MOST_COST = 2.0  # of one note
REACH_SEMITONES, BEYOND_COST = 12, 0.5
MOVE_COST = 0.25  # for each semitone
MIDDLE_PITCH, MIDDLE_COST = 60.0, 0.0005


def left_hand(onsets: np.ndarray, pitches: np.ndarray, tracks: np.ndarray) -> np.ndarray:
    """Return whether each note (N,), in any order, is the left hand's."""
    if not len(onsets):
        return np.zeros(0, dtype=bool)
    numbers, track = np.unique(tracks, return_inverse=True)
    if len(numbers) == 2:
        lower = np.argmin(np.bincount(track, weights=pitches) / np.bincount(track))
        return track == lower
    _, onset = np.unique(np.round(onsets, 4), return_inverse=True)
    return pitches < BOUNDARIES[_cheapest(_costs(onset, pitches))][onset]


def _costs(onset: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """Return the cost (O, B) of each boundary at each onset; ``onset`` (N,) is the number of each note's."""
    distance = pitches[:, None] - BOUNDARIES
    costs = np.zeros((onset.max() + 1, len(BOUNDARIES)))
    np.add.at(costs, onset, np.minimum(((np.abs(distance) - HAND_SEMITONES) / SPREAD_SEMITONES) ** 2 / 2, MOST_COST))
    for own in (distance > 0, distance < 0):
        highest, lowest = np.full(costs.shape, -np.inf), np.full(costs.shape, np.inf)
        np.maximum.at(highest, onset, np.where(own, pitches[:, None], -np.inf))
        np.minimum.at(lowest, onset, np.where(own, pitches[:, None], np.inf))
        costs += BEYOND_COST * np.maximum(highest - lowest - REACH_SEMITONES, 0)
    return costs + MIDDLE_COST * (BOUNDARIES - MIDDLE_PITCH) ** 2


def _cheapest(costs: np.ndarray) -> np.ndarray:
    """Return the boundary (O,) at each onset, by its number."""
    moves = MOVE_COST * np.abs(BOUNDARIES[:, None] - BOUNDARIES)
    came_from = np.zeros(costs.shape, dtype=int)
    total = costs[0]
    for onset in range(1, len(costs)):
        ways = total[:, None] + moves
        came_from[onset] = ways.argmin(axis=0)
        total = ways.min(axis=0) + costs[onset]
    path = np.empty(len(costs), dtype=int)
    path[-1] = total.argmin()
    for onset in range(len(costs) - 1, 0, -1):
        path[onset - 1] = came_from[onset, path[onset]]
    return path
