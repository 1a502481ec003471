"""The velocity transformer with look-ahead: everything is delayed by a stated time, and each note's velocity knows what follows it.

The notes are decided a hop at a time: when the first undecided note comes near its due time, the network reads a window of decided and all
known notes, and the notes of half a look-ahead are decided, so that each has heard at least half a look-ahead of what follows.
"""

import copy
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from engine.midi.events import Event, channel_of, is_note_off, is_note_on, note_on
from engine.onnx.model import Model
from engine.performers.velocity.expression import CONTROLS, Expression
from engine.performers.velocity.performer import chunk_inputs, follow
from models.velocity.representation import LONGEST_S, NoteFeatures, NoteTracker

WINDOW_NOTES = 256
LEAST_PAST_NOTES = 64  # of the window, kept for what was already decided
COMPUTING_SHARE = 0.25  # of the look-ahead, left for the network to answer in


@dataclass
class HeardNote:
    """A note-on as the window keeps it; ``release_s`` is None while its key is held, ``velocity`` None until it is decided."""

    features: NoteFeatures
    hint: int
    played: int
    onset_ns: int
    onset_s: float
    release_s: float | None = None
    velocity: int | None = None


class VelocityLookaheadPerformer:
    name = "velocity"
    controls = CONTROLS

    def __init__(self, model: Model, lookahead_s: float):
        """``lookahead_s``: the delay of every event, in seconds, more than 0."""
        self._model = model
        self.latency_ns = round(lookahead_s * 1e9)

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> "VelocityLookaheadStream":
        return VelocityLookaheadStream(self._model, self.latency_ns, seed, controls)


class VelocityLookaheadStream:
    def __init__(self, model: Model, latency_ns: int, seed: int, controls: Mapping[str, float]):
        self._model = model
        self._latency_ns = latency_ns
        self._seed = seed
        self._begin(controls)

    def _begin(self, controls: Mapping[str, float]) -> None:
        self._expression = Expression(self._seed, controls, self._model.contract.constants)
        self._tracker = NoteTracker()
        self._decided: deque[HeardNote] = deque(maxlen=WINDOW_NOTES)
        self._undecided: deque[HeardNote] = deque()
        self._waiting: deque[tuple[Event, HeardNote | None]] = deque()  # input, from the first undecided note on
        self._held: dict[int, HeardNote] = {}  # by pitch
        self._origin_ns: int | None = None

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        """``late`` changes nothing: the look-ahead is there to take it up."""
        self._waiting.append((event, self._hear(event)))
        return self._release()

    def foresee(self, events: Sequence[Event]) -> None:
        pass

    def _hear(self, event: Event) -> HeardNote | None:
        if self._origin_ns is None:
            self._origin_ns = event.time_ns
        time_s = (event.time_ns - self._origin_ns) / 1e9
        message = event.message
        if is_note_on(message):
            features, hint = self._tracker.note_on(time_s, message[1]), self._expression.hint(message[2])
            note = HeardNote(features, hint, message[2], event.time_ns, time_s)
            self._undecided.append(note)
            self._held[message[1]] = note
            return note
        follow(self._tracker, time_s, message)
        if is_note_off(message) and (released := self._held.pop(message[1], None)):
            released.release_s = time_s
        return None

    def next_due_ns(self) -> int | None:
        if not self._undecided:
            return None
        return self._undecided[0].onset_ns + self._latency_ns - round(self._latency_ns * COMPUTING_SHARE)

    def advance(self, now_ns: int) -> list[Event]:
        due_ns = self.next_due_ns()
        if due_ns is None or due_ns > now_ns:
            return []
        self._decide()
        return self._release()

    def finish(self) -> list[Event]:
        while self._undecided:
            self._decide()
        return self._release()

    def rest(self) -> bool:
        return False

    def _decide(self) -> None:
        """Decide the notes of the next half look-ahead, or as many as the window has room for."""
        known = list(islice(self._undecided, WINDOW_NOTES - LEAST_PAST_NOTES))
        until_ns = known[0].onset_ns + self._latency_ns // 2
        deciding = sum(note.onset_ns <= until_ns for note in known)
        if len(known) < len(self._undecided):
            deciding = min(deciding, WINDOW_NOTES // 2)  # the window is full: what is decided must still have heard what follows
        past = list(self._decided)[-(WINDOW_NOTES - len(known)) :]
        quantiles = self._predict(past + known)[len(past) :]
        for index in range(deciding):
            note = self._undecided.popleft()
            note.velocity = self._expression.apply(self._expression.choose(quantiles[index], note.onset_s), note.played)
            self._decided.append(note)

    def _predict(self, notes: list[HeardNote]) -> np.ndarray:
        """Return the quantiles of all notes of a window, [notes, 17]."""
        known = np.array([known_duration(note, notes[-1].onset_s) for note in notes], dtype=np.float32)
        inputs = chunk_inputs([(note.features, note.hint) for note in notes])
        inputs["scalars"] = np.concatenate((inputs["scalars"], known), -1)
        outputs, _ = self._model.run(inputs, {})
        return outputs["quantiles"]

    def _release(self) -> list[Event]:
        """Return, delayed, what waits up to the first undecided note."""
        sent = []
        while self._waiting and ((note := self._waiting[0][1]) is None or note.velocity is not None):
            event, _ = self._waiting.popleft()
            message = event.message
            if note is not None and note.velocity is not None:
                message = note_on(channel_of(message), message[1], note.velocity)
            sent.append(event._replace(time_ns=event.time_ns + self._latency_ns, message=message))
        return sent

    def set_control(self, name: str, value: float) -> None:
        self._expression.controls[name] = value

    def snapshot(self) -> Any:
        return copy.deepcopy(
            (self._expression, self._tracker, self._decided, self._undecided, self._waiting, self._held, self._origin_ns)
        )

    def restore(self, snapshot: Any) -> None:
        state = copy.deepcopy(snapshot)
        self._expression, self._tracker, self._decided, self._undecided, self._waiting, self._held, self._origin_ns = state

    def reset(self) -> None:
        self._begin(self._expression.controls)


def known_duration(note: HeardNote, now_s: float) -> tuple[float, bool]:
    """Return how long a note has been held by ``now_s``, in seconds, and whether its key is then still down."""
    held = note.release_s is None or note.release_s >= now_s
    end_s = now_s if note.release_s is None or held else note.release_s
    return min(end_s - note.onset_s, LONGEST_S), held
