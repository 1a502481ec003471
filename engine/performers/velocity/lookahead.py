"""The velocity transformer with look-ahead: everything is delayed by a stated time, and each velocity depends on what follows the note.

When the first undecided note comes near its due time, the network reads a window of decided and all known notes, and the notes of half a
look-ahead are decided. So each note is decided with at least half a look-ahead of what follows.
"""

import copy
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from engine.midi.events import Event, channel_of, is_note_off, is_note_on, note_on
from engine.midi.held import HeldNotes, ends_all_notes
from engine.onnx.model import Model
from engine.performers.controls import Control
from engine.performers.notes.performer import NotesPerformer
from engine.performers.velocity.controls import STYLE
from engine.performers.velocity.expression import VelocityExpression
from engine.performers.velocity.networks import chunk_inputs
from engine.performers.velocity.pedalling import Pedalling
from engine.performers.velocity.stream import Keyboard
from models.velocity.representation import NoteFeatures, known_durations

WINDOW_NOTES = 256
LEAST_PAST_NOTES = 64  # of the window, kept for what was already decided
COMPUTING_SHARE = 0.25  # of the look-ahead, left for the network to answer in


@dataclass
class WindowNote:
    """A note-on as the window keeps it; ``release_s`` is None while its key is held, ``velocity`` None until it is decided."""

    features: NoteFeatures
    hint: int
    played: int
    onset_ns: int
    onset_s: float
    release_s: float | None = None
    velocity: int | None = None


@dataclass
class LookaheadState:
    """All of a stream that changes. ``waiting`` is the input from the first undecided note on."""

    expression: VelocityExpression
    pedalling: Pedalling
    keyboard: Keyboard = field(default_factory=Keyboard)
    decided: deque[WindowNote] = field(default_factory=lambda: deque(maxlen=WINDOW_NOTES))
    undecided: deque[WindowNote] = field(default_factory=deque)
    waiting: deque[tuple[Event, WindowNote | None]] = field(default_factory=deque)
    held: HeldNotes[WindowNote] = field(default_factory=HeldNotes)
    origin_ns: int | None = None
    heard_ns: int = 0  # when the last event came


class VelocityLookaheadPerformer(NotesPerformer):
    name = "velocity"

    def __init__(self, models: Sequence[Model], controls: tuple[Control, ...], lookahead_s: float):
        """``models``: of each value of the control ``style``. ``lookahead_s``: the delay of every event, in seconds, more than 0."""
        self._models, self.controls = models, controls
        self.latency_ns = round(lookahead_s * 1e9)

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> "VelocityLookaheadStream":
        return VelocityLookaheadStream(self._models, self.latency_ns, seed, controls)


