"""A score as SPMuple's tokens, and the bars, beats and onsets that its notes belong to. NumPy only.

Source: the paper in vocabulary.py.
"""

import numpy as np

from models.score_performer.vocabulary import (
    BAR,
    DURATION,
    FIELDS,
    NOTES_IN_ONSET,
    ONSET_DEVIATION,
    PEDAL,
    PEDAL_BETWEEN,
    PEDAL_CHANGE,
    PEDAL_RETURN,
    PERFORMED_DURATION,
    PITCH,
    POSITION,
    POSITION_IN_ONSET,
    POSITION_SHIFT,
    SPECIALS,
    TEMPO,
    TIME_SIGNATURE,
    VELOCITY,
    nearest_time_signature,
    to_tokens,
)

SAME_POSITION_QUARTERS = 1e-6
BAR_LEVEL, BEAT_LEVEL, ONSET_LEVEL = range(3)
LEVELS = 3
MOST_BEATS = 1e6  # in a bar


def encode_score(
    notes: np.ndarray, measures: np.ndarray, time_signatures: np.ndarray, quarters_per_minute: np.ndarray, velocity: np.ndarray
) -> np.ndarray:
    """Return the tokens (N, 16) int64 of a score's tables (see engine.score.tables) in the order of the notes, N at least 1.

    The performed fields are those of a deadpan performance: ``velocity`` and ``quarters_per_minute`` (N,) as given, notes on time and
    held for their length, no pedal. Values out of a field's range take the nearest one; bar numbers wrap from 255 to 0.
    """
    onsets = notes["onset_quarter"]
    positions, index, sizes = np.unique(_rounded(onsets), return_inverse=True, return_counts=True)
    bar, into_bar, signature = _metre(onsets, measures, time_signatures)
    order = np.argsort(index, kind="stable")
    place = np.empty(len(notes), dtype=np.int64)
    place[order] = np.arange(len(notes)) - (np.cumsum(sizes) - sizes)[index[order]]
    values = {
        POSITION: into_bar,
        PITCH: notes["pitch"],
        VELOCITY: velocity,
        DURATION: notes["duration_quarter"],
        TEMPO: quarters_per_minute,
        TIME_SIGNATURE: nearest_time_signature(signature["beats"], signature["beat_type"]),
        POSITION_SHIFT: np.diff(positions, prepend=positions[0])[index],
        NOTES_IN_ONSET: sizes[index],
        POSITION_IN_ONSET: place,
        ONSET_DEVIATION: np.zeros(len(notes)),
        PERFORMED_DURATION: np.ones(len(notes)),
        PEDAL: np.zeros(len(notes)),
        PEDAL_BETWEEN: np.zeros(len(notes)),
        PEDAL_CHANGE: np.zeros(len(notes)),
        PEDAL_RETURN: np.ones(len(notes)),
    }
    tokens = np.empty((len(notes), len(FIELDS)), dtype=np.int64)
    tokens[:, BAR] = SPECIALS + bar % len(FIELDS[BAR].values)
    for field, value in values.items():
        tokens[:, field] = to_tokens(field, value)
    return tokens


def note_segments(notes: np.ndarray, measures: np.ndarray, time_signatures: np.ndarray) -> np.ndarray:
    """Return (N, LEVELS) int64, the indices of each note's bar, beat and onset in the piece, from 0 without gaps."""
    onsets = notes["onset_quarter"]
    bar, into_bar, signature = _metre(onsets, measures, time_signatures)
    beat = np.floor(into_bar * signature["beat_type"] / 4 + SAME_POSITION_QUARTERS)
    levels = (bar, bar * MOST_BEATS + beat, _rounded(onsets))
    return np.stack([np.unique(level, return_inverse=True)[1] for level in levels], axis=1)


def _rounded(onsets: np.ndarray) -> np.ndarray:
    """Return positions rounded so that equal positions compare equal."""
    return np.round(onsets / SAME_POSITION_QUARTERS) * SAME_POSITION_QUARTERS


def _metre(onsets: np.ndarray, measures: np.ndarray, time_signatures: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the index of each note's measure, its quarters since the measure's beginning, and its time signature's row.

    A score without measures is one measure, and one without time signatures is in 4/4.
    """
    if not len(measures):
        measures = np.array([(0.0,)], dtype=[("onset_quarter", "f8")])
    if not len(time_signatures):
        time_signatures = np.array([(0.0, 4, 4)], dtype=time_signatures.dtype)
    bar, signature = (
        np.maximum(np.searchsorted(table["onset_quarter"], onsets + SAME_POSITION_QUARTERS, side="right") - 1, 0)
        for table in (measures, time_signatures)
    )
    return bar, np.maximum(onsets - measures["onset_quarter"][bar], 0), time_signatures[signature]
