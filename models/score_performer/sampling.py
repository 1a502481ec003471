"""From the logits of a note's performed fields to its tokens: how bold the choice is, and a seed that says which it is. NumPy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.performance_rnn.sampling import Race, choose, probabilities
from models.score_performer.representation import ExpectedOnsets
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
_SIZES = [len(FIELDS[field].values) for field in PERFORMED_FIELDS]
_ENDS = np.cumsum(_SIZES)


@dataclass(frozen=True)
class Boldness:
    """``temperature`` 0 is the likeliest of each field; ``top_p`` the share of likeliest values that are chosen from."""

    temperature: float = 1.0
    top_p: float = 0.95


def choose_fields(logits: Sequence[np.ndarray], race: Race, note: int, boldness: Boldness) -> np.ndarray:
    """Return the tokens of PERFORMED_FIELDS for the logits (values,) of each, of the note with that index in the piece.

    No note is silent. The choice does not depend on what was chosen before.
    """
    times = np.split(race.times(note, int(_ENDS[-1])), _ENDS[:-1])
    chosen = []
    for field, each, arrivals in zip(PERFORMED_FIELDS, logits, times, strict=True):
        allowed = np.ones(len(each), dtype=bool)
        allowed[0] = field != VELOCITY
        chosen.append(SPECIALS + choose(probabilities(each, allowed, boldness.temperature, boldness.top_p), arrivals))
    return np.array(chosen)


class Continuation:
    """Makes one performance of what is chosen for one note after the other.

    The tempo is the local window's throughout, as in performances that the network has learnt from: of all tempos that are chosen only the
    first counts. What is of the onset is chosen for its first note.
    """

    def __init__(self) -> None:
        self._expected: ExpectedOnsets | None = None
        self._onset, self._quarter = -1, 0.0
        self._first: np.ndarray | None = None  # tokens of the onset's first note
        self._notes: list[tuple[float, bool]] = []  # of the onset: when each is played, and whether it is a grace note

    def take(self, onset: int, quarter: float, is_grace: bool, note: np.ndarray) -> np.ndarray:
        """Return the tokens (16,) of the next note with those of its onset in their places.

        ``note`` are its tokens with the chosen fields, ``onset`` the index of the onset that it belongs to, at ``quarter``.
        """
        note = note.copy()
        if self._first is None or onset != self._onset:
            self._begin_onset(quarter, note)
            self._onset, self._quarter, self._first = onset, quarter, note
        note[list(OF_THE_ONSET)] = self._first[list(OF_THE_ONSET)]
        assert self._expected is not None  # noqa: S101 (the first onset has made it)
        expected_s, gap_s = self._expected.expect(quarter, self._expected.local_tempo.tempo)
        self._notes.append((expected_s + gap_s * float(to_values(ONSET_DEVIATION, note[ONSET_DEVIATION])), is_grace))
        return note

    def _begin_onset(self, quarter: float, note: np.ndarray) -> None:
        """Pass the onset before, and give the new one's first note its tempo."""
        if self._expected is None:
            self._expected = ExpectedOnsets(quarter, 0.0, float(to_values(TEMPO, note[TEMPO])))
        else:
            times = [time_s for time_s, is_grace in self._notes if not is_grace] or [time_s for time_s, _ in self._notes]
            self._expected.came(self._quarter, float(np.mean(times)))
        self._notes = []
        note[TEMPO] = to_tokens(TEMPO, np.array(self._expected.local_tempo.tempo))
