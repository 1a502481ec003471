"""From the logits of a note's performed fields to its tokens: how bold the choice is, and a seed that says which it is. NumPy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.performance_rnn.sampling import Race, choose, probabilities
from models.score_performer.representation import ExpectedOnsets
from models.score_performer.tempo_hold import TempoHold
from models.score_performer.vocabulary import (
    FIELDS,
    ONSET_DEVIATION,
    PEDAL_FIELDS,
    PERFORMED_FIELDS,
    SPECIALS,
    TEMPO,
    VELOCITY,
    to_tokens,
    to_values,
)

OF_THE_ONSET = (TEMPO, *PEDAL_FIELDS)  # the same for all notes of an onset
_OF_THE_ONSET = list(OF_THE_ONSET)
_SIZES = [len(FIELDS[field].values) for field in PERFORMED_FIELDS]
_ENDS = np.cumsum(_SIZES).tolist()
VALUES = _ENDS[-1]  # of all performed fields together
_ALLOWED = [(np.arange(size) > 0) | (field != VELOCITY) for field, size in zip(PERFORMED_FIELDS, _SIZES, strict=True)]


@dataclass(frozen=True)
class Boldness:
    """``temperature`` 0 is the likeliest of each field; ``top_p`` the share of likeliest values that are chosen from."""

    temperature: float = 1.0
    top_p: float = 0.95


def split_fields(logits: np.ndarray) -> list[np.ndarray]:
    """Return the logits of each of PERFORMED_FIELDS, of those of all (..., VALUES)."""
    return [logits[..., end - size : end] for size, end in zip(_SIZES, _ENDS, strict=True)]


def choose_fields(
    logits: Sequence[np.ndarray], race: Race, note: int, boldness: Boldness, fields: Sequence[int] = PERFORMED_FIELDS
) -> np.ndarray:
    """Return the tokens of ``fields`` for the logits (values,) of each of PERFORMED_FIELDS, of the note with that index in the piece.

    No note is silent. The choice does not depend on what was chosen before.
    """
    times = race.times(note, VALUES)
    chosen = []
    for field in fields:
        place = PERFORMED_FIELDS.index(field)
        chances = probabilities(logits[place], _ALLOWED[place], boldness.temperature, boldness.top_p)
        chosen.append(SPECIALS + choose(chances, times[_ENDS[place] - _SIZES[place] : _ENDS[place]]))
    return np.array(chosen)


def central_fields(logits: Sequence[np.ndarray], fields: Sequence[int] = PERFORMED_FIELDS) -> np.ndarray:
    """Return the tokens of ``fields`` that lie in the middle of what may be chosen: each field's median, of velocities the mean."""
    chosen = []
    for field in fields:
        each = logits[PERFORMED_FIELDS.index(field)]
        chances = np.exp(each - each.max())
        if field == VELOCITY:
            chances[0] = 0
            chosen.append(int(to_tokens(field, np.array(chances @ FIELDS[field].values / chances.sum()))))
        else:
            chosen.append(SPECIALS + int(np.searchsorted(np.cumsum(chances), chances.sum() / 2)))
    return np.array(chosen)


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

    def take(self, onset: int, quarter: float, is_grace: bool, note: np.ndarray, written_tempo: float | None = None) -> np.ndarray:
        """Return the tokens (16,) of the next note with those of its onset in their places.

        ``note`` are its tokens with the chosen fields, ``onset`` the index of the onset that it belongs to, at ``quarter``. With a
        ``written_tempo``, quarters a minute, the tempo is held near it, see tempo_hold.
        """
        note = note.copy()
        if onset != self.onset:
            self._pass_onset(written_tempo)
            self.onset, self._quarter = onset, quarter
        if self._expected is None:
            self._expected = ExpectedOnsets(quarter, 0.0, float(to_values(TEMPO, note[TEMPO])))
            self._hold = TempoHold(self._expected.local_tempo.tempo / written_tempo) if written_tempo else None
        elif self._hold and written_tempo and self._onsets:
            deviation = float(to_values(ONSET_DEVIATION, note[ONSET_DEVIATION]))
            held = self._hold.deviation(deviation, self._expected.local_tempo.tempo, written_tempo)
            note[ONSET_DEVIATION] = to_tokens(ONSET_DEVIATION, np.array(held))
        tempo = self._expected.local_tempo.tempo
        if self._first is None:
            self._first = note
            note[TEMPO] = to_tokens(TEMPO, np.array(tempo))
        note[_OF_THE_ONSET] = self._first[_OF_THE_ONSET]
        expected_s, gap_s = self._expected.expect(quarter, tempo)
        self.times.append((expected_s + gap_s * float(to_values(ONSET_DEVIATION, note[ONSET_DEVIATION])), is_grace))
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
