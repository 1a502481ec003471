"""The notated lengths of a MIDI score's notes: most programs let a key go before the note has ended, each in its own way.

Where a note has ended another begins, or a measure does, nearly always. So what a program takes off is what, given back, makes most notes
end there: a share of each length, or as many ticks of each. A file whose notes end nowhere in particular, a take, stays as it is.
"""

from typing import NamedTuple

import numpy as np

SHARES = np.arange(100, 39, -1) / 100  # of the notated length
MOST_SHORTER_QUARTERS = 1 / 8  # by which all notes may be shorter alike
NEAR_QUARTERS = 0.01
LEAST_NOTES = 16
CLEARLY, MOSTLY = 0.15, 0.5  # more notes than as they stand, and of all, must end where something begins
TWICE = 0.3  # fewer notes may where half the share fits best: staccato is shortened by half, and half of a length may end well too


class _Habit(NamedTuple):
    share: float
    shorter_quarters: float

    def undone(self, durations: np.ndarray) -> np.ndarray:
        return durations / self.share + self.shorter_quarters


def notated_lengths(onsets: np.ndarray, durations: np.ndarray, bars: np.ndarray, tick_quarters: float) -> np.ndarray:
    """Return the notated durations of notes (N,), all in quarters; ``bars`` are where measures begin and end.

    Notes that end where something begins end there exactly. Notes shorter than a tick stay as they are.
    """
    if len(onsets) < LEAST_NOTES:
        return durations
    places = np.unique(np.round(np.concatenate([onsets, bars]), 6))
    fewer_ticks = np.arange(0, MOST_SHORTER_QUARTERS, max(tick_quarters, NEAR_QUARTERS / 2))
    habits = [*(_Habit(share, 0.0) for share in SHARES), *(_Habit(1.0, shorter) for shorter in fewer_ticks[1:])]
    shares = [float(np.mean(_near(onsets + habit.undone(durations), places, tick_quarters)[0])) for habit in habits]
    best = int(np.argmax(shares))
    twice = int(np.argmin(np.abs(SHARES - 2 * habits[best].share)))
    if habits[best].share <= SHARES[0] / 2 and shares[twice] > shares[best] - TWICE:
        best = twice
    if shares[best] < max(shares[0] + CLEARLY, MOSTLY):
        return durations
    lengths = habits[best].undone(durations)
    near, ends = _near(onsets + lengths, places, tick_quarters)
    return np.where(near & (ends > onsets), ends - onsets, lengths)


def _near(ends: np.ndarray, places: np.ndarray, tick_quarters: float) -> tuple[np.ndarray, np.ndarray]:
    """Return whether something begins within reach of each end, and where."""
    after = np.searchsorted(places, ends).clip(1, max(len(places) - 1, 1)).clip(max=len(places) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(places[after] - ends < ends - places[before], places[after], places[before])
    return np.abs(nearest - ends) <= max(NEAR_QUARTERS, 1.5 * tick_quarters), nearest
