"""How close a performance of a score comes to humans' performances of it. Pure NumPy functions of a score's notes and of ``Performed``.

Correlations compare *curves*, dictionaries of arrays that belong to a score:

    velocity        (N,) by note
    articulation    (N,) log2 of the key's duration over the performed time of the notated duration, -4 to 2; no grace notes
    chord_timing    (N,) onset minus the mean onset of the chord, in seconds; no grace notes, none that are alone
    pedal           (N,) mean depth of the sustain pedal, 0 to 1, from the note's onset to the next onset of the score
    tempo           (B - 1,) log2 of the seconds from beat to beat; between onsets, time is interpolated
    tempo_body      the same without the last LAST_BEATS: final ritardandos flatter
    tempo_relative  the same over the intervals of the notated tempo map

NaN where there is nothing to measure. A curve of the humans is their mean where it is known. Pearson's correlation is by piece.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from engine.score.tables import Score
from models.performance.pedal import Pedal
from models.performance.representation import Performed

CURVES = ("velocity", "tempo", "tempo_body", "tempo_relative", "articulation", "chord_timing", "pedal")
AMOUNTS = ("velocity_deviation", "tempo_deviation", "chord_asynchrony_s", "pedal_share")
LEVELS = ("velocity", "tempo", "articulation")
DISTRIBUTIONS = ("velocity", "duration", "inter_onset_interval", "pedal")

LAST_BEATS = 4
ARTICULATION_RANGE = -4, 2
SHORTEST_S = 0.02
LONGEST_BINNED_DURATION_MS, LONGEST_BINNED_INTERVAL_MS = 500, 200
PEDAL_DOWN = 64
SAME_POSITION_QUARTERS = 1e-4

Curves = dict[str, np.ndarray]


class Beats(NamedTuple):
    """``onset_quarter`` (B,) of the beats, and ``notated`` (B - 1,): log2 of the seconds between them by the notated tempo, or zeros."""

    onset_quarter: np.ndarray
    notated: np.ndarray


def find_beats(score: Score) -> Beats:
    """Return the beats of all measures; three eighths (or sixteenths) are one beat in compound metres. Those of an upbeat end with it."""
    beats: list[float] = []
    for onset, length, _ in score.measures.tolist():
        signature = score.time_signatures[_in_force(score.time_signatures, np.array(onset))]
        step = 4 / int(signature["beat_type"])
        compound = signature["beat_type"] >= 8 and signature["beats"] % 3 == 0
        step *= 3 if compound else 1
        upbeat = onset == 0 and length < 4 * signature["beats"] / signature["beat_type"] - SAME_POSITION_QUARTERS
        before_end = step * np.arange(int(length / step + SAME_POSITION_QUARTERS), 0, -1)
        beats += list(onset + length - before_end if upbeat else np.arange(onset, onset + length - SAME_POSITION_QUARTERS, step))
    onsets = np.unique(np.round(beats, 6))
    notated = np.zeros(max(len(onsets) - 1, 0))
    if len(score.tempos) and len(onsets) > 1:
        tempos = score.tempos["quarters_per_minute"][_in_force(score.tempos, onsets[:-1])]
        notated = np.log2(60 / tempos * np.diff(onsets))
    return Beats(onsets, notated)


def _in_force(table: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    return np.maximum(np.searchsorted(table["onset_quarter"], onsets + SAME_POSITION_QUARTERS, side="right") - 1, 0)


def performed_onsets(notes: np.ndarray, performed: Performed) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return which notes (N,) are performed and no grace notes, the positions (P,) of their onsets in quarters, the number of each such
    note's onset, and when each onset is performed, in seconds, on average over its notes.
    """
    full = np.isfinite(performed.onset_sec) & ~notes["is_grace"]
    positions, index = np.unique(np.round(notes["onset_quarter"][full], 6), return_inverse=True)
    return full, positions, index, np.bincount(index, weights=performed.onset_sec[full]) / np.bincount(index)


