"""The networks' input features of a score, and the normalisation of their output: one code for training and playing. NumPy only.

``score_representation`` holds a score in musical units; here it becomes numbers of about unit size that do not change when a piece is
moved in time, and little when it is transposed. Unknown values are 0, with a ``..._known`` column of 0.
"""

import numpy as np

from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    GRACE_NOTE_QUARTERS,
    PEDAL,
    PERFORMANCE_COLUMNS,
    TIMING,
    VELOCITY,
    find_anchors,
)
from models.performance.score_representation import MARKINGS, SCORE_COLUMNS

Columns = dict[str, np.ndarray]

UNKNOWN_BEAT_PERIOD = -1.0  # log2 of seconds a quarter: what the tempo is relative to where none is notated
SAME_ONSET_QUARTERS = 1e-6
ONSETS_A_QUARTER = 2  # assumed of notes that are not known
PITCH_BUMPS = np.arange(24, 109, 12)
NOTATED_QUARTERS = np.sort(np.outer(2.0 ** np.arange(-5, 4), [1, 4 / 3, 1.5]).ravel())  # plain, of a triplet, dotted
METRES = (2, 3, 4, 6, 9, 12)
# From these a network can learn by heart the pieces that it is trained on.
PLACE_IN_PIECE = ("place", "since_beginning", "until_end", "onsets_until_end", "length")
PRINTED_AT_NOTES = ("sudden_accent", *(name for name in MARKINGS[MARKINGS.index("slurred") :] if name != "fermata"))

# y = CURVE asinh(z / CURVE) with z = (x - CENTRE) / SCALE: straight near the centre, logarithmic in the tails; inf is straight throughout.
CENTRE = np.zeros(len(PERFORMANCE_COLUMNS))
SCALE = np.ones(len(PERFORMANCE_COLUMNS))
CURVE = np.full(len(PERFORMANCE_COLUMNS), np.inf)
CENTRE[[VELOCITY, TIMING, ARTICULATION]] = 0.5, 0.0, -0.5
SCALE[[BEAT_PERIOD, VELOCITY, TIMING, ARTICULATION]] = 0.5, 0.15, 0.02, 0.8
CENTRE[PEDAL:], SCALE[PEDAL:] = 0.5, 0.4
CURVE[[BEAT_PERIOD, TIMING, ARTICULATION]] = 3.0
AROUND_QUARTERS, NEAR_QUARTERS = 16, 8  # of a tempo map's changes
SMALL_CHANGE = 0.02  # of a tempo, log2: the smallest that notation programs write
MOST_NORMALISED = 8.0  # a sampled value beyond is no performance


def note_features(score_columns: np.ndarray, before_quarters: float = 0.0, after_quarters: float = 0.0) -> np.ndarray:
    """Return (N, len(FEATURES)) float32 of score columns (N, len(SCORE_COLUMNS)), rows in a score's order, N at least 1.

    Where the rows are a part of the piece, ``before_quarters`` and ``after_quarters`` are the lengths of the rest on either side.
    """
    features = _columns(score_columns, before_quarters, after_quarters)
    rows = np.empty((len(score_columns), len(FEATURES)), np.float32)
    for index, name in enumerate(FEATURES):  # one by one: of a long score all together, in 64 bits, would be the most that it needs
        rows[:, index] = features.pop(name)
    return rows


def normalise(columns: np.ndarray, score_columns: np.ndarray) -> np.ndarray:
    """Return performance columns (N, 8) scaled to about unit standard deviation, float32; NaN stays NaN."""
    relative = columns.copy()
    relative[:, BEAT_PERIOD] -= _notated_period(score_columns)
    scaled = (relative - CENTRE) / SCALE
    curved = np.where(np.isfinite(CURVE), np.where(np.isfinite(CURVE), CURVE, 1) * np.arcsinh(scaled / CURVE), scaled)
    return np.clip(curved, -MOST_NORMALISED, MOST_NORMALISED).astype(np.float32)


def denormalise(normalised: np.ndarray, score_columns: np.ndarray) -> np.ndarray:
    """Return the performance columns (N, 8), float64, of normalised ones: the inverse of ``normalise``, clipped at MOST_NORMALISED."""
    curved = np.clip(normalised.astype(np.float64), -MOST_NORMALISED, MOST_NORMALISED)
    scaled = np.where(np.isfinite(CURVE), np.where(np.isfinite(CURVE), CURVE, 1) * np.sinh(curved / CURVE), curved)
    columns = scaled * SCALE + CENTRE
    columns[:, BEAT_PERIOD] += _notated_period(score_columns)
    return columns


