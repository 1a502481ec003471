"""A performance as numbers beside the notes of its score, and back: DExter's p_codec, made invertible. NumPy only.

Source: Zhang, Chowdhury, Cancino-Chacon, Liang, Dixon, Widmer, "DExter: Learning and Controlling Performance Expression with Diffusion
Models", Applied Sciences 14(15), 2024, after the performance parameters of the Basis Mixer. The paper has five columns by note: beat
period, velocity, timing, articulation, pedal. With score positions u in quarters and performed times in seconds, here they are:

    T(u)           the tempo curve: piecewise linear, T(u) = T(a) + b(a) (u - a) from each anchor a to the next
    beat_period    log2 b(a), seconds a quarter, of the anchor at or before the note
    velocity       MIDI velocity / 127
    timing         T(u) - onset, seconds; positive is early, as in the paper
    articulation   log2(duration / (T(u + d) - T(u))), d the notated duration; durations are the key's, without the pedal
    pedal          depth 0 to 1 at T(a)
    pedal_between  the depth that matters from T(a) to the next anchor: the lowest, or the deepest where a press stands out more
    pedal_change   when the pedal moves to that depth, as a share of that span (half-way between the depths counts)
    pedal_return   when it last moves from that depth to the next anchor's, as a share of that span; 1: not before the next anchor

Where and why this is not the paper's:

- The beat period is a logarithm: performers scale tempo. The paper's is linear, its deviation three times its mean.
- No outliers: anchors are at least an eighth of a quarter apart (the asynchrony of two hands, divided by a 128th note, is no tempo); an
  anchor's time is the median of its notes, of which grace notes are none; the period stays within 1/16 to 16 s. What a bound cuts off
  stays in ``timing`` and is caught up with at the next anchor, so that nothing is lost and nothing adds up.
- Articulation refers to the tempo curve under the whole note, not to the tempo at its beginning: a bass note under a ritardando that is
  held for its length has articulation 0. Grace notes have one too; the paper's is 0, and their durations are lost.
- The pedal is kept between onsets: a lift, a press, or both, in each span at their own times, and it comes to 0. The paper samples it at
  onsets and never lifts it. Depths and times are exact for as much; of a pedal that moves more in a span, the greatest move is kept.
- Notes are not assumed to be sorted, and the columns go with them row by row (the published code reorders one and not the other).
"""

import math
from typing import NamedTuple

import numpy as np

from models.performance.pedal import Pedal, decode_pedal, encode_pedal

REPRESENTATION_VERSION = 1

PERFORMANCE_COLUMNS = (
    "beat_period",
    "velocity",
    "timing",
    "articulation",
    "pedal",
    "pedal_between",
    "pedal_change",
    "pedal_return",
)
COLUMNS = len(PERFORMANCE_COLUMNS)
BEAT_PERIOD, VELOCITY, TIMING, ARTICULATION, PEDAL, PEDAL_BETWEEN, PEDAL_CHANGE, PEDAL_RETURN = range(COLUMNS)

ANCHOR_SPACING_QUARTERS = 1 / 8
SHORTEST_BEAT_PERIOD_S, LONGEST_BEAT_PERIOD_S = 1 / 16, 16.0
DEFAULT_BEAT_PERIOD_S = 0.5  # of a piece with a single onset
GRACE_NOTE_QUARTERS = 1 / 8  # what the duration of a note without a notated one is compared with
SHORTEST_DURATION_S = 0.0005
LAST_SPAN_QUARTERS = 4.0  # how long the pedal is followed after the last anchor, at least
SAME_POSITION_QUARTERS = 1e-6
STRUCK = [TIMING, VELOCITY]  # what a stroke of a key has, however many notes it is


class Performed(NamedTuple):
    """By note: ``onset_sec`` and ``duration_sec`` float64, ``velocity`` int 1 to 127. A note that is not performed has NaN, NaN, 0."""

    onset_sec: np.ndarray
    duration_sec: np.ndarray
    velocity: np.ndarray
    pedal: Pedal


class TempoCurve(NamedTuple):
    """``anchors`` (K,) quarters, ascending; ``times`` (K,) seconds; ``periods`` (K,) seconds a quarter from each anchor on."""

    anchors: np.ndarray
    times: np.ndarray
    periods: np.ndarray

    def at(self, quarters: np.ndarray) -> np.ndarray:
        """Return the time of score positions; the first and last periods reach beyond the ends."""
        index = np.maximum(np.searchsorted(self.anchors, quarters + SAME_POSITION_QUARTERS, side="right") - 1, 0)
        return self.times[index] + self.periods[index] * (quarters - self.anchors[index])


