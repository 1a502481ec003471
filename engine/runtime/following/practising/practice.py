"""A take beside its score, for who practises: what is wrong, missing or too much, and how tempo and loudness go from bar to bar.

Strokes are notes with the fields onset_sec, pitch and velocity, in order of onset.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from engine.score.alignment import match_notes
from engine.score.tables import Score

WRONG_SEMITONES = 2  # a key so near to a missed one, at its time, was struck in its place
WRONG_SEC = 0.2
BAR_DTYPE = np.dtype(
    [
        ("bar", "i4"),
        ("begin_quarter", "f8"),
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


class Range(NamedTuple):
    low: float
    high: float

    def outside(self, value: float) -> int:
        """Return -1 for a value below it, 1 for one above, and 0 for one within, or none."""
        return int(value > self.high) - int(value < self.low)


class Ranges(NamedTuple):
    """``tempo`` as a share of the median of a take's bars; ``velocity`` beside the mean of a take's bars; ``voicing`` in velocity steps."""

    tempo: Range
    velocity: Range
    voicing: Range

    def of(self, bars: np.ndarray) -> "Ranges":
        """Return what they are for a take's ``bars`` (BAR_DTYPE), in quarters a minute and in velocities."""
        tempo, velocity = (bars[name][np.isfinite(bars[name])] for name in ("quarters_per_minute", "velocity"))
        usual, mean = (float(np.median(tempo)) if len(tempo) else np.nan), (float(velocity.mean()) if len(velocity) else np.nan)
        return Ranges(
            Range(self.tempo.low * usual, self.tempo.high * usual),
            Range(self.velocity.low + mean, self.velocity.high + mean),
            self.voicing,
        )


# The 5th and 95th percentiles of the bars of every fourth performance of (n)ASAP's train split: perf-eval practice-ranges.
HUMANS = Ranges(Range(0.57, 1.38), Range(-22.0, 22.0), Range(-4.0, 27.0))


def mean_of(bars: np.ndarray, name: str) -> float:
    """Return the median tempo, or the mean of the others; NaN where there is nothing."""
    known = bars[name][np.isfinite(bars[name])]
    usual = np.median if name == "quarters_per_minute" else np.mean
    return float(usual(known)) if len(known) else float("nan")


def practise(score: Score, rows: np.ndarray, strokes: np.ndarray) -> Practice:
    """Compare strokes with the notes ``rows`` (N,) of a score: a mask, or their numbers."""
    own = replace(score, notes=score.notes[rows], markings=score.markings[rows])
    stroke_of = match_notes(own.notes, strokes)
    found = stroke_of >= 0
    quarters = np.full(len(strokes), np.nan)
    quarters[stroke_of[found]] = own.notes["onset_quarter"][found]
    known, times = _curve(quarters, strokes["onset_sec"])
    wrong, missed = np.zeros(len(strokes), dtype=bool), np.flatnonzero(~found)
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
        found[index] = (measure["number"], begin, *counts, tempo, *(each.mean() if len(each) else np.nan for each in (loud, above)))
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
