"""What a soloist is expected to play: the onsets of the score's part, each with its pitches, and from where to where it is easy to leap."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engine.score.tables import Score
from engine.score.tempo import tempo_at

SAME_QUARTERS = 1e-4  # notes nearer than this begin together
PITCHES = 128
ORNAMENT_SEMITONES = 2  # how far an ornament goes from its note
FAST_QUARTERS, LEAST_ALTERNATIONS = 0.2, 4  # of what is taken for a trill or a tremolo that is written out
TRILL_QUARTERS, LEAST_TRILL = 0.25, 8  # of what is one if it is of neighbours
NEAR_SEMITONES = (-12, -2, -1, 1, 2, 12)  # where a finger lands that misses


@dataclass(frozen=True)
class Solo:
    """``onsets`` (K,) in quarters, ascending, are the states of a follower, ``expected_sec`` (K,) when they are expected at the tempo of
    the score or of a performance of it. ``pitches`` (K, 128) says which keys belong to each,
    ``graced`` those of them that are only grace notes. ``ornamented`` (K, 128): keys that may be struck again and again there.
    ``trilling`` (K,) marks the onsets of trills and tremolos that are written out, whose number is the player's.

    ``begins_bar`` (K,) marks the first onset of each bar, ``bars`` (K,) has its bar's number.
    """

    onsets: np.ndarray
    expected_sec: np.ndarray
    pitches: np.ndarray
    graced: np.ndarray
    ornamented: np.ndarray
    trilling: np.ndarray
    begins_bar: np.ndarray
    bars: np.ndarray

    @cached_property
    def near(self) -> np.ndarray:
        """Keys (K, 128) that are likely to be struck by mistake."""
        found = np.zeros_like(self.pitches)
        for step in NEAR_SEMITONES:
            moved = np.roll(self.pitches, step, axis=1)
            moved[:, :step] = False if step > 0 else moved[:, :step]
            found |= moved
        return found & ~self.pitches

    def leaps(self) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs of onsets, from and to, between which a repeat is skipped or taken again: bars of one number precede where it goes
        on and where it goes to, which are bars of different numbers.
        """
        begins = np.flatnonzero(self.begins_bar)
        before = self.bars[np.maximum(begins - 1, 0)]
        came, goes = [], []
        for number in np.unique(before).tolist():
            same = begins[(before == number) & (begins > 0)]
            for first in same.tolist():
                for second in same.tolist():
                    if self.bars[first] != self.bars[second]:
                        came.append(first - 1)
                        goes.append(second)
        return np.array(came, dtype=int), np.array(goes, dtype=int)


def solo_of(score: Score, rows: np.ndarray, time_at: Callable[[np.ndarray], np.ndarray] | None = None) -> Solo:
    """Return what is expected of a soloist who plays the notes ``rows`` (N,) of a score: a mask, or their numbers.

    ``time_at`` gives the seconds of positions in quarters, as someone performs them; without it they are those of the written tempo.
    """
    notes, markings = score.notes[rows], score.markings[rows]
    onsets, state = np.unique(np.round(notes["onset_quarter"] / SAME_QUARTERS), return_inverse=True)
    onsets = onsets * SAME_QUARTERS
    pitches, main, ornamented = (np.zeros((len(onsets), PITCHES), dtype=bool) for _ in range(3))
    pitches[state, notes["pitch"]] = True
    main[state[~notes["is_grace"]], notes["pitch"][~notes["is_grace"]]] = True
    trilled = markings["ornament"] | (markings["tremolo"] > 0)
    for step in range(-ORNAMENT_SEMITONES, ORNAMENT_SEMITONES + 1):
        ornamented[state[trilled], np.clip(notes["pitch"][trilled] + step, 0, PITCHES - 1)] = True
    trilling = written_out_trills(onsets, pitches)
    ornamented |= trilling & (pitches | np.roll(pitches, 1, axis=0) | np.roll(pitches, -1, axis=0))
    bar = np.searchsorted(score.measures["onset_quarter"], onsets + SAME_QUARTERS, side="right") - 1
    begins_bar = np.diff(bar, prepend=-2) != 0
    numbers = score.measures["number"][np.maximum(bar, 0)] if len(score.measures) else np.zeros(len(onsets), int)
    expected_sec = time_at(onsets) if time_at else written_sec(score, onsets)
    return Solo(onsets, expected_sec, pitches, pitches & ~main, ornamented, trilling[:, 0], begins_bar, numbers)


def written_out_trills(onsets: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """Return which onsets (K, 1) belong to a trill or tremolo that is written out: keys that alternate, evenly and fast."""
    found = np.zeros(len(onsets), dtype=bool)
    if len(onsets) < 3:
        return found[:, None]
    gaps = np.diff(onsets)
    even = np.isclose(gaps[1:], gaps[:-1], atol=SAME_QUARTERS * 10)
    # whether an onset has keys of the one before the last, and none of the last
    back = even & (pitches[2:] & pitches[:-2]).any(axis=1) & ~(pitches[2:] & pitches[1:-1]).any(axis=1)
    lowest = pitches.argmax(axis=1)
    beside = (pitches.sum(axis=1) == 1)[2:] & (np.abs(lowest[2:] - lowest[1:-1]) <= ORNAMENT_SEMITONES)
    for alternates, longest, least in ((back, FAST_QUARTERS, LEAST_ALTERNATIONS), (back & beside, TRILL_QUARTERS, LEAST_TRILL)):
        fast = alternates & (gaps[1:] <= longest + SAME_QUARTERS)
        edges = np.flatnonzero(np.diff(np.concatenate([[False, False, False], fast, [False]])))
        for begin, end in edges.reshape(-1, 2).tolist():
            if end - begin >= least:
                found[begin - 2 : end] = True
    return found[:, None]


def written_sec(score: Score, quarters: np.ndarray) -> np.ndarray:
    """Return the seconds of positions, ascending, at the tempo that the score has."""
    changes = np.unique(np.concatenate([quarters, score.tempos["onset_quarter"]]))
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(changes) * 60 / tempo_at(score, changes[:-1]))])
    return np.interp(quarters, changes, seconds)
