"""A performance as SPMuple's tokens beside those of its score, and back. NumPy only. Source: the paper in vocabulary.py.

Each onset of the score is expected at the tempo in force, from when the onset before it was played:

    expected time   t(k) = T(k-1) + d(k),  d(k) = quarters since onset k-1 / tempo
    onset deviation (played - t(k)) / d(k), -2 to 2, by note
    duration        played / (notated at that tempo), 0.1 to 3, by note; the key's, without the pedal
    T(k)            the mean of what was played at onset k

With the tempo of the local window the tokens are causal: those of an onset depend on earlier onsets only. Where and why this differs from
the paper:

- T(k) is the mean of what the tokens say, not of what was played: roundings do not add up.
- An onset more than 2 d(k) early or late is moved to that limit, and all later ones with it, as in the paper; ``cut_sec`` holds the time
  that is lost.
- The first onset is expected a quarter after the start; in the paper it is a tick, which leaves a first chord no asynchrony.
- Grace notes do not count for the time of an onset that has other notes; their durations are relative to GRACE_NOTE_QUARTERS.
- The pedal is kept: at each onset its depth, and what it does until the next (see models.performance.representation).
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from models.performance.pedal import Pedal, decode_pedal, encode_pedal
from models.performance.representation import GRACE_NOTE_QUARTERS, LAST_SPAN_QUARTERS, Performed
from models.score_performer.local_tempo import LocalTempo, group_tempos, initial_tempo
from models.score_performer.score_representation import BAR_LEVEL, BEAT_LEVEL, ONSET_LEVEL
from models.score_performer.vocabulary import (
    FIELDS,
    ONSET_DEVIATION,
    PEDAL_FIELDS,
    PERFORMED_DURATION,
    TEMPO,
    VELOCITY,
    to_tokens,
    to_values,
)

REPRESENTATION_VERSION = 1
MOST_DEVIATION = float(FIELDS[ONSET_DEVIATION].values[-1])

Tempos = Literal["window", "onset", "beat", "bar"]


class Encoded(NamedTuple):
    """``tokens`` (N, 16); ``cut_sec`` (N,): how much earlier each note is in the tokens than in the performance, because of the limit."""

    tokens: np.ndarray
    cut_sec: np.ndarray


class ExpectedOnsets:
    """The expected time of each next onset of one performance, played or decoded, given when the earlier ones came."""

    def __init__(self, quarter: float, time_s: float, tempo: float):
        """``quarter`` and ``time_s`` are the first onset's, ``tempo`` (quarters a minute) is what it begins with."""
        self.local_tempo = LocalTempo(tempo)
        self._last_quarter = quarter - 1
        self._last_s = time_s - 60 / self.local_tempo.tempo

    def expect(self, quarter: float, tempo: float) -> tuple[float, float]:
        """Return when an onset is expected, in seconds, and how long that is after the one before."""
        gap_s = 60 * (quarter - self._last_quarter) / tempo
        return self._last_s + gap_s, gap_s

    def came(self, quarter: float, time_s: float) -> None:
        self._last_quarter, self._last_s = quarter, time_s
        self.local_tempo.add(quarter, time_s)


def encode_performance(
    score_tokens: np.ndarray, segments: np.ndarray, notes: np.ndarray, performed: Performed, tempos: Tempos = "window"
) -> Encoded:
    """Return the tokens of a score (see score_representation) with its performance in the performed fields.

    ``tempos`` is the tempo that deviations refer to: of the local window, or, looking ahead, since the onset before, of the beat or of the
    bar. A note that is not performed has velocity 0, is on time and is held for its length. Raises ValueError when none is performed.
    """
    onsets = list(_onsets(notes, segments[:, ONSET_LEVEL], np.isfinite(performed.onset_sec)))
    if not onsets:
        raise ValueError("a performance needs at least one performed note")
    starts = np.array([rows[0] for rows, _ in onsets])
    quarters, times_s = notes["onset_quarter"][starts], np.array([performed.onset_sec[timing].mean() for _, timing in onsets])
    given = _given_tempos(tempos, quarters, times_s, segments[starts])
    begins_with = initial_tempo(quarters, times_s) if given is None else given[0]
    expected, cut_s = ExpectedOnsets(quarters[0], times_s[0], begins_with), 0.0
    tempo_of_onset, cut_of_onset = np.empty(len(onsets)), np.empty(len(onsets))
    tokens = score_tokens.copy()
    tokens[:, ONSET_DEVIATION] = to_tokens(ONSET_DEVIATION, np.array(0.0))
    for index, (rows, timing) in enumerate(onsets):
        tempo = expected.local_tempo.tempo if given is None else given[index]
        expected_s, gap_s = expected.expect(quarters[index], tempo)
        cut_s += _beyond((performed.onset_sec[timing] - cut_s - expected_s) / gap_s) * gap_s
        tokens[rows, ONSET_DEVIATION] = to_tokens(ONSET_DEVIATION, (performed.onset_sec[rows] - cut_s - expected_s) / gap_s)
        tempo_of_onset[index], cut_of_onset[index] = tempo, cut_s
        expected.came(quarters[index], expected_s + gap_s * to_values(ONSET_DEVIATION, tokens[timing, ONSET_DEVIATION]).mean())
    onset_of_note = np.maximum(np.searchsorted(starts, np.arange(len(notes)), side="right") - 1, 0)
    tempo_of_note, played = tempo_of_onset[onset_of_note], np.isfinite(performed.onset_sec)
    share = np.where(played, performed.duration_sec / notated_seconds(notes, tempo_of_note), 1.0)
    tokens[:, PERFORMED_DURATION] = to_tokens(PERFORMED_DURATION, share)
    tokens[:, VELOCITY] = to_tokens(VELOCITY, np.where(played, performed.velocity, 0))
    tokens[:, TEMPO] = to_tokens(TEMPO, tempo_of_note)
    pedal = encode_pedal(performed.pedal, _span_edges(notes, quarters, times_s, tempo_of_note[-1]))[onset_of_note]
    tokens[:, PEDAL_FIELDS] = np.stack([to_tokens(field, pedal[:, column]) for column, field in enumerate(PEDAL_FIELDS)], axis=1)
    return Encoded(tokens, cut_of_onset[onset_of_note])