def measure_curves(notes: np.ndarray, beats: Beats, performed: Performed) -> Curves:
    """Return the curves of a performance of ``notes`` (N,). Raises ValueError when fewer than two of its onsets are performed."""
    full, positions, index, times = performed_onsets(notes, performed)
    if len(positions) < 2:
        raise ValueError("a performance can be measured when two or more onsets of its score are performed")
    chord_timing = np.full(len(notes), np.nan)
    chord_timing[full] = np.where(np.bincount(index)[index] > 1, performed.onset_sec[full] - times[index], np.nan)
    at = beats.onset_quarter
    inside = (at >= positions[0] - SAME_POSITION_QUARTERS) & (at <= positions[-1] + SAME_POSITION_QUARTERS)
    beat_times = np.where(inside, np.interp(at, positions, times), np.nan)
    tempo = np.log2(np.maximum(np.diff(beat_times), SHORTEST_S))
    pedal_by_onset = mean_depth(performed.pedal, times, np.append(times[1:], times[-1] + 1))
    found = np.searchsorted(positions, np.round(notes["onset_quarter"], 6)).clip(max=len(positions) - 1)
    at_onset = np.abs(positions[found] - notes["onset_quarter"]) < SAME_POSITION_QUARTERS
    return {
        "velocity": np.where(np.isfinite(performed.onset_sec), performed.velocity.astype(float), np.nan),
        "articulation": _articulation(notes, performed, full, positions, times),
        "chord_timing": chord_timing,
        "pedal": np.where(at_onset, pedal_by_onset[found], np.nan),
        "tempo": tempo,
        "tempo_body": tempo[: -LAST_BEATS or None],
        "tempo_relative": tempo - beats.notated,
    }


def _articulation(notes: np.ndarray, performed: Performed, full: np.ndarray, positions: np.ndarray, times: np.ndarray) -> np.ndarray:
    last_few = max(len(positions) - 5, 0)
    period = (times[-1] - times[last_few]) / (positions[-1] - positions[last_few])

    def time_at(quarters: np.ndarray) -> np.ndarray:
        return np.interp(quarters, positions, times) + np.maximum(quarters - positions[-1], 0) * period

    onsets = notes["onset_quarter"]
    notated = np.maximum(time_at(onsets + notes["duration_quarter"]) - time_at(onsets), SHORTEST_S)
    shares = np.log2(np.maximum(np.nan_to_num(performed.duration_sec), 1e-3) / notated)
    return np.where(full & (notes["duration_quarter"] > 0), np.clip(shares, *ARTICULATION_RANGE), np.nan)


