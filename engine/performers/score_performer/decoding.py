"""Notes decoded one after the other, an onset at a time; an onset may be taken back until the next one is begun."""

import copy
import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.onnx.model import Arrays
from engine.performers.score_performer.networks import Networks
from engine.performers.score_performer.score import ScoreReading
from models.layers.sampling import GumbelNoise, SamplingOptions
from models.score_performer.local_tempo import REACH_S
from models.score_performer.sampling import Continuation, central_fields, choose_fields, forget
from models.score_performer.score_representation import ONSET_LEVEL
from models.score_performer.tempo_hold import AT_ONCE
from models.score_performer.vocabulary import (
    FIELDS,
    ONSET_DEVIATION,
    PEDAL_FIELDS,
    PERFORMED_DURATION,
    PERFORMED_FIELDS,
    START,
    TEMPO,
    VELOCITY,
    to_token,
    to_value,
    to_values,
)

Styles = Callable[[slice, np.ndarray], np.ndarray]  # rows of notes, and the styles to be expected of them -> theirs (T, style_width)
# Rows of notes, and by how many octaves faster than notated they are to be expected -> how many times as fast they are to be (T,)
Tempos = Callable[[slice, np.ndarray], np.ndarray]
OF_A_NOTE = (VELOCITY, ONSET_DEVIATION, PERFORMED_DURATION)
OF_AN_ONSET = (*OF_A_NOTE, *PEDAL_FIELDS)  # chosen for its first note; the tempo only for a performance's first
ASKED_AT_ONCE = 64  # notes whose styles are made together
CENTRAL = 0.0  # the temperature that plays what performers have in common


class NoteDecoder:
    """The decoder of one performance, which remembers the notes before. ``sampling`` may be changed between two notes.

    What performers have in common does not follow from how the notes before were played. At CENTRAL temperature the decoder therefore
    remembers them as they are written, and small errors do not add up.
    """

    def __init__(self, networks: Networks, seed: int):
        self.sampling = SamplingOptions()
        self.stepper = networks.create_stepper()
        self._noise = GumbelNoise(seed)

    @property
    def is_central(self) -> bool:
        return self.sampling.temperature == CENTRAL

    @property
    def at_once(self) -> float:
        """The share of a tempo's deviation that is taken back at the next onset: all of it where nothing says how it came about."""
        return 1.0 if self.is_central else AT_ONCE

    def decode(
        self, previous: Sequence[int], written: Sequence[int], context: np.ndarray, style: np.ndarray, note: int, fields: tuple[int, ...]
    ) -> list[int]:
        """Return a note's tokens (16,) with ``fields`` chosen.

        ``written`` are the score's tokens, ``previous`` those of the note before as it was played; ``note`` is its number in the piece.
        """
        inputs = self.stepper.inputs
        inputs["previous"][0] = forget(previous) if self.is_central else previous
        inputs["context"][0], inputs["style"][0] = context, style
        logits = self.stepper.step()["logits"][0]
        tokens = list(written)
        chosen = central_fields(logits, fields) if self.is_central else choose_fields(logits, self._noise, note, self.sampling, fields)
        for index, token in zip(fields, chosen.tolist(), strict=True):
            tokens[index] = token
        return tokens


@dataclass
class _Place:
    """All that changes, but for the decoder's memory: ``rows`` are the notes of the onset, ``played`` the tokens of those decoded."""

    rows: slice
    stop: int
    played: list[list[int]] = field(default_factory=list)
    previous: list[int] = field(default_factory=lambda: [START] * len(FIELDS))
    continuation: Continuation = field(default_factory=Continuation)


