"""From the logits of a note's performed fields to its tokens, and from tokens chosen note by note to one performance. NumPy only."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from models.layers.sampling import GumbelNoise, SamplingOptions
from models.score_performer.representation import ExpectedOnsets
from models.score_performer.tempo_hold import AT_ONCE, TempoHold
from models.score_performer.vocabulary import (
    FIELDS,
    MASK,
    ONSET_DEVIATION,
    PEDAL_FIELDS,
    PERFORMED_DURATION,
    PERFORMED_FIELDS,
    SPECIALS,
    START,
    TEMPO,
    VELOCITY,
    to_token,
    to_value,
)

OF_THE_ONSET = (TEMPO, *PEDAL_FIELDS)  # the same for all notes of an onset
_SIZES = [len(FIELDS[field].values) for field in PERFORMED_FIELDS]
_ENDS = np.cumsum(_SIZES).tolist()
VALUES = _ENDS[-1]  # of all performed fields together
_LOG_DURATIONS = np.log2(FIELDS[PERFORMED_DURATION].values)
_ROWS = {field: row for row, field in enumerate(PERFORMED_FIELDS)}


@cache
def _places(fields: tuple[int, ...]) -> np.ndarray:
    """Return the indices (fields, most values) of the values of ``fields`` among all; VALUES marks values that may not be chosen."""
    rows = [_ROWS[field] for field in fields]
    places = np.full((len(rows), max(_SIZES[row] for row in rows)), VALUES)
    for row, of_row in zip(rows, places, strict=True):
        of_row[: _SIZES[row]] = np.arange(_ENDS[row] - _SIZES[row], _ENDS[row])
    if VELOCITY in fields:
        places[fields.index(VELOCITY), 0] = VALUES
    return places


_NEVER = np.array([-np.inf], np.float32)


def split_fields(logits: np.ndarray) -> list[np.ndarray]:
    """Split the logits (..., VALUES) of all performed fields by field, in the order of PERFORMED_FIELDS."""
    return [logits[..., end - size : end] for size, end in zip(_SIZES, _ENDS, strict=True)]


def choose_fields(
    logits: np.ndarray, noise: GumbelNoise, note: int, options: SamplingOptions, fields: tuple[int, ...] = PERFORMED_FIELDS
) -> np.ndarray:
    """Return the tokens (fields,) drawn for the note with index ``note`` in the piece, from its float32 logits (VALUES,).

    Each field is drawn by the Gumbel-max trick from its nucleus (``options``). Velocity 0 is never chosen. The choice does not depend on
    earlier choices.
    """
    places = _places(fields)
    weights = _weights(logits, places)
    if options.temperature == 0:
        return SPECIALS + weights.argmax(1)
    if options.temperature != 1:
        weights /= options.temperature
    arrivals = weights + noise.values(note, VALUES).take(places, mode="clip")
    chosen = arrivals.argmax(1)
    if options.top_p < 1:
        chances = np.exp(weights - np.maximum.reduce(weights, 1, keepdims=True))
        enough = options.top_p * np.add.reduce(chances, 1)
        while True:  # what arrives first may be none of the likeliest, hardly ever twice in succession: nothing has to be sorted
            least = chances[range(len(chosen)), chosen][:, None]
            unlikely = np.add.reduce(chances * (chances > least), 1) >= enough
            if not unlikely.any():
                break
            arrivals[unlikely[:, None] & (chances <= least)] = -np.inf
            chosen = arrivals.argmax(1)
    return SPECIALS + chosen


def central_fields(logits: np.ndarray, fields: tuple[int, ...] = PERFORMED_FIELDS) -> np.ndarray:
    """Return central tokens of ``fields`` under the logits (VALUES,): the median of each; of velocities the mean, of durations the
    geometric mean.
    """
    weights = _weights(logits, _places(fields))
    chances = np.exp(weights - np.maximum.reduce(weights, 1, keepdims=True))
    sums = np.add.accumulate(chances, 1)
    chosen = SPECIALS + np.add.reduce(sums < sums[:, -1:] / 2, 1, dtype=np.int64)
    for row, field in enumerate(fields):
        if field == VELOCITY:
            chosen[row] = to_token(field, _mean(chances[row], FIELDS[field].values))
        elif field == PERFORMED_DURATION:
            chosen[row] = to_token(field, 2 ** _mean(chances[row], _LOG_DURATIONS))
    return chosen


def _mean(chances: np.ndarray, values: np.ndarray) -> float:
    """Return the mean of ``values`` under the first ``len(values)`` of the unnormalised probabilities ``chances``."""
    return float(chances[: len(values)] @ values / chances.sum())


def _weights(logits: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the logits at ``places``; -inf where a value may not be chosen."""
    return np.concatenate((logits, _NEVER)).take(places)


