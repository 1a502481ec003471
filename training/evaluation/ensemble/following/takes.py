"""What a follower is tried with: the notes of one hand of a human performance, and which note of the score each of them is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.score.tables import Score
from training.datasets.aligned import AlignedPerformance, asap_alignments, load_aligned
from training.datasets.asap import Split
from training.datasets.performances import read_performance

HANDS = {"right": 1, "left": 2}  # the staff of each
WHOLE = "both"
SAME_SEC = 0.002  # the alignment's times are rounded
NEAR_SEC = 1.0
LEAST_NOTES = 100  # of a hand that can be followed
STROKE_DTYPE = np.dtype([("onset_sec", "f8"), ("pitch", "i4"), ("velocity", "i4"), ("row", "i4")])


@dataclass(frozen=True)
class Take:
    """``strokes`` (STROKE_DTYPE, ascending) are what the soloist plays; ``row`` is the note of ``score``, or -1 for none. ``solo`` (N,)
    says which notes of the score are the soloist's. ``played_sec`` (N,) has when each note of the score was played, by either hand, NaN
    where it was not.
    """

    name: str
    hand: str
    score: Score
    solo: np.ndarray
    strokes: np.ndarray
    played_sec: np.ndarray


def asap_takes(root: Path, split: Split, cache: Path, whole: bool = False) -> Iterator[Take]:
    """Yield each hand of the split's performances whose alignment is robust, or both together as one part where they are to be ``whole``,
    in the order of ``metadata.csv``.
    """
    performances, _ = load_aligned(asap_alignments(root, split), cache / "aligned")
    midi = {alignment.name: alignment.match.with_suffix(".mid") for alignment in asap_alignments(root, split)}
    for item in performances:
        if midi[item.name].is_file():
            played = read_performance(midi[item.name], item.name, item.piece).notes
            yield from (take for hand in ((WHOLE,) if whole else HANDS) if (take := of_hand(item, played, hand)))


def of_hand(item: AlignedPerformance, played: np.ndarray, hand: str) -> Take | None:
    """Return the take of one hand or of both, None where it has too few notes."""
    staff = item.score.notes["staff"]
    solo = np.ones(len(staff), dtype=bool) if hand == WHOLE else staff == HANDS[hand]
    rows = _rows_of(item, played)
    own = np.where(rows >= 0, solo[rows], _nearer(played, rows, solo))
    if solo.sum() < LEAST_NOTES or (own & (rows >= 0)).sum() < LEAST_NOTES:
        return None
    strokes = np.zeros(int(own.sum()), STROKE_DTYPE)
    for name in ("onset_sec", "pitch", "velocity"):
        strokes[name] = played[name][own]
    strokes["row"] = rows[own]
    return Take(item.name, hand, item.score, solo, strokes, item.performed["onset_sec"])


def _rows_of(item: AlignedPerformance, played: np.ndarray) -> np.ndarray:
    """Return for each performed note the row of the score that it is aligned with, or -1."""
    rows = np.full(len(played), -1)
    for row in np.flatnonzero(np.isfinite(item.performed["onset_sec"])).tolist():
        time_sec = item.performed["onset_sec"][row]
        first, last = np.searchsorted(played["onset_sec"], (time_sec - SAME_SEC, time_sec + SAME_SEC))
        same = first + np.flatnonzero(played["pitch"][first:last] == item.score.notes["pitch"][row])
        if len(same):
            rows[same[0]] = row
    return rows


def _nearer(played: np.ndarray, rows: np.ndarray, solo: np.ndarray) -> np.ndarray:
    """Say of each performed note whether the soloist's notes around it are nearer to it in pitch than the other hand's."""
    nearest = np.full((2, len(played)), np.inf)
    for side, hand in enumerate((False, True)):
        known = np.flatnonzero((rows >= 0) & (solo[rows] == hand))
        for index in np.flatnonzero(rows < 0).tolist():
            first, last = np.searchsorted(played["onset_sec"][known], played["onset_sec"][index] + np.array([-NEAR_SEC, NEAR_SEC]))
            if first < last:
                nearest[side, index] = np.abs(played["pitch"][known[first:last]] - played["pitch"][index]).min()
    return nearest[1] < nearest[0]
