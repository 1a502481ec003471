"""Swing: off-beats come later than they are written, as far as the score says so.

What stands half-way through a pair of notes is delayed, in performed positions alone. Pairs in which a part has shorter notes, but for
triplets, are played as written.
"""

import re
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from engine.score.tables import Score, Swing, Word

USUAL_SHARE = 2 / 3  # of the pair, that the first note has: as in triplets
EIGHTH, SIXTEENTH = 0.5, 0.25
_SWING = re.compile(r"\b(swing|swung|shuffle)\b", re.IGNORECASE)
_STRAIGHT = re.compile(r"\b(straight|even (8th|eighth|16th)s?|no swing)\b", re.IGNORECASE)
_SIXTEENTHS = re.compile(r"\b(16ths?|sixteenths?)\b", re.IGNORECASE)
_SAME_PLACE_QUARTERS = 1e-3


def swing_of_words(words: Iterable[Word]) -> tuple[Swing, ...]:
    """Return what words such as "Swing" and "Straight 8ths" ask for, in order of onset."""
    found = []
    for word in words:
        if _STRAIGHT.search(word.text):
            found.append(Swing(word.onset_quarter, EIGHTH, 0.5))
        elif _SWING.search(word.text):
            found.append(Swing(word.onset_quarter, SIXTEENTH if _SIXTEENTHS.search(word.text) else EIGHTH, USUAL_SHARE))
    return tuple(sorted(dict.fromkeys(found)))


def delays(score: Score, quarters: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return by how many quarters what is at ``quarters`` (K,) in ``parts`` (K,) comes later than it is written."""
    late = np.zeros(len(quarters))
    if not score.swing:
        return late
    starts = score.measures["onset_quarter"] if len(score.measures) else np.zeros(1)
    straight: dict[tuple[float, float], set[tuple[int, int]]] = {}
    changes = [swing.onset_quarter - _SAME_PLACE_QUARTERS for swing in score.swing]
    for index, (quarter, part) in enumerate(zip(quarters.tolist(), parts.tolist(), strict=True)):
        held = int(np.searchsorted(changes, quarter, side="right")) - 1
        if held < 0 or score.swing[held].share == 0.5:
            continue
        _, unit, share = score.swing[held]
        pair, phase = _place(quarter, starts, unit)
        if abs(phase - unit) > _SAME_PLACE_QUARTERS:
            continue
        if (unit, share) not in straight:
            straight[unit, share] = _uneven_pairs(score, starts, unit)
        if (part, pair) not in straight[unit, share]:
            late[index] = (2 * share - 1) * unit
    return late


def _place(quarter: float, starts: np.ndarray, unit: float) -> tuple[int, float]:
    """Return a number of the pair that a position is in, and how far into it; pairs begin with each bar."""
    start = float(starts[max(int(np.searchsorted(starts, quarter + _SAME_PLACE_QUARTERS, side="right")) - 1, 0)])
    pair = int(np.floor((quarter - start + _SAME_PLACE_QUARTERS) / (2 * unit)))
    begin = start + pair * 2 * unit
    return round(begin / _SAME_PLACE_QUARTERS), quarter - begin


def _uneven_pairs(score: Score, starts: np.ndarray, unit: float) -> set[tuple[int, int]]:
    """Return (part, pair) of those with onsets other than at halves and thirds."""
    found = set()
    plain = score.notes[~score.notes["is_grace"]]
    for quarter, part in np.unique(plain[["onset_quarter", "part"]]).tolist():
        pair, phase = _place(quarter, starts, unit)
        even = (Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(2, 3))
        if min(abs(phase - float(share) * 2 * unit) for share in even) > _SAME_PLACE_QUARTERS:
            found.add((part, pair))
    return found