class OnsetDecoder:
    """One performance of a score."""

    def __init__(
        self,
        networks: Networks,
        reading: ScoreReading,
        styles: Styles,
        seed: int,
        tempos: Tempos | None = None,
        fail: Callable[[Exception], None] | None = None,
    ):
        """``fail`` is told why a note could not be decoded, which is then played as it is written; without it that is raised."""
        self._fail = fail
        self.ask(styles, tempos or _as_expected)
        self.notes = NoteDecoder(networks, seed)
        self._stepper = self.notes.stepper
        self._tokens: list[list[int]] = reading.tokens.tolist()
        self._reading = reading
        notes, onsets = reading.score.notes, reading.segments[:, ONSET_LEVEL]
        self._places: list[tuple[int, float, bool]] = list(
            zip(onsets.tolist(), notes["onset_quarter"].tolist(), notes["is_grace"].tolist(), strict=True)
        )
        self._quarters: list[float] = notes["onset_quarter"].tolist()
        self._written_tempos: list[float] = to_values(TEMPO, reading.tokens[:, TEMPO]).tolist()
        self._notes_before: list[int] = reading.before.tolist()
        self._ends: list[int] = np.searchsorted(onsets, onsets, side="right").tolist()
        self.begin(0, len(notes))

    def ask(self, styles: Styles, tempos: Tempos) -> None:
        """Set how the notes that are yet to be decoded are asked to be played."""
        self._styles, self._tempos = styles, tempos
        self._asked = _Asked(slice(0, 0))

    def is_ready(self, first: int) -> bool:
        """Return whether a performance can begin with the note ``first`` at once; if not, what it needs is being read from now on."""
        rows = self._beginning(first)
        return self._reading.is_read(slice(first - first % ASKED_AT_ONCE, max(rows.stop, min(first + ASKED_AT_ONCE, len(self._tokens)))))

    def begin(self, first: int, stop: int) -> None:
        """Begin a performance of the notes from ``first`` on to before ``stop``; nothing is remembered."""
        self._stepper.reset()
        self._place = _Place(slice(first, first), stop)
        self.next_onset()

    @property
    def rows(self) -> slice:
        """The notes of the onset; none after the last."""
        return self._place.rows

    @property
    def complete(self) -> bool:
        """Whether all notes of the onset are decoded."""
        return len(self._place.played) == self.rows.stop - self.rows.start

    @property
    def played(self) -> list[list[int]]:
        """The tokens (n, 16) of the onset's notes, which are all decoded."""
        return self._place.played

    @property
    def times_s(self) -> list[float]:
        """When the onset's notes (n,) are played; the performance's first onset is expected at 0."""
        return [time_s for time_s, _ in self._place.continuation.times]

    @property
    def onset_s(self) -> float:
        """When the onset is played."""
        return self._place.continuation.onset_s

    @property
    def pace(self) -> float:
        """How many octaves slower than the score and what is asked for the performance is as a whole."""
        return -math.log2(self._place.continuation.ratio)

    def work(self) -> None:
        """Decode a note of the onset; there must be one left."""
        place = self._place
        done = len(place.played)
        note: int = place.rows.start + done
        context, style, pace = self._as_asked(note)
        fields = OF_A_NOTE if done else OF_AN_ONSET if place.continuation.begun else PERFORMED_FIELDS
        chosen = self._decode(context, style, note, fields)
        written_at = self._notes_before[note]  # the time since the onset before goes by in its tempo
        if not place.continuation.begun:
            asked, pace = self._of_the_beginning(note)
            chosen[TEMPO] = to_token(TEMPO, to_value(TEMPO, chosen[TEMPO]) * asked)
            written_at = note
        written = self._written_tempos[written_at] * pace
        place.previous = place.continuation.take(*self._places[note], chosen, written, self.notes.at_once)
        place.played.append(place.previous)
        if not self.complete:
            self._before.memory = self._memory_before()

    def _decode(self, context: np.ndarray, style: np.ndarray, note: int, fields: tuple[int, ...]) -> list[int]:
        written = self._tokens[note]
        try:
            return self.notes.decode(self._place.previous, written, context, style, note, fields)
        except Exception as failure:
            if self._fail is None:
                raise
            self._fail(failure)
            return list(written)

    def take_back(self) -> None:
        """Forget the onset's notes: they are to be decoded anew."""
        place, before = self._place, self._before
        if place.played:
            self._stepper.restore(self._memory_before())
            place.played, place.previous = [], before.previous
            place.continuation.take_back()

    def next_onset(self) -> None:
        """Go on to the next onset; this one stays as it was played."""
        place = self._place
        first = place.rows.stop
        place.rows = slice(first, min(self._ends[first], place.stop) if first < place.stop else first)
        place.played = []
        self._before = _Before(place.previous)

    def snapshot(self) -> Any:
        before = _Before(self._before.previous, self._memory_before())
        return copy.deepcopy(self._place), before, self._stepper.snapshot()

    def restore(self, snapshot: Any) -> None:
        place, before, memory = snapshot
        self._place, self._before = copy.deepcopy(place), copy.copy(before)
        self._stepper.restore(memory)

    def _memory_before(self) -> Arrays:
        """Return what the decoder remembered when the onset was begun."""
        if self._before.memory:
            return self._before.memory
        return self._stepper.snapshot_before() if self._place.played else self._stepper.snapshot()

    def _as_asked(self, note: int) -> tuple[np.ndarray, np.ndarray, float]:
        """Return a note's context, style and pace, which are made for ASKED_AT_ONCE notes."""
        if not self._asked.rows.start <= note < self._asked.rows.stop:
            first = note - note % ASKED_AT_ONCE
            rows = slice(first, min(first + ASKED_AT_ONCE, len(self._tokens)))
            context, style, tempo = self._reading.understand(rows)
            self._asked = _Asked(rows, context, self._styles(rows, style), self._tempos(rows, tempo).tolist())
        place, asked = note - self._asked.rows.start, self._asked
        return asked.contexts[place], asked.styles[place], asked.paces[place]

    def _of_the_beginning(self, first: int) -> tuple[float, float]:
        """Return how many times as fast as notated the first note and its surroundings are to be.

        A performance's first tempo is chosen for its first REACH_S; the network knows only a part of what is asked for there.
        """
        rows = slice(first, first + 1)
        expected = self._reading.understand(self._beginning(first)).tempo.mean(keepdims=True)
        return float(self._tempos(rows, np.zeros(1))[0]), float(self._tempos(rows, expected)[0])

    def _beginning(self, first: int) -> slice:
        """Return the notes of the first REACH_S, as they are notated."""
        quarters = self._places[first][1] + self._written_tempos[first] / 60 * REACH_S
        return slice(first, max(bisect_left(self._quarters, quarters), first + 1))


def _as_expected(rows: slice, expected: np.ndarray) -> np.ndarray:
    return np.exp2(expected)


@dataclass
class _Asked:
    """How the notes ``rows`` are asked to be played."""

    rows: slice
    contexts: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    styles: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    paces: list[float] = field(default_factory=list)


@dataclass
class _Before:
    """What an onset began from. ``memory`` is set from its second note on; until then the stepper has it."""

    previous: list[int]
    memory: Arrays = field(default_factory=dict)


def decode_piece(
    networks: Networks, reading: ScoreReading, styles: Styles, seed: int, temperature: float, top_p: float, tempos: Tempos | None = None
) -> np.ndarray:
    """Return the tokens (N, 16) of a performance of a whole score."""
    decoder = OnsetDecoder(networks, reading, styles, seed, tempos)
    decoder.notes.sampling = SamplingOptions(temperature, top_p)
    played = []
    while decoder.rows.start < len(reading.tokens):
        while not decoder.complete:
            decoder.work()
        played += decoder.played
        decoder.next_onset()
    return np.array(played)
