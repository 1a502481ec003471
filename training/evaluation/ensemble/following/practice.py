"""A take beside its score, for who practises: what is wrong, missing or too much, and how tempo and loudness go from bar to bar."""

from dataclasses import dataclass, replace

import numpy as np

from engine.score.tables import Score
from training.alignment.matching import match_notes
from training.datasets.performances import Performance

WRONG_SEMITONES = 2  # a key so near to a missed one, at its time, was struck in its place
WRONG_SEC = 0.2
BAR_DTYPE = np.dtype(
    [
        ("bar", "i4"),
        ("notes", "i4"),
        ("wrong", "i4"),
        ("missed", "i4"),
        ("extra", "i4"),
        ("quarters_per_minute", "f8"),  # NaN where the bar has one onset or none
        ("velocity", "f8"),
        ("voicing", "f8"),  # by how many velocity steps the highest key of an onset is above the mean of the others
    ]
)


@dataclass(frozen=True)
class Practice:
    """``bars`` (BAR_DTYPE) in order. By stroke of the take (n,): ``quarters`` where it belongs, NaN for one too many, and ``wrong``."""

    bars: np.ndarray
    quarters: np.ndarray
    wrong: np.ndarray


def practise(score: Score, rows: np.ndarray, take: Performance) -> Practice:
    """Compare a take with the notes ``rows`` (N,) of a score. Raises PerfLiveError when they cannot be aligned."""
    own = replace(score, notes=score.notes[rows], markings=score.markings[rows])
    pairs, strokes = match_notes(own, take), take.notes
    quarters = np.full(len(strokes), np.nan)
    quarters[pairs[:, 1]] = own.notes["onset_quarter"][pairs[:, 0]]
    known, times = _curve(quarters, strokes["onset_sec"])
    wrong, missed = np.zeros(len(strokes), dtype=bool), np.setdiff1d(np.arange(len(own.notes)), pairs[:, 0])
    left = []
    for row in missed.tolist():
        note = own.notes[row]
        due_sec = float(np.interp(note["onset_quarter"], known, times)) if len(known) else np.inf
        near = np.abs(strokes["onset_sec"] - due_sec) <= WRONG_SEC
        near &= np.abs(strokes["pitch"] - note["pitch"]) <= WRONG_SEMITONES
        free = np.flatnonzero(near & np.isnan(quarters))
        if len(free):
            wrong[free[0]], quarters[free[0]] = True, note["onset_quarter"]
        else:
            left.append(row)
    return Practice(bars_of(own, strokes, quarters, wrong, np.array(left, dtype=int)), quarters, wrong)


def _curve(quarters: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions that are played and when they are, in the mean of their notes."""
    played = np.isfinite(quarters)
    known, onset = np.unique(quarters[played], return_inverse=True)
    return known, np.bincount(onset, times[played]) / np.maximum(np.bincount(onset), 1) if len(known) else known


def bars_of(score: Score, strokes: np.ndarray, quarters: np.ndarray, wrong: np.ndarray, missed: np.ndarray) -> np.ndarray:
    """Return the bars (BAR_DTYPE) that have notes. By stroke (n,): ``quarters`` and ``wrong`` as in ``Practice``; ``missed`` are rows of
    the score.
    """
    known, times = _curve(quarters, strokes["onset_sec"])
    leads, leads_at = _voicing(strokes, quarters)
    at = np.where(np.isfinite(quarters), quarters, np.interp(strokes["onset_sec"], times, known) if len(known) else 0.0)
    begins = score.measures["onset_quarter"]
    bar_of, missed_in = (np.searchsorted(begins, each + 1e-4, side="right") - 1 for each in (at, score.notes["onset_quarter"][missed]))
    in_score = np.searchsorted(begins, score.notes["onset_quarter"] + 1e-4, side="right") - 1
    found = np.zeros(len(begins), BAR_DTYPE)
    for index, measure in enumerate(score.measures):
        mine, right = bar_of == index, np.isfinite(quarters)
        begin, end = measure["onset_quarter"], measure["onset_quarter"] + measure["duration_quarter"]
        inside = (known >= begin - 1e-4) & (known <= end + 1e-4)
        tempo = np.nan
        if inside.sum() > 1 and np.ptp(times[inside]) > 0:
            tempo = 60 * np.ptp(known[inside]) / np.ptp(times[inside])
        loud = strokes["velocity"][mine & right]
        above = leads[(leads_at >= begin - 1e-4) & (leads_at < end - 1e-4)]
        counts = (in_score == index).sum(), (mine & wrong).sum(), (missed_in == index).sum(), (mine & ~right).sum()
        found[index] = (measure["number"], *counts, tempo, *(each.mean() if len(each) else np.nan for each in (loud, above)))
    return found[found["notes"] + found["extra"] > 0]


def _voicing(strokes: np.ndarray, quarters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much the highest key of each onset with several is struck harder than the others, and where that is."""
    order = np.lexsort((strokes["pitch"], quarters))
    order = order[np.isfinite(quarters[order])]
    if not len(order):
        return np.zeros(0), np.zeros(0)
    begins = np.flatnonzero(np.diff(quarters[order], prepend=-np.inf) > 1e-4)
    count = np.diff(np.append(begins, len(order)))
    total = np.add.reduceat(strokes["velocity"][order].astype(float), begins)
    highest = strokes["velocity"][order[begins + count - 1]]
    several = count > 1
    lead = highest[several] - (total[several] - highest[several]) / (count[several] - 1)
    return lead, quarters[order[begins]][several]