def find_anchors(onset_quarter: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the anchors (K,) of a score, and for each note (N,) the index of the last anchor at or before it.

    The first onset is an anchor, and then each that is ANCHOR_SPACING_QUARTERS or more after the anchor before it.
    """
    anchors: list[float] = []
    for onset in sorted(set(onset_quarter.tolist())):
        if not anchors or onset - anchors[-1] >= ANCHOR_SPACING_QUARTERS - SAME_POSITION_QUARTERS:
            anchors.append(onset)
    groups = np.searchsorted(anchors, onset_quarter + SAME_POSITION_QUARTERS, side="right") - 1
    return np.array(anchors), groups


def encode_performance(notes: np.ndarray, performed: Performed) -> tuple[np.ndarray, float]:
    """Return the columns (N, 8) float64 in the order of PERFORMANCE_COLUMNS, and the time in seconds of the first anchor.

    ``notes`` has the fields onset_quarter, duration_quarter and is_grace of a score, N rows or more than none. Notes that are not
    performed (onset_sec NaN) have NaN for velocity, timing and articulation; tempo and pedal go on through them. Raises ValueError when
    there are no notes or none of them is performed.
    """
    played = np.isfinite(performed.onset_sec)
    if not played.any():
        raise ValueError("a performance needs at least one performed note")
    anchors, groups = find_anchors(notes["onset_quarter"])
    curve = _fit_tempo(anchors, groups, notes, performed.onset_sec)
    columns = np.empty((len(notes), len(PERFORMANCE_COLUMNS)))
    columns[:, BEAT_PERIOD] = np.log2(curve.periods)[groups]
    columns[:, VELOCITY] = np.where(played, performed.velocity / 127, np.nan)
    columns[:, TIMING] = curve.at(notes["onset_quarter"]) - performed.onset_sec
    columns[:, ARTICULATION] = np.log2(np.maximum(performed.duration_sec, SHORTEST_DURATION_S) / _notated_seconds(notes, curve))
    columns[:, PEDAL:] = encode_pedal(performed.pedal, _span_edges(notes, curve))[groups]
    return columns, float(curve.times[0])


def decode_performance(notes: np.ndarray, columns: np.ndarray, start_sec: float = 0.0) -> Performed:
    """Return the performance that ``columns`` (N, 8) describes, its first anchor at ``start_sec``.

    Exact for what ``encode_performance`` returned. Columns of another origin may differ between the notes of an anchor and go out of
    their ranges: beat periods (in log2) and pedal columns, which must be finite, are averaged over the anchor's notes, and these and
    velocities are brought into range. A note that has a NaN in another column is not performed.
    """
    anchors, groups = find_anchors(notes["onset_quarter"])
    counts = np.bincount(groups, minlength=len(anchors))

    def by_anchor(column: int) -> np.ndarray:
        return np.bincount(groups, weights=columns[:, column], minlength=len(anchors)) / counts

    periods = np.exp2(np.clip(by_anchor(BEAT_PERIOD), np.log2(SHORTEST_BEAT_PERIOD_S), np.log2(LONGEST_BEAT_PERIOD_S)))
    times = start_sec + np.concatenate([[0.0], np.cumsum(periods[:-1] * np.diff(anchors))])
    curve = TempoCurve(anchors, times, periods)
    played = np.isfinite(columns).all(axis=1)
    velocity = np.clip(np.round(127 * np.where(played, columns[:, VELOCITY], 0)), 1, 127)
    return Performed(
        curve.at(notes["onset_quarter"]) - columns[:, TIMING],
        np.exp2(columns[:, ARTICULATION]) * _notated_seconds(notes, curve),
        np.where(played, velocity, 0).astype(np.int64),
        decode_pedal(np.stack([by_anchor(column) for column in range(PEDAL, PEDAL_RETURN + 1)], axis=1), _span_edges(notes, curve)),
    )


def _fit_tempo(anchors: np.ndarray, groups: np.ndarray, notes: np.ndarray, onset_sec: np.ndarray) -> TempoCurve:
    """Follow the anchors' performed times with periods within the bounds; anchors without a performed note lie on the line between."""
    known, targets = _anchor_times(anchors, groups, notes, onset_sec)
    periods = np.full(len(anchors), DEFAULT_BEAT_PERIOD_S)
    time = targets[0]
    for first, last, target in zip(known[:-1], known[1:], targets[1:], strict=True):
        span = anchors[last] - anchors[first]
        periods[first:last] = min(max((target - time) / span, SHORTEST_BEAT_PERIOD_S), LONGEST_BEAT_PERIOD_S)
        time += periods[first] * span
    if len(known) > 1:
        periods[: known[0]] = periods[known[0]]
        periods[known[-1] :] = periods[known[-1] - 1]
    elapsed = np.concatenate([[0.0], np.cumsum(periods[:-1] * np.diff(anchors))])
    return TempoCurve(anchors, targets[0] - elapsed[known[0]] + elapsed, periods)


def _anchor_times(anchors: np.ndarray, groups: np.ndarray, notes: np.ndarray, onset_sec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the anchors with performed notes, and the median of their onsets (of grace notes only if it has no others).

    When only notes between anchors are performed, they stand for the anchor before them.
    """
    played = np.isfinite(onset_sec)
    at_anchor = played & (notes["onset_quarter"] - anchors[groups] <= SAME_POSITION_QUARTERS)
    chosen = at_anchor if at_anchor.any() else played
    return _middles(chosen, groups, notes["is_grace"], onset_sec)


def _middles(chosen: np.ndarray, groups: np.ndarray, is_grace: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (M,) of the anchors that ``chosen`` notes have, and the medians of their ``values``, of grace notes' only where
    there are no others.
    """
    members: dict[int, tuple[list[float], list[float]]] = {}
    rows = np.flatnonzero(chosen)
    for group, grace, value in zip(groups[rows].tolist(), is_grace[rows].tolist(), values[rows].tolist(), strict=True):
        members.setdefault(group, ([], []))[bool(grace)].append(value)
    known = sorted(members)
    return np.array(known, np.int64), np.array([_median(members[group][0] or members[group][1]) for group in known])


def _median(values: list[float]) -> float:
    """Return the median of a few numbers, of which there is one at least; much quicker than np.median."""
    if any(map(math.isnan, values)):
        return math.nan
    ranked, half = sorted(values), len(values) // 2
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2


def settle(columns: np.ndarray, notes: np.ndarray) -> np.ndarray:
    """Return columns (N, 8) in which the notes of each anchor are on time in the middle, as in those of ``encode_performance`` where no
    bound has cut off a period, and notes that share a key and an onset are struck as one, as the one that is nearest to its beat. What is
    predicted note by note strays, and takes the beat along.
    """
    columns = columns.copy()
    if len(notes) == 1:
        columns[:, TIMING] = 0
        return columns
    columns[:, STRUCK] = columns[nearest_stroke(notes, columns[:, TIMING])][:, STRUCK]
    anchors, groups = find_anchors(notes["onset_quarter"])
    at_anchor = notes["onset_quarter"] - anchors[groups] <= SAME_POSITION_QUARTERS
    columns[:, TIMING] -= _middles(at_anchor, groups, notes["is_grace"], columns[:, TIMING])[1][groups]
    return columns


def chords(notes: np.ndarray) -> np.ndarray:
    """Return (N,) which chord each note is of: whole numbers that rise with the onset; grace notes are chords of their own."""
    places = np.stack([np.round(notes["onset_quarter"] / SAME_POSITION_QUARTERS), ~notes["is_grace"]])
    return np.unique(places, axis=1, return_inverse=True)[1].reshape(-1)


def strokes(notes: np.ndarray) -> np.ndarray:
    """Return (N,) which stroke of a key each note is: where two voices meet on a key, both are one. Grace notes are their own."""
    positions = np.round(notes["onset_quarter"] / SAME_POSITION_QUARTERS)
    places = np.stack([positions, notes["pitch"], np.where(notes["is_grace"], np.arange(len(notes)), -1)])
    return np.unique(places, axis=1, return_inverse=True)[1].reshape(-1)


def nearest_stroke(notes: np.ndarray, timing: np.ndarray) -> np.ndarray:
    """Return for each note (N,) the row of its stroke whose ``timing`` (N,) is nearest to 0; NaN is the furthest."""
    positions = np.round(notes["onset_quarter"] / SAME_POSITION_QUARTERS)
    if len(set(zip(positions.tolist(), notes["pitch"].tolist(), strict=True))) == len(notes):  # nearly always, of an anchor's notes
        return np.arange(len(notes))
    stroke = strokes(notes)
    order = np.lexsort((np.abs(timing), stroke))
    return order[np.searchsorted(stroke[order], stroke)]


def _notated_seconds(notes: np.ndarray, curve: TempoCurve) -> np.ndarray:
    """Return how long each note's notated duration takes on the tempo curve."""
    onsets, durations = notes["onset_quarter"], notes["duration_quarter"]
    return curve.at(onsets + np.where(durations > 0, durations, GRACE_NOTE_QUARTERS)) - curve.at(onsets)


def _span_edges(notes: np.ndarray, curve: TempoCurve) -> np.ndarray:
    """Return the times (K + 1,) at which the pedal's spans begin: the anchors', and the end of the last."""
    end = float(np.max(notes["onset_quarter"] + notes["duration_quarter"]))
    return np.append(curve.times, curve.at(np.array(max(end, curve.anchors[-1] + LAST_SPAN_QUARTERS))))
