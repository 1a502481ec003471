"""A score as numbers by note: DExter's s_codec, widened. NumPy only.

The paper (source: representation.py) has four columns: onset, duration, pitch, voice. They are the first four here and give the notes
back exactly. The others are what a pianist sees besides: metre, place in the measure and in the chord, notated tempo, markings. Inputs
like these are worth more than any change of the network. Values that a file does not have are 0, with a ``..._known`` column of 0, so
that a MIDI score without markings is not taken for a score whose composer wrote none.

Columns are in musical units, not normalised, and onsets are positions in the whole score: a network takes differences and scales.
"""

import numpy as np

SCORE_COLUMNS_OF_THE_PAPER = ("onset_quarter", "duration_quarter", "pitch", "voice")
MARKINGS = (
    "dynamic",
    "sudden_accent",
    "hairpin",
    "hairpin_position",
    "tempo_change",
    "tempo_change_position",
    "slurred",
    "slur_start",
    "slur_end",
    "staccato",
    "staccatissimo",
    "tenuto",
    "accent",
    "marcato",
    "fermata",
    "ornament",
)
SCORE_COLUMNS = (
    *SCORE_COLUMNS_OF_THE_PAPER,
    "staff",
    "part",
    "is_grace",
    "previous_onset_quarter",  # how long ago the onset before this one was; 0 for the first
    "next_onset_quarter",  # how long until the next onset; 0 for the last
    "notes_above",  # in the chord of the same onset, grace notes apart
    "notes_below",
    "measure_position_quarter",  # since the beginning of the measure
    "measure_quarter",  # the measure's length
    "beats",  # the time signature
    "beat_type",
    "beat_phase",  # place within the beat of the time signature, 0 on it to 1
    "tempo_known",
    "beat_period",  # of the notated tempo: log2 of seconds a quarter
    "velocity_known",  # 1 where the velocities of a MIDI score vary: then they stand for its dynamics
    "velocity",  # 0 to 1
    "markings_known",
    *MARKINGS,
)


def encode_score(
    notes: np.ndarray,
    measures: np.ndarray,
    time_signatures: np.ndarray,
    tempos: np.ndarray,
    markings: np.ndarray | None,
) -> np.ndarray:
    """Return the columns (N, len(SCORE_COLUMNS)) float64 of a score's tables (see engine.score.tables); ``markings`` None: unknown."""
    columns: dict[str, np.ndarray] = {name: notes[name] for name in ("onset_quarter", "duration_quarter", "pitch", "voice")}
    columns |= {name: notes[name] for name in ("staff", "part", "is_grace")}
    columns |= _neighbours(notes) | _metre(notes["onset_quarter"], measures, time_signatures) | _notated_tempo(notes, tempos)
    varying = len(np.unique(notes["velocity"])) > 1
    columns["velocity_known"] = np.full(len(notes), varying)
    columns["velocity"] = notes["velocity"] / 127 if varying else np.zeros(len(notes))
    columns["markings_known"] = np.full(len(notes), markings is not None)
    for name in MARKINGS:
        columns[name] = markings[name] if markings is not None else np.zeros(len(notes))
    return np.stack([np.asarray(columns[name], dtype=np.float64) for name in SCORE_COLUMNS], axis=1)


def decode_score(columns: np.ndarray) -> dict[str, np.ndarray]:
    """Return the paper's four columns as arrays by name: onsets and durations float64 in quarters, pitches and voices int."""
    values = {name: columns[:, SCORE_COLUMNS.index(name)] for name in SCORE_COLUMNS_OF_THE_PAPER}
    return values | {name: np.round(values[name]).astype(np.int64) for name in ("pitch", "voice")}


def _neighbours(notes: np.ndarray) -> dict[str, np.ndarray]:
    onsets, index = np.unique(notes["onset_quarter"], return_inverse=True)
    gaps = np.diff(onsets)
    columns = {
        "previous_onset_quarter": np.append(0.0, gaps)[index],
        "next_onset_quarter": np.append(gaps, 0.0)[index],
    }
    chord = 2 * index + notes["is_grace"]
    order = np.lexsort((notes["pitch"], chord))
    first = np.searchsorted(chord[order], chord, side="left")
    size = np.searchsorted(chord[order], chord, side="right") - first
    rank = np.empty(len(notes), dtype=np.int64)
    rank[order] = np.arange(len(notes))
    columns["notes_below"] = rank - first
    columns["notes_above"] = size - 1 - columns["notes_below"]
    return columns


def _in_force(table: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """Return for each onset the index of the table's last row at or before it, at least 0."""
    return np.maximum(np.searchsorted(table["onset_quarter"], onsets + 1e-6, side="right") - 1, 0)


def _metre(onsets: np.ndarray, measures: np.ndarray, time_signatures: np.ndarray) -> dict[str, np.ndarray]:
    columns = {name: np.zeros(len(onsets)) for name in ("measure_position_quarter", "measure_quarter", "beats", "beat_type", "beat_phase")}
    if len(measures):
        measure = measures[_in_force(measures, onsets)]
        columns["measure_position_quarter"] = np.maximum(onsets - measure["onset_quarter"], 0)
        columns["measure_quarter"] = measure["duration_quarter"]
    if len(time_signatures):
        signature = time_signatures[_in_force(time_signatures, onsets)]
        columns["beats"], columns["beat_type"] = signature["beats"], signature["beat_type"]
        # An upbeat's beats are counted from the bar line that it ends on.
        upbeat = (_in_force(measures, onsets) == 0) & (columns["measure_quarter"] > 0)
        full = 4 * signature["beats"] / signature["beat_type"]
        missing = np.where(upbeat, np.maximum(full - columns["measure_quarter"], 0), 0)
        beats = (columns["measure_position_quarter"] + missing) * signature["beat_type"] / 4
        columns["beat_phase"] = (beats + 1e-6) % 1 - 1e-6
    return columns


def _notated_tempo(notes: np.ndarray, tempos: np.ndarray) -> dict[str, np.ndarray]:
    if not len(tempos):
        return {"tempo_known": np.zeros(len(notes)), "beat_period": np.zeros(len(notes))}
    tempo = tempos["quarters_per_minute"][_in_force(tempos, notes["onset_quarter"])]
    return {"tempo_known": np.ones(len(notes)), "beat_period": np.log2(60 / tempo)}