def notated_octaves(score_columns: np.ndarray) -> np.ndarray:
    """Return log2 of the notated duration of each note (N,) in seconds; of a grace note, GRACE_NOTE_QUARTERS."""
    quarters = _of(score_columns, "duration_quarter")
    return np.log2(np.where(quarters > 0, quarters, GRACE_NOTE_QUARTERS)) + _notated_period(score_columns)


def notated_intervals(notes: np.ndarray, score_columns: np.ndarray) -> np.ndarray:
    """Return log2 of the notated seconds from each note (N,) to the next anchor of the score; NaN for the last."""
    anchors, groups = find_anchors(notes["onset_quarter"])
    return np.append(np.log2(np.diff(anchors)), np.nan)[groups] + _notated_period(score_columns)


def at_played_tempo(normalised: np.ndarray, notated: np.ndarray) -> np.ndarray:
    """Return ``notated_intervals`` or ``notated_octaves`` (n,) at the tempo of normalised columns (n, 8) in place of the notated tempo."""
    return notated + denormalise_column(normalised[:, BEAT_PERIOD], BEAT_PERIOD)


def slowed(octaves: float) -> np.ndarray:
    """Return what to add to normalised columns (n, 8) to slow the tempo by ``octaves`` while holds keep their length in seconds."""
    added = np.zeros(len(PERFORMANCE_COLUMNS), np.float32)
    added[BEAT_PERIOD], added[ARTICULATION] = octaves / SCALE[BEAT_PERIOD], -octaves / SCALE[ARTICULATION]
    return added


def denormalise_column(values: np.ndarray, column: int) -> np.ndarray:
    """Return the denormalised values (n,) of one curved column, float64; a beat period stays relative to the notated one."""
    return CURVE[column] * np.sinh(values.astype(np.float64) / CURVE[column]) * SCALE[column] + CENTRE[column]


def normalise_column(values: np.ndarray, column: int) -> np.ndarray:
    """Return the normalised values (n,) of one curved column: the inverse of ``denormalise_column``."""
    return CURVE[column] * np.arcsinh((values - CENTRE[column]) / SCALE[column] / CURVE[column])


def relative_to_unknown_tempo(beat_period: np.ndarray, score_columns: np.ndarray) -> np.ndarray:
    """Return the normalised beat period (N,) relative to UNKNOWN_BEAT_PERIOD in place of the notated tempo."""
    log_period = denormalise_column(beat_period, BEAT_PERIOD) + _notated_period(score_columns)
    return normalise_column(log_period - UNKNOWN_BEAT_PERIOD, BEAT_PERIOD).astype(np.float32)


def _of(score_columns: np.ndarray, name: str) -> np.ndarray:
    return score_columns[:, SCORE_COLUMNS.index(name)]


def _notated_period(score_columns: np.ndarray) -> np.ndarray:
    return np.where(_of(score_columns, "tempo_known") > 0, _of(score_columns, "beat_period"), UNKNOWN_BEAT_PERIOD)


def _columns(score_columns: np.ndarray, before: float = 0.0, after: float = 0.0) -> Columns:
    score = dict(zip(SCORE_COLUMNS, score_columns.T, strict=True))
    _, group = np.unique(np.round(score["onset_quarter"] / SAME_ONSET_QUARTERS), return_inverse=True)
    return (
        _pitch(score, group)
        | _hands(score)
        | _voice(score)
        | _durations(score, group)
        | _metre(score)
        | _place(score, group, before, after)
        | _tempo(score, group)
        | _velocity(score, group)
        | _markings(score, group)
    )


