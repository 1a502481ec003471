"""From the logits of a note's performed fields to its tokens: how bold the choice is, and a seed that says which it is. NumPy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.performance_rnn.sampling import Race
from models.score_performer.representation import ExpectedOnsets
from models.score_performer.tempo_hold import AT_ONCE, TempoHold
from models.score_performer.vocabulary import (
    FIELDS,
    MASK,
    ONSET_DEVIATION,
    PEDAL_FIELDS,
    PERFORMED_FIELDS,
    SPECIALS,
    START,
    TEMPO,
    VELOCITY,
    to_token,
    to_value,
)

OF_THE_ONSET = (TEMPO, *PEDAL_FIELDS)  # the same for all notes of an onset
_OF_THE_ONSET = list(OF_THE_ONSET)
_SIZES = [len(FIELDS[field].values) for field in PERFORMED_FIELDS]
_ENDS = np.cumsum(_SIZES).tolist()
VALUES = _ENDS[-1]  # of all performed fields together
_ROWS = {field: row for row, field in enumerate(PERFORMED_FIELDS)}


def _places() -> np.ndarray:
    """Return where each field's values are among all (fields, most values); VALUES stands for what may not be chosen."""
    places = np.full((len(_SIZES), max(_SIZES)), VALUES)
    for row, size, end in zip(places, _SIZES, _ENDS, strict=True):
        row[:size] = np.arange(end - size, end)
    places[_ROWS[VELOCITY], 0] = VALUES
    return places


_PLACES = _places()
_IS_PERFORMED = np.array([field.performed for field in FIELDS])


@dataclass(frozen=True)
class Boldness:
    """``temperature`` 0 is the likeliest of each field; ``top_p`` the share of likeliest values that are chosen from."""

    temperature: float = 1.0
    top_p: float = 0.95


def split_fields(logits: np.ndarray) -> list[np.ndarray]:
    """Return the logits of each of PERFORMED_FIELDS, of those of all (..., VALUES)."""
    return [logits[..., end - size : end] for size, end in zip(_SIZES, _ENDS, strict=True)]


def choose_fields(
    logits: np.ndarray, race: Race, note: int, boldness: Boldness, fields: Sequence[int] = PERFORMED_FIELDS
) -> np.ndarray:
    """Return the tokens of ``fields`` for the logits (VALUES,) of the note with that index in the piece, as
    models.performance_rnn.sampling chooses events.

    No note is silent. The choice does not depend on what was chosen before.
    """
    places, logits = _by_field(logits, fields)
    if boldness.temperature == 0:
        return SPECIALS + logits.argmax(1)
    chances = _chances(logits / boldness.temperature)
    if boldness.top_p < 1:
        order = (-chances).argsort(1, kind="stable")
        ordered = np.take_along_axis(chances, order, 1)
        few = ordered.cumsum(1)[:, :-1] < boldness.top_p  # those before are not enough
        np.put_along_axis(chances, order[:, 1:], ordered[:, 1:] * few, 1)
    return SPECIALS + (chances / np.append(race.times(note, VALUES), np.inf)[places]).argmax(1)


def central_fields(logits: np.ndarray, fields: Sequence[int] = PERFORMED_FIELDS) -> np.ndarray:
    """Return the tokens of ``fields`` that lie in the middle of what may be chosen, of the logits (VALUES,): each field's median, of
    velocities the mean.
    """
    chances = _chances(_by_field(logits, fields)[1])
    chosen = SPECIALS + (chances.cumsum(1) < 0.5).sum(1)
    if VELOCITY in fields:
        row = fields.index(VELOCITY)
        chosen[row] = to_token(VELOCITY, float(chances[row, : len(FIELDS[VELOCITY].values)] @ FIELDS[VELOCITY].values))
    return chosen


def forget(note: np.ndarray) -> np.ndarray:
    """Return the tokens (16,) of a note of which it is not known how it was played."""
    return note if note[0] == START else np.where(_IS_PERFORMED, MASK, note)


def _by_field(logits: np.ndarray, fields: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return where the values of ``fields`` are (len(fields), most values), and their logits, without those that may not be chosen."""
    places = _PLACES[[_ROWS[field] for field in fields]]
    return places, np.append(logits, -np.inf)[places]


def _chances(logits: np.ndarray) -> np.ndarray:
    chances = np.exp(logits - logits.max(1, keepdims=True))
    return chances / chances.sum(1, keepdims=True)


class Continuation:
    """Makes one performance of what is chosen for one note after the other.

    The tempo is the local window's throughout, as in performances that the network has learnt from: of all tempos that are chosen only the
    first counts. What is of the onset is chosen for its first note. ``times``: of the onset that is under way, when each note is played
    (seconds, its first onset is expected at 0), and whether it is a grace note.
    """

    def __init__(self) -> None:
        self._expected: ExpectedOnsets | None = None
        self.onset = -1  # the index of the one under way
        self._quarter, self._onsets = 0.0, 0
        self._hold: TempoHold | None = None
        self._before: tuple[float, float] | None = None  # quarters and seconds of the onset passed last
        self._first: np.ndarray | None = None  # tokens of the onset's first note
        self.times: list[tuple[float, bool]] = []

    @property
    def begun(self) -> bool:
        """Whether the tempo is known already."""
        return self._expected is not None

    @property
    def onset_s(self) -> float:
        """When the onset under way is played, of its notes so far: grace notes do not count if there are others."""
        times = [time_s for time_s, is_grace in self.times if not is_grace] or [time_s for time_s, _ in self.times]
        return sum(times) / len(times)

    def take(
        self,
        onset: int,
        quarter: float,
        is_grace: bool,
        note: np.ndarray,
        written_tempo: float | None = None,
        at_once: float = AT_ONCE,
    ) -> np.ndarray:
        """Return the tokens (16,) of the next note with those of its onset in their places.

        ``note`` are its tokens with the chosen fields, ``onset`` the index of the onset that it belongs to, at ``quarter``. With a
        ``written_tempo``, quarters a minute, the tempo is held near it, ``at_once`` as far as that says, see tempo_hold.
        """
        note = note.copy()
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
        note[_OF_THE_ONSET] = self._first[_OF_THE_ONSET]
        expected_s, gap_s = self._expected.expect(quarter, tempo)
        self.times.append((expected_s + gap_s * to_value(ONSET_DEVIATION, note[ONSET_DEVIATION]), is_grace))
        return note

    def take_back(self) -> None:
        """Forget the notes of the onset that is under way; its first note is next."""
        self._first, self.times = None, []
        if self._onsets == 0:
            self._expected = None

    def _pass_onset(self, written_tempo: float | None) -> None:
        if self._expected is not None and self.times:
            self._expected.came(self._quarter, self.onset_s)
            if self._hold and self._before and written_tempo:
                self._hold.passed(self.onset_s - self._before[1], self._quarter - self._before[0], written_tempo)
            self._before = self._quarter, self.onset_s
            self._onsets += 1
        self._first, self.times = None, []
