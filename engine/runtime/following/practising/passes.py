"""Where somebody who practises has played, pass by pass: from one leap to another place to the next.

The follower says where each stroke was, some strokes late after a leap. Each pass is then aligned with the score as a whole, so that notes
that were played again and again are compared with the score each time, and what nobody has come to is not missed.
"""

from dataclasses import replace

import numpy as np

from engine.runtime.following.practising.practice import BAR_DTYPE, practise
from engine.runtime.following.solo import SAME_QUARTERS
from engine.score.alignment import match_notes
from engine.score.tables import Score

BACK, FORWARD = 4, 12  # onsets of the soloist's part; further it is a leap
LATE_STROKES = 12  # that the follower takes at most until it believes a leap
MOST_PASSED = 2  # onsets from one of those strokes to the next
LEAST_NOTES = 3  # of a pass
PASS_DTYPE = np.dtype([*BAR_DTYPE.descr, ("times", "i4")])


def practised(score: Score, rows: np.ndarray, strokes: np.ndarray, quarters: np.ndarray) -> np.ndarray:
    """Return the bars (PASS_DTYPE) that somebody has played of the notes ``rows`` (N,) of a score, each as it went the last time, and how
    many ``times`` it was played.

    ``quarters`` (n,): where the follower heard the strokes (n,) or NaN.
    """
    own = replace(score, notes=score.notes[rows], markings=score.markings[rows])
    notes = own.notes
    if not (len(notes) and len(strokes)):
        return np.zeros(0, PASS_DTYPE)
    onsets, state_of = np.unique(np.round(notes["onset_quarter"] / SAME_QUARTERS), return_inverse=True)
    states = np.searchsorted(onsets, np.round(np.nan_to_num(quarters, nan=-1.0) / SAME_QUARTERS) + 0.5) - 1
    states = np.where(np.isfinite(quarters), np.maximum(states, 0), -1)
    keys = [set(notes["pitch"][state_of == state].tolist()) for state in range(len(onsets))]
    whole = {float(bar["onset_quarter"]): int(_inside(notes, bar).sum()) for bar in score.measures}
    found: dict[float, np.ndarray] = {}
    for part, low, high in _passes(states, strokes["pitch"].tolist(), keys):
        near = np.flatnonzero((state_of >= low) & (state_of <= high + 1))  # the last stroke may not have been believed
        matched = state_of[near][match_notes(notes[near], strokes[part]) >= 0]
        played = np.flatnonzero((state_of >= low) & (state_of <= max(matched, default=-1)))
        if len(played) < LEAST_NOTES:
            continue
        for bar in practise(own, played, strokes[part]).bars:
            begin = float(bar["begin_quarter"])
            if bar["notes"] and (begin not in found or 2 * bar["notes"] >= whole[begin]):
                times = found[begin]["times"] + 1 if begin in found else 1
                found[begin] = np.array((*bar.tolist(), times), PASS_DTYPE)
    return np.array([found[begin] for begin in sorted(found)], PASS_DTYPE)


def _inside(notes: np.ndarray, bar: np.void) -> np.ndarray:
    """Return which notes begin in a bar."""
    since = notes["onset_quarter"] - bar["onset_quarter"] + SAME_QUARTERS
    return np.asarray((since >= 0) & (since < bar["duration_quarter"]))


def _passes(states: np.ndarray, pitches: list[int], keys: list[set[int]]) -> list[tuple[np.ndarray, int, int]]:
    """Return the strokes of each pass, and from which onset to which it goes. ``states`` (n,): at which onset each was heard, or -1;
    ``keys`` are those of each onset.
    """
    begins: list[tuple[int, int, int]] = []  # the first stroke and its onset, and the first stroke that the follower was sure of
    here = -1
    for index, state in enumerate(states.tolist()):
        if state >= 0 and (here < 0 or not -BACK <= state - here <= FORWARD):
            begins.append((*_begin(index, begins[-1][2] + 1 if begins else 0, state, pitches, keys), index))
        here = state  # of who was lost it is another pass
    passes, ends = [], [*(begin for begin, _, _ in begins[1:]), len(states)]
    for (begin, low, sure), end in zip(begins, ends[: len(begins)], strict=True):
        strokes = np.arange(begin, end)
        heard = states[sure:end][states[sure:end] >= 0]
        passes.append((strokes[(states[strokes] >= 0) | (strokes < sure)], min(low, int(heard.min())), int(heard.max())))
    return passes


def _begin(index: int, first: int, state: int, pitches: list[int], keys: list[set[int]]) -> tuple[int, int]:
    """Return the first stroke of a pass that the follower has found at the stroke ``index``, and its onset: those before lead up to it."""
    begin, low, errors, left = index, state, 0, keys[state] - {pitches[index]}
    for before in range(index - 1, max(first, index - LATE_STROKES) - 1, -1):
        pitch = pitches[before]
        if pitch in left:
            left = left - {pitch}
            begin, low = before, state
            continue
        onset = next((each for each in range(state - 1, max(state - MOST_PASSED, 0) - 1, -1) if pitch in keys[each]), None)
        if onset is not None and onset == state - 1:
            begin, low = before, onset
        elif errors:
            break
        else:
            errors = 1  # a wrong key, or one that was missed, may be among them, but not before all of them
        if onset is not None:
            state, left = onset, keys[onset] - {pitch}
    return begin, low