def forget(note: Sequence[int]) -> list[int]:
    """Return the tokens (16,) of a note with MASK in its performed fields; START stays."""
    if note[0] == START:
        return list(note)
    return [MASK if field.performed else token for field, token in zip(FIELDS, note, strict=True)]


class Continuation:
    """Builds one performance from fields that are chosen note by note.

    As in the training data, the tempo is that of the local window: of the chosen tempos only the first counts. Fields that belong to the
    onset are taken from its first note. ``times`` holds, for the notes of the current onset, the time in seconds (the first onset of the
    piece is expected at 0) and whether it is a grace note.
    """

    def __init__(self) -> None:
        self._expected: ExpectedOnsets | None = None
        self.onset = -1  # the index of the one under way
        self._quarter, self._onsets = 0.0, 0
        self._hold: TempoHold | None = None
        self._before: tuple[float, float] | None = None  # quarters and seconds of the onset passed last
        self._first: list[int] | None = None  # tokens of the onset's first note
        self.times: list[tuple[float, bool]] = []

    @property
    def begun(self) -> bool:
        """Whether a first note has set the tempo."""
        return self._expected is not None

    @property
    def ratio(self) -> float:
        """The performance's initial tempo divided by the written one that it is held near; 1 where none is."""
        return self._hold.ratio if self._hold else 1.0

    @property
    def onset_s(self) -> float:
        """The mean time of the current onset's notes so far, without grace notes if there are others."""
        times = [time_s for time_s, is_grace in self.times if not is_grace] or [time_s for time_s, _ in self.times]
        return sum(times) / len(times)

    def take(
        self,
        onset: int,
        quarter: float,
        is_grace: bool,
        note: Sequence[int],
        written_tempo: float | None = None,
        at_once: float = AT_ONCE,
    ) -> list[int]:
        """Return the tokens (16,) of the next note, with the fields of its onset filled in.

        ``note``: its tokens with the chosen fields; ``onset``: the index of its onset, at ``quarter``. With a ``written_tempo``, in
        quarters a minute, the tempo is held near it; ``at_once`` is the share that is corrected at once, see tempo_hold.
        """
        note = list(note)
        if onset != self.onset:
            self._pass_onset(written_tempo)
            self.onset, self._quarter = onset, quarter
        if self._expected is None:
            self._expected = ExpectedOnsets(quarter, 0.0, to_value(TEMPO, note[TEMPO]))
            self._hold = TempoHold(self._expected.local_tempo.tempo / written_tempo) if written_tempo else None
        elif self._hold and written_tempo and self._onsets:
            deviation = to_value(ONSET_DEVIATION, note[ONSET_DEVIATION])
            held = self._hold.deviation(deviation, self._expected.local_tempo.tempo, written_tempo, at_once)
            note[ONSET_DEVIATION] = to_token(ONSET_DEVIATION, held)
        tempo = self._expected.local_tempo.tempo
        if self._first is None:
            self._first = note
            note[TEMPO] = to_token(TEMPO, tempo)
        for field in OF_THE_ONSET:
            note[field] = self._first[field]
        expected_s, gap_s = self._expected.expect(quarter, tempo)
        self.times.append((expected_s + gap_s * to_value(ONSET_DEVIATION, note[ONSET_DEVIATION]), is_grace))
        return note

    def take_back(self) -> None:
        """Forget the notes of the current onset; its first note is next."""
        self._first, self.times = None, []
        if self._onsets == 0:
            self._expected = None

    def _pass_onset(self, written_tempo: float | None) -> None:
        if self._expected is not None and self.times:
            onset_s = self.onset_s
            self._expected.came(self._quarter, onset_s)
            if self._hold and self._before and written_tempo:
                self._hold.passed(onset_s - self._before[1], self._quarter - self._before[0], written_tempo)
            self._before = self._quarter, onset_s
            self._onsets += 1
        self._first, self.times = None, []
