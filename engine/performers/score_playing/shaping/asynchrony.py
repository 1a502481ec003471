"""Onsets of different players stray from each other, as those of string trios and quartets do.

Sizes are those of quartets in the condition "normal" of the Virtuoso Strings data (``perf-eval asynchrony``): onsets of two players that
belong together are 26 ms apart (standard deviation), the next ones alike with a correlation of .2, those after with .1, and a player is
5 ms before or after another in the mean of a take. So each player has an offset, a part that wanders and a part that is new with each
onset. It is a rule and was not learnt: it knows nothing of the music.
"""

import numpy as np

from engine.score.piece import Piece
from models.performance.representation import BEAT_PERIOD, TIMING, chords

# Of one player, in seconds: a pair is apart by the square root of two times as much.
OFFSET_S, DEVIATION_S = 0.0045, 0.0185
WANDERING_SHARE, KEPT = 0.33, 0.58  # of the variance, and what stays of it from one onset that is shared to the next
MOST_S = 2.5 * DEVIATION_S
MOST_OF_GAP = 0.2  # that a note moves towards the one before or after it in its part: not even twice as much changes their order


class Asynchrony:
    """A rule of ``Shaping``, of pieces with several players.

    Where players begin notes together, each is early or late by its own deviation, in place of what the network, a pianist, has between
    their notes; within the chord of one player its timing stays. The deviations of an onset are 0 in the mean, so that the beat holds.
    """

    def __init__(self, piece: Piece, players: np.ndarray, seed: int):
        """``players`` (N,) are numbers from 0."""
        notes = piece.score.notes
        self._chords, self._players, self._grace = chords(notes), players, notes["is_grace"]
        onsets, onset = np.unique(np.round(notes["onset_quarter"], 6), return_inverse=True)
        begins = np.zeros((len(onsets), int(players.max()) + 1), dtype=bool)
        begins[onset[~self._grace], players[~self._grace]] = True
        self._late_s = _deviations(begins, seed)[onset, players]
        self._shared = (begins.sum(axis=1) > 1)[onset]
        self._gap_quarters = np.full(len(notes), np.inf)
        for player in range(begins.shape[1]):
            own = players == player
            places = np.unique(onsets[onset[own]])
            gaps = np.diff(places, prepend=-np.inf, append=np.inf)
            index = np.searchsorted(places, onsets[onset[own]])
            self._gap_quarters[own] = np.minimum(gaps[index], gaps[index + 1])

    def apply(self, columns: np.ndarray, first: int) -> np.ndarray:
        rows = slice(first, first + len(columns))
        shared, chord_of, player_of = self._shared[rows], self._chords[rows], self._players[rows]
        if not shared.any():
            return columns
        changed = columns.copy()
        for chord in np.unique(chord_of[shared & ~self._grace[rows]]).tolist():
            together = chord_of == chord
            beat = columns[together, TIMING].mean()
            for player in np.unique(player_of[together]).tolist():
                own = together & (player_of == player)
                changed[own, TIMING] += beat - columns[own, TIMING].mean()
        most_s = MOST_OF_GAP * self._gap_quarters[rows] * np.exp2(columns[:, BEAT_PERIOD])
        changed[:, TIMING] -= np.where(shared, np.clip(self._late_s[rows], -most_s, most_s), 0)
        return changed


def _deviations(begins: np.ndarray, seed: int) -> np.ndarray:
    """Return by how many seconds (onsets, players) each player is late, 0 in the mean of those who begin a note (``begins``)."""
    random = np.random.Generator(np.random.PCG64(seed))
    players = begins.shape[1]
    offsets, wandering = OFFSET_S * random.standard_normal(players), random.standard_normal(players)
    fresh = random.standard_normal((len(begins), 2, players))
    late = np.zeros(begins.shape)
    amounts = DEVIATION_S * np.sqrt([WANDERING_SHARE, 1 - WANDERING_SHARE])
    for row in np.flatnonzero(begins.sum(axis=1) > 1).tolist():
        wandering = KEPT * wandering + np.sqrt(1 - KEPT**2) * fresh[row, 0]
        strayed = amounts[0] * wandering + amounts[1] * fresh[row, 1]
        late[row] = offsets + np.clip(strayed, -MOST_S, MOST_S)
        late[row] -= late[row, begins[row]].mean()
    return late