def _log(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return half of log2 of the values, clipped to ``low`` and ``high``."""
    return np.log2(np.clip(values, low, high)) / 2


def _flag(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)


def _by_onset(values: np.ndarray, group: np.ndarray, reduce: np.ufunc) -> np.ndarray:
    """Reduce the values of the notes of each onset; return (K,)."""
    return reduce.reduceat(values[np.argsort(group, kind="stable")], np.searchsorted(np.sort(group), np.arange(group.max() + 1)))


def _shifted(by_onset: np.ndarray, steps: int) -> np.ndarray:
    """Return the values of the onset ``steps`` later; beyond the ends, those of the first or last onset."""
    return by_onset[np.clip(np.arange(len(by_onset)) + steps, 0, len(by_onset) - 1)]


def _pitch(score: Columns, group: np.ndarray) -> Columns:
    pitch = score["pitch"]
    top, bass = _by_onset(pitch, group, np.maximum), _by_onset(pitch, group, np.minimum)
    features = {"pitch": (pitch - 60) / 24}
    features |= {f"pitch_near_{centre}": np.clip(1 - np.abs(pitch - centre) / 12, 0, 1) for centre in PITCH_BUMPS.tolist()}
    features |= {
        "below_top": (pitch - top[group]) / 12,
        "above_bass": (pitch - bass[group]) / 12,
        "is_top": _flag(score["notes_above"] == 0),
        "is_bottom": _flag(score["notes_below"] == 0),
        "notes_above": np.minimum(score["notes_above"], 8) / 4,
        "notes_below": np.minimum(score["notes_below"], 8) / 4,
        "is_grace": score["is_grace"],
        "in_second_hand": _flag(_second_hand(score)),
        "grace_in_chord": _by_onset(score["is_grace"], group, np.maximum)[group],
    }
    for name, line in (("top", top), ("bass", bass)):
        for steps in (-2, -1, 1, 2):
            features[f"{name}_{steps:+d}"] = np.clip((_shifted(line, steps) - line)[group] / 12, -2, 2)
    return features


def _hands(score: Columns) -> Columns:
    """Return the place of each note among those that its hand strikes together: a hand rolls, from the bass on, what it cannot reach.

    Where the score does not tell the hands apart, middle C divides them.
    """
    second = _second_hand(score)
    if not second.any() or second.all():
        second = score["pitch"] < 60
    _, group = np.unique(2 * np.round(score["onset_quarter"] / SAME_ONSET_QUARTERS) + second, return_inverse=True)
    pitch = score["pitch"]
    top, bottom = _by_onset(pitch, group, np.maximum)[group], _by_onset(pitch, group, np.minimum)[group]
    return {
        "hand_span": (top - bottom) / 12,
        "above_hand_bottom": (pitch - bottom) / 12,
        "below_hand_top": (top - pitch) / 12,
        "hand_notes": np.bincount(group)[group] / 4,
        "hand_beyond_octave": _flag(top - bottom > 12),
        "hand_beyond_ninth": _flag(top - bottom > 14),
    }


def _second_hand(score: Columns) -> np.ndarray:
    return np.where(score["staff"] > 0, score["staff"] > 1, score["part"] > 0)


def _voice(score: Columns) -> Columns:
    """Return the intervals and distances to the notes before and after in the same voice, and to the last and next of the same key."""
    features: Columns = {}
    onset, pitch, length = score["onset_quarter"], score["pitch"], len(score["pitch"])
    lines = {"voice": score["part"] * 1e4 + score["staff"] * 100 + score["voice"], "key": pitch}
    for name, line in lines.items():
        order = np.lexsort((pitch, onset, line))
        for direction, sequence in (("before", order), ("after", order[::-1])):
            other = np.full(length, -1)
            same = line[sequence[1:]] == line[sequence[:-1]]
            other[sequence[1:][same]] = sequence[:-1][same]
            known = other >= 0
            gap = np.where(known, np.abs(onset - onset[other]), 0)
            features[f"{name}_{direction}_known"] = _flag(known)
            features[f"{name}_{direction}_quarters"] = np.where(known, _log(gap, 1 / 32, 32), 0)
            if name == "voice":
                features[f"voice_{direction}_interval"] = np.where(known, np.clip((pitch[other] - pitch) / 12, -2, 2), 0)
            if direction == "after":
                gate = score["duration_quarter"] / np.maximum(gap, 1e-3)
                features[f"{name}_gate"] = np.where(known & (gap > 0), _log(gate, 1 / 16, 16), 0)
    return features


def _durations(score: Columns, group: np.ndarray) -> Columns:
    onset, duration = score["onset_quarter"], score["duration_quarter"]
    before, after = score["previous_onset_quarter"], score["next_onset_quarter"]
    notated = NOTATED_QUARTERS[np.minimum(np.searchsorted(NOTATED_QUARTERS, duration * 0.97), len(NOTATED_QUARTERS) - 1)]
    onsets = np.sort(onset)
    features = {
        "duration": _log(duration, 1 / 32, 16),
        "duration_of_notated": np.where(duration > 0, _log(duration / notated, 1 / 4, 1), 0),
        "gap_before": np.where(before > 0, _log(before, 1 / 32, 16), 0),
        "gap_after": np.where(after > 0, _log(after, 1 / 32, 16), 0),
        "duration_of_gap": np.where(after > 0, _log(duration / np.maximum(after, 1e-3), 1 / 16, 16), 0),
        "longest_in_chord": _log(_by_onset(duration, group, np.maximum)[group], 1 / 32, 16),
        "chord_notes": np.log2(np.bincount(group)[group]) / 2,
    }
    for reach in (1, 4):
        notes = np.searchsorted(onsets, onset + reach) - np.searchsorted(onsets, onset - reach)
        features[f"density_{reach}"] = _log(notes / (2 * reach), 1 / 8, 32)
    gaps = _by_onset(after, group, np.maximum)
    for steps in (-2, -1, 1, 2, 3):
        features[f"gap_{steps:+d}"] = _log(_shifted(gaps, steps), 1 / 32, 16)[group]
    return features


def _metre(score: Columns) -> Columns:
    phase, position, length = score["beat_phase"], score["measure_position_quarter"], score["measure_quarter"]
    share = np.divide(position, length, out=np.zeros_like(position), where=length > 0)
    beat = share * score["beats"]
    features = {
        "metre_known": _flag(score["beats"] > 0),
        "on_beat": _flag((np.abs(phase) < 1e-3) & (score["beats"] > 0)),
        "on_half_beat": _flag(np.abs(phase - 0.5) < 1e-3),
        "on_downbeat": _flag((position < 1e-3) & (length > 0)),
        "on_half_measure": _flag(np.abs(share - 0.5) < 1e-3),
        "measure_quarters": np.where(length > 0, _log(length, 0.5, 16), 0),
        "beats_of_eighths": _flag(score["beat_type"] >= 8),
        "beat_of_measure": np.minimum(beat, 12) / 6,
    }
    features |= {f"metre_{beats}": _flag(score["beats"] == beats) for beats in METRES}
    for name, turn, harmonics in (("beat", phase, (1, 2)), ("measure", share, (1, 2, 3))):
        for harmonic in harmonics:
            features[f"{name}_cos_{harmonic}"] = np.cos(2 * np.pi * harmonic * turn) * features["metre_known"]
            features[f"{name}_sin_{harmonic}"] = np.sin(2 * np.pi * harmonic * turn) * features["metre_known"]
    return features


def _place(score: Columns, group: np.ndarray, before: float, after: float) -> Columns:
    """Return the position of each note in the piece: much of the tempo happens on the last beats."""
    onset = score["onset_quarter"]
    since, until = onset - onset.min() + before, onset.max() - onset + after
    measure = np.where(score["measure_quarter"] > 0, score["measure_quarter"], 4)
    features = {
        "place": since / max(float((since + until).max()), 1.0),
        "since_beginning": _log(1 + since, 1, 1024) / 2,
        "until_end": _log(1 + until, 1, 1024) / 2,
        "onsets_until_end": _log(1.0 + group.max() - group + ONSETS_A_QUARTER * after, 1, 1024) / 2,
        "length": _log(1 + since + until, 1, 4096) / 2,
    }
    for measures in (0.25, 1, 4):
        features[f"near_beginning_{measures}"] = np.exp(-since / (measures * measure))
        features[f"near_end_{measures}"] = np.exp(-until / (measures * measure))
    return features


def _tempo(score: Columns, group: np.ndarray) -> Columns:
    """Return the notated tempo, and its difference from the whole piece's and from that a little before and after."""
    known, period, onset = score["tempo_known"], score["beat_period"], score["onset_quarter"]
    features = {
        "tempo_known": known,
        "beat_period": known * (period + 1),
        "beat_period_of_piece": known * (period - np.median(period)),
        "gap_after_seconds": known * (_log(np.maximum(score["next_onset_quarter"], 1 / 32), 1 / 32, 16) + period / 2 + 1),
    }
    onsets, periods = _by_onset(onset, group, np.minimum), _by_onset(period, group, np.maximum)
    for quarters in (-16, -4, -1, 1, 4, 16):
        index = np.clip(np.searchsorted(onsets, onset + quarters + SAME_ONSET_QUARTERS, side="right") - 1, 0, len(onsets) - 1)
        features[f"beat_period_{quarters:+d}"] = known * np.clip(2 * (periods[index] - period), -3, 3)
    return features | {name: known * values for name, values in _tempo_map(onset, onsets, periods).items()}


def _tempo_map(onset: np.ndarray, onsets: np.ndarray, periods: np.ndarray) -> Columns:
    """Return where a tempo map is slower than its surroundings (``held_back``), and how near its changes are.

    Notation programs write a ritardando as a tempo that is slower by one or two percent: it tells the place, not the amount.
    """
    shifts = np.arange(-AROUND_QUARTERS, AROUND_QUARTERS + 1)
    places = np.searchsorted(onsets, onset[:, None] + shifts + SAME_ONSET_QUARTERS, side="right") - 1
    around = periods[np.clip(places, 0, len(onsets) - 1)]  # (N, shifts)
    slower = np.tanh((around - np.median(around, axis=1, keepdims=True)) / SMALL_CHANGE)
    features = {"held_back": slower[:, AROUND_QUARTERS]}
    features |= {f"held_back_{quarters:+d}": slower[:, AROUND_QUARTERS + quarters] for quarters in (-8, -4, -2, -1, 1, 2, 4, 8)}
    changes = np.diff(periods, prepend=periods[0])
    changed = np.append(np.flatnonzero(np.abs(changes) > SMALL_CHANGE / 10), len(onsets))
    sizes, at = np.tanh(np.append(changes, 0.0) / SMALL_CHANGE)[changed], np.append(onsets, np.inf)[changed]
    following = np.searchsorted(at, onset + SAME_ONSET_QUARTERS)
    for name, index in (("next", np.minimum(following, len(at) - 1)), ("last", following - 1)):
        near = np.where(index >= 0, np.exp(-np.abs(at[index] - onset) / NEAR_QUARTERS), 0)
        features[f"{name}_tempo_change"] = sizes[index] * near
    return features


def _velocity(score: Columns, group: np.ndarray) -> Columns:
    known, velocity = score["velocity_known"], score["velocity"]
    mean = _by_onset(velocity, group, np.add) / np.bincount(group)
    features = {
        "velocity_known": known,
        "velocity": known * (4 * velocity - 2),
        "velocity_of_piece": known * 4 * (velocity - np.median(velocity)),
        "velocity_of_chord": known * 4 * (velocity - mean[group]),
    }
    for steps in (-8, -1, 1, 8):
        features[f"velocity_{steps:+d}"] = known * 4 * (_shifted(mean, steps) - mean)[group]
    return features


def _markings(score: Columns, group: np.ndarray) -> Columns:
    known, dynamic, hairpin, change = score["markings_known"], score["dynamic"], score["hairpin"], score["tempo_change"]
    features = {"markings_known": known, "dynamic": np.where(dynamic > 0, (dynamic - 4.5) / 2, 0)}
    features |= {f"dynamic_{level}": _flag(dynamic == level) * known for level in range(9)}
    by_onset = _by_onset(dynamic, group, np.maximum)
    for steps in (-8, -1, 1, 8):
        features[f"dynamic_{steps:+d}"] = (_shifted(by_onset, steps) - by_onset)[group] / 2
    for name, sign, position in (("hairpin", hairpin, score["hairpin_position"]), ("change", change, score["tempo_change_position"])):
        for direction, flag in (("up", sign > 0), ("down", sign < 0)):
            features[f"{name}_{direction}"] = _flag(flag)
            features[f"{name}_{direction}_position"] = flag * position
    features |= {name: _flag(score[name] > 0) for name in PRINTED_AT_NOTES}
    for name in ("fermata", "slur_end", "staccato", "accent"):
        in_chord = _by_onset(score[name], group, np.maximum)
        features[f"{name}_in_chord"] = in_chord[group]
        features[f"{name}_next"] = _shifted(in_chord, 1)[group]
    features["fermata_before"] = _shifted(_by_onset(score["fermata"], group, np.maximum), -1)[group]
    return features


FEATURES = tuple(_columns(np.zeros((1, len(SCORE_COLUMNS)))))
TEMPO_MAP_FEATURES = slice(FEATURES.index("held_back"), FEATURES.index("last_tempo_change") + 1)
