"""Performances of a score as windows of its notes: what a listener who has the score in hand may go by.

Notes are those of the score that were performed, in its order, without grace notes and without those that ornaments and tremolos make
several of, which an alignment has one of. Times are rounded to ROUND_ONSET_S and ROUND_DURATION_S, of humans and of ours alike: recordings
have a grid of ticks (in (n)ASAP mostly of 1.04 ms), which would tell them at once. The pedal is down or up, as some instruments record no
more.
"""

import numpy as np

from engine.score.tables import Score
from models.performance.representation import Performed
from training.evaluation.tell_apart.statistics import Series
from training.evaluation.tell_apart.windows import Windows, cut, window_statistics

ROUND_ONSET_S, ROUND_DURATION_S = 0.005, 0.01
SHORTEST_S = 0.02
PEDAL_DOWN = 64
ARTICULATION_RANGE = -4, 2
COLUMNS = ("onset_quarter", "pitch", "notated", "onset_sec", "duration", "articulation", "velocity", "tempo", "asynchrony", "pedal")
PAIRS = (
    ("velocity", "pitch"),
    ("velocity", "articulation"),
    ("velocity", "duration"),
    ("velocity", "tempo"),
    ("velocity", "asynchrony"),
    ("velocity", "pedal"),
    ("articulation", "pitch"),
    ("articulation", "notated"),
    ("articulation", "tempo"),
    ("articulation", "pedal"),
    ("asynchrony", "pitch"),
    ("melody velocity", "tempo by onset"),
    ("melody velocity", "pitch"),
    ("melody articulation", "tempo by onset"),
)
NOT_OF_THE_PERFORMER = ("pitch", "notated", "tempo")  # tempo counts once an onset, as "tempo by onset"


def describe_notes(score: Score, performed: Performed) -> np.ndarray:
    """Return (notes, columns) in the order of COLUMNS: quarters, log2 of notated quarters, seconds, log2 of seconds, log2 of the share of
    the notated time that the key is down, velocity, log2 of seconds a quarter to the next onset, seconds behind the chord's mean, pedal 0
    or 1. NaN where there is nothing: of the last onset's tempo, of what is alone, of a pedal that was not recorded.
    """
    several = score.markings["ornament"] | (score.markings["tremolo"] > 0)
    kept = np.isfinite(performed.onset_sec) & ~score.notes["is_grace"] & ~several & (score.notes["duration_quarter"] > 0)
    notes = score.notes[kept]
    order = np.lexsort((notes["pitch"], np.round(notes["onset_quarter"], 6)))
    notes = notes[order]
    onset_sec = np.round(performed.onset_sec[kept][order] / ROUND_ONSET_S) * ROUND_ONSET_S
    duration_sec = np.maximum(np.round(performed.duration_sec[kept][order] / ROUND_DURATION_S), 1) * ROUND_DURATION_S
    positions, index = np.unique(np.round(notes["onset_quarter"], 6), return_inverse=True)
    if len(positions) < 2:
        return np.zeros((0, len(COLUMNS)))
    count = np.bincount(index)
    times = np.bincount(index, weights=onset_sec) / count
    tempo = np.append(np.log2(np.maximum(np.diff(times), SHORTEST_S) / np.diff(positions)), np.nan)
    notated_end = np.interp(notes["onset_quarter"] + notes["duration_quarter"], positions, times, right=np.nan)
    shares = np.log2(duration_sec / np.maximum(notated_end - times[index], SHORTEST_S))
    pedal = performed.pedal
    down = np.append(0, pedal.value)[np.searchsorted(pedal.time_sec, onset_sec, side="right")] >= PEDAL_DOWN
    columns = {
        "onset_quarter": positions[index],
        "pitch": notes["pitch"],
        "notated": np.log2(notes["duration_quarter"]),
        "onset_sec": onset_sec,
        "duration": np.log2(duration_sec),
        "articulation": np.clip(shares, *ARTICULATION_RANGE),
        "velocity": performed.velocity[kept][order],
        "tempo": tempo[index],
        "asynchrony": np.where(count[index] > 1, onset_sec - times[index], np.nan),
        "pedal": np.where(len(pedal.value) > 0, down.astype(float), np.nan),
    }
    return np.stack([columns[name] for name in COLUMNS], axis=1)


def performance_windows(score: Score, performed: Performed, piece: str) -> Windows:
    cuts = cut(describe_notes(score, performed))
    series = series_of(cuts)
    statistics, values = window_statistics(series, PAIRS, NOT_OF_THE_PERFORMER)
    return Windows(statistics, values, note_inputs(cuts), np.full(len(cuts), piece), np.zeros(len(cuts), dtype=int))


def series_of(windows: np.ndarray) -> Series:
    """Return the series of windows (W, N, columns). Those of chords stand at their highest note, the melody's: the last of the onset."""
    column = {name: windows[:, :, index] for index, name in enumerate(COLUMNS)}
    starts = np.diff(column["onset_quarter"], axis=1, prepend=-1.0) > 0
    last = np.append(starts[:, 1:], np.ones((len(windows), 1), dtype=bool), axis=1)
    chord = (np.cumsum(starts.ravel()) - 1).reshape(starts.shape)  # by number, through all windows
    count = np.bincount(chord.ravel())[chord]
    top, of_chord = last, last & (count > 1)

    def others_mean(values: np.ndarray) -> np.ndarray:
        total = np.bincount(chord.ravel(), weights=values.ravel())[chord]
        return (total - values) / np.maximum(count - 1, 1)

    onset_sec, edges = column["onset_sec"], np.flatnonzero(starts.ravel())
    spread = np.maximum.reduceat(onset_sec.ravel(), edges) - np.minimum.reduceat(onset_sec.ravel(), edges) if len(edges) else np.zeros(0)
    named = ("duration", "articulation", "velocity", "asynchrony", "pedal", "pitch", "notated", "tempo")
    return {name: column[name] for name in named} | {
        "tempo by onset": np.where(top, column["tempo"], np.nan),
        "melody velocity": np.where(top, column["velocity"], np.nan),
        "melody articulation": np.where(top, column["articulation"], np.nan),
        "voicing": np.where(of_chord, column["velocity"] - others_mean(column["velocity"]), np.nan),
        "melody lead": np.where(of_chord, others_mean(onset_sec) - onset_sec, np.nan),
        "chord spread": np.where(of_chord, spread[chord] if len(edges) else 0, np.nan),
    }


def note_inputs(windows: np.ndarray) -> np.ndarray:
    """Return what the sequence classifier reads, (W, N, inputs): the columns, positions and times as steps from note to note."""
    inputs = windows.copy()
    for index in (COLUMNS.index("onset_quarter"), COLUMNS.index("onset_sec")):
        inputs[:, :, index] = np.diff(windows[:, :, index], axis=1, prepend=windows[:, :1, index])
    return inputs