class VelocityLookaheadStream:
    def __init__(self, models: Sequence[Model], latency_ns: int, seed: int, controls: Mapping[str, float]):
        self._models = models
        self._latency_ns = latency_ns
        self._seed = seed
        self._begin(controls)

    def _begin(self, controls: Mapping[str, float]) -> None:
        constants = self._models[round(controls.get(STYLE.name, STYLE.default))].contract.constants
        self._state = LookaheadState(VelocityExpression(self._seed, controls, constants), Pedalling.of(constants))

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        """``late`` changes nothing: the look-ahead makes up for it."""
        self._state.waiting.append((event, self._hear(event)))
        return self._release(event.time_ns)

    def foresee(self, events: Sequence[Event]) -> None:
        pass

    def _hear(self, event: Event) -> WindowNote | None:
        if self._state.origin_ns is None:
            self._state.origin_ns = event.time_ns
        self._state.heard_ns = event.time_ns
        time_s = (event.time_ns - self._state.origin_ns) / 1e9
        message, state = event.message, self._state
        released: list[WindowNote | None] = []
        if is_note_on(message):
            features, hint = state.keyboard.note_on(time_s, event), state.expression.hint(message[2])
            note = WindowNote(features, hint, message[2], event.time_ns, time_s)
            state.undecided.append(note)
            released = [state.held.begin(event, note)]
        else:
            note = None
            state.keyboard.follow(time_s, event)
            if is_note_off(message):
                released = [state.held.end(event)]
            elif ends_all_notes(message):
                released = [*state.held.end_channel(channel_of(message))]
        for each in released:
            if each:
                each.release_s = time_s
        return note

    def next_due_ns(self) -> int | None:
        moved_ns = None if self._pedal_waits() else self._state.pedalling.next_ns()
        return min((each for each in (self._decision_due_ns(), moved_ns) if each is not None), default=None)

    def _decision_due_ns(self) -> int | None:
        if not self._state.undecided:
            return None
        return self._state.undecided[0].onset_ns + self._latency_ns - round(self._latency_ns * COMPUTING_SHARE)

    def advance(self, now_ns: int) -> list[Event]:
        due_ns = self._decision_due_ns()
        if due_ns is not None and due_ns <= now_ns:
            self._decide()
        return self._release(now_ns)

    def finish(self) -> list[Event]:
        state = self._state
        while state.undecided:
            self._decide()
        last_ns = state.waiting[-1][0].time_ns if state.waiting else state.heard_ns
        sent = self._release(last_ns)
        return sent + self._later(state.pedalling.finish(last_ns))

    def rest(self) -> bool:
        return False

    def _decide(self) -> None:
        """Decide the notes of the next half look-ahead, or as many as the window has room for."""
        known = list(islice(self._state.undecided, WINDOW_NOTES - LEAST_PAST_NOTES))
        until_ns = known[0].onset_ns + self._latency_ns // 2
        deciding = sum(note.onset_ns <= until_ns for note in known)
        if len(known) < len(self._state.undecided):
            deciding = min(deciding, WINDOW_NOTES // 2)  # the window is full: what is decided must still have heard what follows
        past = list(self._state.decided)[-(WINDOW_NOTES - len(known)) :]
        outputs = self._predict(past + known)
        quantiles = outputs["quantiles"][len(past) :]
        if "moves" in outputs:
            moves = outputs["moves"][len(past) : len(past) + deciding].tolist()
            self._state.pedalling.decide([note.onset_ns for note in known[:deciding]], moves)
        for index in range(deciding):
            note = self._state.undecided.popleft()
            note.velocity = self._state.expression.apply(self._state.expression.choose(quantiles[index], note.onset_s), note.played)
            self._state.decided.append(note)

    def _predict(self, notes: list[WindowNote]) -> dict[str, np.ndarray]:
        """Return ``quantiles``, [notes, 17], of a window's notes, and where the network has them ``moves`` of the pedal, [notes, 2]."""
        onset_s = np.array([note.onset_s for note in notes])
        release_s = np.array([math.inf if note.release_s is None else note.release_s for note in notes])
        inputs = chunk_inputs([(note.features, note.hint) for note in notes])
        inputs["scalars"] = np.concatenate((inputs["scalars"], known_durations(onset_s, release_s - onset_s)), -1)
        outputs, _ = self._models[round(self._state.expression.controls[STYLE.name])].run(inputs, {})
        return outputs

    def _release(self, now_ns: int) -> list[Event]:
        """Return, delayed, what waits up to the first undecided note, and what the pedal does up to it and up to now."""
        state, sent = self._state, list[Event]()
        while True:
            if not self._pedal_waits() and (moved_ns := state.pedalling.next_ns()) is not None and moved_ns <= now_ns:
                sent += state.pedalling.pop()
            elif state.waiting and ((note := state.waiting[0][1]) is None or note.velocity is not None):
                event, _ = state.waiting.popleft()
                if note is not None and note.velocity is not None:
                    state.pedalling.strike(event)
                    message = event.message
                    sent.append(event._replace(message=note_on(channel_of(message), message[1], note.velocity)))
                else:
                    sent += [*state.pedalling.follow(event), event]
            else:
                return self._later(sent)

    def _pedal_waits(self) -> bool:
        """Return whether an event is to be sent before the pedal moves next."""
        moved_ns = self._state.pedalling.next_ns()
        return moved_ns is not None and bool(self._state.waiting) and self._state.waiting[0][0].time_ns <= moved_ns

    def _later(self, events: Sequence[Event]) -> list[Event]:
        return [event._replace(time_ns=event.time_ns + self._latency_ns) for event in events]

    def set_control(self, name: str, value: float) -> None:
        controls = self._state.expression.controls
        changed = name == STYLE.name and value != controls[name]
        controls[name] = value
        if changed:
            constants = self._models[round(value)].contract.constants
            self._state.expression = VelocityExpression(self._seed, controls, constants)
            self._state.pedalling.learn(constants, self._state.heard_ns)

    def snapshot(self) -> Any:
        return copy.deepcopy(self._state)

    def restore(self, snapshot: Any) -> None:
        self._state = copy.deepcopy(snapshot)

    def reset(self) -> None:
        self._begin(self._state.expression.controls)
