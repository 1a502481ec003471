"""SPMuple's fields: tokens and the values that they stand for. NumPy only.

Source: Borovik, Viro, "ScorePerformer: Expressive Piano Performance Rendering with Fine-Grained Control", ISMIR 2023. A note is a tuple of
twelve tokens; here four follow for the sustain pedal, which the paper leaves out.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

PAD, MASK, START, END = range(4)
SPECIALS = 4  # a field's values begin after them

POSITIONS_A_QUARTER = 16
LONGEST_BAR_QUARTERS = 8
LOWEST_PITCH, HIGHEST_PITCH = 21, 108
SLOWEST_TEMPO, TEMPO_STEPS_AN_OCTAVE, TEMPO_OCTAVES = 15.0, 24, 5  # quarters a minute
TIME_SIGNATURES = tuple((beats, beat_type) for beat_type, most in ((2, 4), (4, 6), (8, 12)) for beats in range(1, most + 1))
PEDAL_STEPS = 16


class Field(NamedTuple):
    """``values``: those of the tokens from SPECIALS on, ascending. ``performed``: the field is predicted, not given by the score."""

    name: str
    values: np.ndarray
    performed: bool = False


def _grid(start: float, *spans: tuple[float, float]) -> list[float]:
    """Return the points from ``start`` on, up to each span's end in steps of the span's."""
    points = [start]
    for end, step in spans:
        points += np.arange(points[-1] + step, end + step / 2, step).tolist()
    return points


def _deviations() -> np.ndarray:
    """Fine near the expected time, coarse far from it; rounded as in the paper."""
    q = 16
    linear = [np.linspace(low, high, q + 1)[1:] for low, high in ((0, 1 / 20), (1 / 20, 1 / 10), (1 / 10, 1 / 6))]
    spans = ((1 / 6, 1 / 3, q), (1 / 3, 1 / 2, q // 2), (1 / 2, 3 / 4, q // 4), (3 / 4, 1, q // 8), (1, 2, q // 8))
    late = np.round(np.concatenate(linear + [np.geomspace(low, high, steps + 1)[1:] for low, high, steps in spans]), 4)
    return np.concatenate([-late[::-1], [0.0], late])


def _durations() -> np.ndarray:
    q = 16
    spans = ((0.1, 1 / 3, q), (1 / 3, 4 / 5, 2 * q), (4 / 5, 1, q), (1, 5 / 4, q // 2), (5 / 4, 3 / 2, q // 4))
    linear = [np.linspace(low, high, steps + 1)[1:] for low, high, steps in spans]
    return np.round(np.concatenate([[0.1], *linear, np.geomspace(3 / 2, 3, q // 4 + 1)[1:]]), 4)


_PEDAL_SHARES = np.arange(PEDAL_STEPS + 1) / PEDAL_STEPS

FIELDS = (
    Field("bar", np.arange(256.0)),  # counted on from 0 after the last
    Field("position", np.arange(LONGEST_BAR_QUARTERS * POSITIONS_A_QUARTER) / POSITIONS_A_QUARTER),  # quarters into the bar
    Field("pitch", np.arange(LOWEST_PITCH, HIGHEST_PITCH + 1.0)),
    Field("velocity", np.arange(128.0), performed=True),  # 0: not performed
    Field("duration", np.array(_grid(0.0, (2, 1 / 16), (4, 1 / 8), (8, 1 / 4), (16, 1 / 2), (64, 1)))),  # quarters
    Field("tempo", SLOWEST_TEMPO * 2 ** (np.arange(TEMPO_OCTAVES * TEMPO_STEPS_AN_OCTAVE + 1) / TEMPO_STEPS_AN_OCTAVE), performed=True),
    Field("time_signature", np.arange(float(len(TIME_SIGNATURES)))),  # index into TIME_SIGNATURES
    Field("position_shift", np.array(_grid(0.0, (2, 1 / 16), (4, 1 / 8), (8, 1 / 2), (16, 1)))),  # quarters since the onset before
    Field("notes_in_onset", np.arange(1.0, 13.0)),  # larger chords count as 12
    Field("position_in_onset", np.arange(12.0)),  # and their last notes as the twelfth
    Field("onset_deviation", _deviations(), performed=True),  # after the expected onset, as a share of the time since the onset before
    Field("performed_duration", _durations(), performed=True),  # as a share of the notated one
    # What the pedal does from this onset to the next: see models.performance.representation, whose depths and shares these are.
    Field("pedal", _PEDAL_SHARES, performed=True),
    Field("pedal_between", _PEDAL_SHARES, performed=True),
    Field("pedal_change", _PEDAL_SHARES, performed=True),
    Field("pedal_return", _PEDAL_SHARES, performed=True),
)
FIELD_NAMES = tuple(field.name for field in FIELDS)
(
    BAR,
    POSITION,
    PITCH,
    VELOCITY,
    DURATION,
    TEMPO,
    TIME_SIGNATURE,
    POSITION_SHIFT,
    NOTES_IN_ONSET,
    POSITION_IN_ONSET,
    ONSET_DEVIATION,
    PERFORMED_DURATION,
    PEDAL,
    PEDAL_BETWEEN,
    PEDAL_CHANGE,
    PEDAL_RETURN,
) = range(len(FIELDS))
SCORE_FIELDS = tuple(range(POSITION_IN_ONSET + 1))  # of these the score encoder reads; velocity and tempo as written
PERFORMED_FIELDS = tuple(index for index, field in enumerate(FIELDS) if field.performed)
PEDAL_FIELDS = (PEDAL, PEDAL_BETWEEN, PEDAL_CHANGE, PEDAL_RETURN)
_MIDDLES = tuple((field.values[1:] + field.values[:-1]) / 2 for field in FIELDS)


_VALUES: list[list[float]] = [field.values.tolist() for field in FIELDS]
_BETWEEN: list[list[float]] = [middles.tolist() for middles in _MIDDLES]


def to_token(field: int, value: float) -> int:
    """Return the token of one value, as ``to_tokens`` does."""
    return SPECIALS + bisect_left(_BETWEEN[field], value)


def to_value(field: int, token: int) -> float:
    """Return the value of one token, which must not be a special one (no token of a decoded performance is)."""
    return _VALUES[field][token - SPECIALS]


def to_tokens(field: int, values: np.ndarray) -> np.ndarray:
    """Return the tokens of the field's values nearest to ``values``, of any shape; beyond the ends, those of the ends."""
    return SPECIALS + np.searchsorted(_MIDDLES[field], values)


def to_values(field: int, tokens: np.ndarray) -> np.ndarray:
    """Return the values of tokens, float64. Raises ValueError for special tokens and for tokens that the field does not have."""
    indices = np.asarray(tokens) - SPECIALS
    name, known, _ = FIELDS[field]
    if np.any((indices < 0) | (indices >= len(known))):
        wrong = sorted(set(np.asarray(tokens)[(indices < 0) | (indices >= len(known))].ravel().tolist()))
        raise ValueError(f"{name} has no value for tokens {wrong[:5]}; its tokens are {SPECIALS} to {SPECIALS + len(known) - 1}")
    return known[indices]


def nearest_time_signature(beats: Sequence[int] | np.ndarray, beat_types: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return indices into TIME_SIGNATURES: the same ones, or for those that are not among them bars of the most similar length."""
    known = np.array(TIME_SIGNATURES, dtype=float)
    ratio = np.asarray(beats, dtype=float) / np.asarray(beat_types, dtype=float)
    distance = np.abs(np.log2(ratio[:, None] / (known[:, 0] / known[:, 1])))
    same = (np.asarray(beats)[:, None] == known[:, 0]) & (np.asarray(beat_types)[:, None] == known[:, 1])
    return np.where(same, -1.0, distance).argmin(1)