def mean_depth(pedal: Pedal, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the mean depth, 0 to 1, from each time ``begin`` to ``end`` in seconds."""
    if not len(pedal.time_sec):
        return np.zeros(len(begin))
    depths = np.asarray(pedal.value) / 127
    edges = np.append(pedal.time_sec, max(float(np.max(end)), float(pedal.time_sec[-1])) + 1)
    area = np.append(0.0, np.cumsum(depths * np.diff(edges)))
    end = np.maximum(end, begin + 1e-3)
    return (np.interp(end, edges, area) - np.interp(begin, edges, area)) / (end - begin)


def mean_curves(curves: Sequence[Curves]) -> Curves:
    """Return the mean of several performances' curves where any of them is known."""
    return {name: _known_mean(np.stack([each[name] for each in curves])) for name in curves[0]}


def _known_mean(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation where both are known: 0 where one does not vary, NaN where fewer than three values are known."""
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 3:
        return float("nan")
    a, b = a[known] - a[known].mean(), b[known] - b[known].mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 1e-12 else 0.0


def correlate(a: Curves, b: Curves) -> dict[str, float]:
    return {name: correlation(a[name], b[name]) for name in CURVES}


def mean_of(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over the rows where it is known."""
    return {name: known_mean([row[name] for row in rows]) for name in rows[0]}


def known_mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def one_against_others(curves: Sequence[Curves]) -> dict[str, float]:
    """Return the correlations of one performance with the mean of the others, the mean over all."""
    return mean_of([correlate(one, others) for one, others in each_with_others(curves)])


def each_with_others(curves: Sequence[Curves]) -> list[tuple[Curves, Curves]]:
    """Return each performance's curves with the mean of the others'."""
    return [(one, mean_curves([*curves[:index], *curves[index + 1 :]])) for index, one in enumerate(curves)]


def levels(a: Curves, b: Curves) -> dict[str, float]:
    """Return how much louder, slower and longer held ``a`` is than ``b`` where both are known: velocities, octaves of the time between
    beats, octaves of articulation.
    """
    return {name: known_mean((a[name] - b[name]).tolist()) for name in LEVELS}


def one_with_another(curves: Sequence[Curves]) -> dict[str, float]:
    """Return the correlations of one performance with another, the mean over all pairs."""
    return mean_of([correlate(a, b) for a, b in combinations(curves, 2)])


def distances(a: Curves, b: Curves) -> dict[str, float]:
    """Return how far apart two performances are: root mean square difference of their curves, each around its own mean.

    How loud or fast they are as a whole does not count.
    """
    found = {}
    for name in CURVES:
        difference = a[name] - b[name]
        found[name] = float(difference[np.isfinite(difference)].std()) if np.isfinite(difference).any() else float("nan")
    return found


def measure_amounts(performed: Performed, curves: Curves) -> dict[str, float]:
    """Return how much expression there is: standard deviations of velocity and of tempo (log2), asynchrony, share of time with pedal."""
    timing = curves["chord_timing"][np.isfinite(curves["chord_timing"])]
    onsets = performed.onset_sec[np.isfinite(performed.onset_sec)]
    binary = performed.pedal._replace(value=127 * (np.asarray(performed.pedal.value) >= PEDAL_DOWN))
    return {
        "velocity_deviation": float(np.nanstd(curves["velocity"])),
        "tempo_deviation": float(np.nanstd(curves["tempo"])),
        "chord_asynchrony_s": float(np.abs(timing).mean()) if len(timing) else 0.0,
        "pedal_share": float(mean_depth(binary, onsets.min()[None], onsets.max()[None])[0]),
    }


def count_values(performed: Performed) -> dict[str, np.ndarray]:
    """Return histograms: velocity (128,), duration of the key below 500 ms (250,), inter-onset interval below 200 ms (200,), and the
    pedal, down or up at four points from each onset to the next (16,).

    Notes are taken in order of onset and times to the millisecond: an interval is that to the next note, in the same chord or not.
    Bins and limits are those of the evaluation of Pianist Transformer (arXiv 2512.02652), so that figures can be compared. The durations
    of (n)ASAP's performances lie on the grid of their recordings' ticks: half a millisecond of noise on a human's own takes its distance
    to other humans from .06 to .08, so that this is what a perfect rendering has.
    """
    order = np.argsort(performed.onset_sec, kind="stable")[: np.count_nonzero(np.isfinite(performed.onset_sec))]
    onsets, durations = (np.round(1000 * column[order]).astype(int) for column in (performed.onset_sec, performed.duration_sec))
    intervals = np.diff(onsets)
    points = (onsets[:-1, None] + intervals[:, None] * np.arange(4) / 4) / 1000
    down = np.append(False, np.asarray(performed.pedal.value) >= PEDAL_DOWN)
    patterns = down[np.searchsorted(performed.pedal.time_sec, points, side="right")] @ (8, 4, 2, 1)
    short, near = durations[durations < LONGEST_BINNED_DURATION_MS], intervals[intervals < LONGEST_BINNED_INTERVAL_MS]
    return {
        "velocity": np.bincount(performed.velocity[order], minlength=128).astype(float),
        "duration": np.bincount(short // 2, minlength=LONGEST_BINNED_DURATION_MS // 2).astype(float),
        "inter_onset_interval": np.bincount(near, minlength=LONGEST_BINNED_INTERVAL_MS).astype(float),
        "pedal": np.bincount(patterns, minlength=16).astype(float),
    }


def jensen_shannon_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the square root of the Jensen-Shannon divergence (base 2) of two histograms, 0 to 1; NaN where one is empty."""
    if not a.sum() or not b.sum():
        return float("nan")
    a, b = a / a.sum(), b / b.sum()
    middle = (a + b) / 2
    divergence = sum(0.5 * np.sum(each[each > 0] * np.log2(each[each > 0] / middle[each > 0])) for each in (a, b))
    return float(np.sqrt(max(divergence, 0.0)))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return the common area of two histograms, 0 to 1; NaN where one is empty."""
    if not a.sum() or not b.sum():
        return float("nan")
    return float(np.minimum(a / a.sum(), b / b.sum()).sum())