def decode_performance(
    notes: np.ndarray, segments: np.ndarray, tokens: np.ndarray, start_sec: float = 0.0, recompute_tempo: bool = False
) -> Performed:
    """Return the performance that ``tokens`` (N, 16) describe, its first onset expected at ``start_sec``.

    ``tokens`` that were not encoded may differ in tempo and pedal within an onset: their mean counts. ``recompute_tempo`` takes the local
    window's tempo instead, but for the first onset's. A note of velocity 0 is not performed. Raises ValueError for tokens without a value.
    """
    velocity = to_values(VELOCITY, tokens[:, VELOCITY]).astype(np.int64)
    deviation, tempo_of_note = to_values(ONSET_DEVIATION, tokens[:, ONSET_DEVIATION]), to_values(TEMPO, tokens[:, TEMPO])
    onsets = list(_onsets(notes, segments[:, ONSET_LEVEL], velocity > 0))
    onset_sec = np.full(len(notes), np.nan)
    if not onsets:
        return Performed(onset_sec, onset_sec.copy(), velocity, Pedal(np.empty(0), np.empty(0, dtype=np.int64)))
    quarters = notes["onset_quarter"][[rows[0] for rows, _ in onsets]]
    times_s = np.empty(len(onsets))
    expected = ExpectedOnsets(quarters[0], start_sec, tempo_of_note[onsets[0][0]].mean())
    for index, (rows, timing) in enumerate(onsets):
        tempo = expected.local_tempo.tempo if recompute_tempo else float(tempo_of_note[rows].mean())
        expected_s, gap_s = expected.expect(quarters[index], tempo)
        onset_sec[rows] = expected_s + gap_s * deviation[rows]
        times_s[index] = onset_sec[timing].mean()
        tempo_of_note[rows] = tempo
        expected.came(quarters[index], times_s[index])
    share = np.where(velocity > 0, to_values(PERFORMED_DURATION, tokens[:, PERFORMED_DURATION]), np.nan)
    edges = _span_edges(notes, quarters, times_s, tempo_of_note[onsets[-1][0][0]])
    by_onset = np.array([[to_values(field, tokens[rows, field]).mean() for field in PEDAL_FIELDS] for rows, _ in onsets])
    return Performed(onset_sec, share * notated_seconds(notes, tempo_of_note), velocity, decode_pedal(by_onset, edges))


def notated_seconds(notes: np.ndarray, quarters_per_minute: np.ndarray) -> np.ndarray:
    """Return how long each note's notated duration takes at its tempo."""
    durations = notes["duration_quarter"]
    return 60 * np.where(durations > 0, durations, GRACE_NOTE_QUARTERS) / quarters_per_minute


def _onsets(notes: np.ndarray, onset_of_note: np.ndarray, played: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each onset with performed notes their rows, and the rows that count for its time."""
    rows = np.flatnonzero(played)
    for group in np.split(rows, np.flatnonzero(np.diff(onset_of_note[rows])) + 1):
        if len(group):
            full = group[~notes["is_grace"][group]]
            yield group, full if len(full) else group


def _given_tempos(tempos: Tempos, quarters: np.ndarray, times_s: np.ndarray, segments: np.ndarray) -> np.ndarray | None:
    """Return the tempo by onset (K,), or None for the tempo of the local window."""
    if tempos == "window":
        return None
    if tempos == "onset":
        from_each = group_tempos(quarters, times_s, np.arange(len(quarters)))
        return np.append(from_each[0], from_each[:-1])
    return group_tempos(quarters, times_s, segments[:, BAR_LEVEL if tempos == "bar" else BEAT_LEVEL])


def _beyond(deviations: np.ndarray) -> float:
    """Return the shift that brings the deviations within the limits, or centres them if their range is too wide."""
    late, early = max(deviations.max() - MOST_DEVIATION, 0.0), max(-MOST_DEVIATION - deviations.min(), 0.0)
    return (late - early) / (2 if late and early else 1)


def _span_edges(notes: np.ndarray, quarters: np.ndarray, times_s: np.ndarray, tempo: float) -> np.ndarray:
    """Return the times (K + 1,) at which the pedal's spans begin: the onsets', and the end of the last. They do not fall."""
    end = max(float(np.max(notes["onset_quarter"] + notes["duration_quarter"])), quarters[-1] + LAST_SPAN_QUARTERS)
    times = np.maximum.accumulate(times_s)
    return np.append(times, times[-1] + 60 * (end - quarters[-1]) / tempo)
