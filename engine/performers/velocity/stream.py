"""One performance by the causal velocity transformer: each note is answered as it comes, from what it knows of those before."""

import copy
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engine.midi.events import SOFT_PEDAL, SUSTAIN_PEDAL, Event, channel_of, is_control_change, is_note_off, is_note_on, note_on
from engine.midi.held import HeldNotes, ends_all_notes, resets_controllers
from engine.performers.velocity.controls import STYLE
from engine.performers.velocity.expression import VelocityExpression
from engine.performers.velocity.networks import HintedNote, VelocityModel, chunk_inputs, describe_note
from models.velocity.representation import MEMORY_DELAY_S, NoteFeatures, NoteTracker


@dataclass
class UnrememberedNote:
    """A note that was answered and is not in the memory yet; ``row`` is its row of the memory, None until it is computed."""

    time_s: float
    note: HintedNote
    row: np.ndarray | None = None


@dataclass
class Keyboard:
    """What is played, as the network knows it: one keyboard, whose keys all channels press."""

    tracker: NoteTracker = field(default_factory=NoteTracker)
    held: HeldNotes[int] = field(default_factory=HeldNotes)  # pitches

    def note_on(self, time_s: float, event: Event) -> NoteFeatures:
        """Describe a note-on; if its key is held, it was let go just before."""
        pitch = event.message[1]
        if self.held.begin(event, pitch) is not None:
            self.tracker.note_off(time_s, pitch)
        return self.tracker.note_on(time_s, pitch)

    def follow(self, time_s: float, event: Event) -> None:
        """Follow a message that is no note-on."""
        message = event.message
        if is_note_off(message):
            self._release(time_s, [] if (pitch := self.held.end(event)) is None else [pitch])
        elif ends_all_notes(message):
            self._release(time_s, self.held.end_channel(channel_of(message)))
        elif resets_controllers(message):
            self.tracker.sustain_pedal(time_s, 0)
            self.tracker.soft_pedal(0)
        elif is_control_change(message):
            if message[1] == SUSTAIN_PEDAL:
                self.tracker.sustain_pedal(time_s, message[2])
            elif message[1] == SOFT_PEDAL:
                self.tracker.soft_pedal(message[2])

    def _release(self, time_s: float, pitches: list[int]) -> None:
        for pitch in pitches:
            if not self.held.holds(pitch):  # on another channel
                self.tracker.note_off(time_s, pitch)


@dataclass
class VelocityState:
    """All of a stream that changes, but for the memory that notes are answered from."""

    expression: VelocityExpression
    last_model_velocity: float  # carried forward to a late note
    keyboard: Keyboard = field(default_factory=Keyboard)
    unremembered: list[UnrememberedNote] = field(default_factory=list)
    without_row: int = 0  # how many of them, from the last on, have no place in the rows yet
    foreseen: deque[tuple[float, np.ndarray | None]] = field(default_factory=deque)  # times and quantiles of what is about to be fed
    origin_ns: int | None = None


class VelocityStream:
    """One performance. A note is answered from the memory of those before it, and enters the memory MEMORY_DELAY_S later.

    Its row of the memory is computed while the stream rests. A late note is sent with the last expression carried forward, and only enters
    the memory.
    """

    def __init__(self, models: Sequence[VelocityModel], seed: int, controls: Mapping[str, float]):
        """``models``: of each value of the control ``style``."""
        self._models = models
        self._seed = seed
        self._begin(controls)

    def _begin(self, controls: Mapping[str, float]) -> None:
        self._use(round(controls.get(STYLE.name, STYLE.default)))
        self._state = VelocityState(VelocityExpression(self._seed, controls, self._constants), self._constants["median_velocity"])

    def _use(self, style: int) -> None:
        """Play with the network of a style, which remembers nothing yet."""
        model = self._models[style]
        self._constants = model.answer.contract.constants
        self._answer, self._memory = model.answer.create_stepper(), model.memory.create_stepper()
        self._rows = self._answer.inputs["memory"][0]  # one a note, the latest last; zeros for those that are not remembered
        self._memories = np.empty((10, *self._rows.shape), np.float32)  # of a chord's notes; kept, as memory that is new is slow

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        state = self._state
        message = event.message
        if state.foreseen:
            time_s, quantiles = state.foreseen.popleft()
        else:
            time_s = self._time_s(event)
            heard = self._hear(time_s, event)
            quantiles = self._think(time_s, heard, late) if heard else None
        if not is_note_on(message):
            return [event]
        if quantiles is not None:
            state.last_model_velocity = state.expression.choose(quantiles, time_s)
        velocity = state.expression.apply(state.last_model_velocity, message[2])
        return [Event(event.time_ns, note_on(channel_of(message), message[1], velocity), event.track)]

    def foresee(self, events: Sequence[Event]) -> None:
        """Answer many notes in one run of each model, in which the weights are read once."""
        times_s = [self._time_s(event) for event in events]
        heard = [self._hear(time_s, event) for time_s, event in zip(times_s, events, strict=True)]
        notes = [UnrememberedNote(time_s, note) for time_s, note in zip(times_s, heard, strict=True) if note]
        answers = iter(self._think_together(notes) if notes else ())
        self._state.foreseen.extend((time_s, next(answers) if note else None) for time_s, note in zip(times_s, heard, strict=True))

    def _time_s(self, event: Event) -> float:
        """Return the seconds since the take's first event, so that a take is the same take at any time of day."""
        state = self._state
        if state.origin_ns is None:
            state.origin_ns = event.time_ns
        return (event.time_ns - state.origin_ns) / 1e9

    def _hear(self, time_s: float, event: Event) -> HintedNote | None:
        """Follow a message; return the note and its hint if it is a note-on."""
        state = self._state
        if is_note_on(event.message):
            return state.keyboard.note_on(time_s, event), state.expression.hint(event.message[2])
        state.keyboard.follow(time_s, event)
        return None

    def _think(self, time_s: float, note: HintedNote, late: bool) -> np.ndarray | None:
        """Return the quantiles of a note's velocity, [17]; None if there is no time for it."""
        quantiles = None
        if not late:
            self._recall(time_s)
            describe_note(note, self._answer.inputs)
            quantiles = self._answer.step()["quantiles"][0]
        self._keep(UnrememberedNote(time_s, note))
        return quantiles

    def _think_together(self, notes: list[UnrememberedNote]) -> np.ndarray:
        """Return the quantiles of several notes, [notes, 17], each answered from the memory at its own time."""
        self._recall(notes[0].time_s)
        pending = self._state.unremembered + notes
        if _is_due(pending[0], notes[-1].time_s):
            self._remember(pending)
        length, count = len(self._rows), len(notes)
        if count > len(self._memories):
            self._memories = np.empty((count, *self._rows.shape), np.float32)
        memory = self._memories[:count]
        rows = np.zeros((length + count, self._rows.shape[1]), np.float32)
        rows[:length] = self._rows
        first, known = length + count - len(pending), 0
        for index, note in enumerate(notes):
            while _is_due(pending[known], note.time_s):
                rows[first + known] = pending[known].row
                known += 1
            memory[index] = rows[index : index + length]
        for note in notes:
            self._keep(note)
        return self._answer.step_chunk({**chunk_inputs([each.note for each in notes]), "memory": memory})["quantiles"]

    def _remember(self, pending: list[UnrememberedNote]) -> None:
        """Compute the rows of all these notes that have none yet."""
        waiting = [each for each in pending if each.row is None]
        if waiting:
            rows = self._memory.step_chunk(chunk_inputs([each.note for each in waiting]))["rows"]
            for each, row in zip(waiting, rows, strict=True):
                each.row = row

    def _keep(self, note: UnrememberedNote) -> None:
        state = self._state
        state.unremembered.append(note)
        if len(state.unremembered) > len(self._rows):
            del state.unremembered[0]  # no later note looks that far back
        state.without_row = min(state.without_row + 1, len(self._rows))

    def _recall(self, time_s: float) -> None:
        """Bring the memory to the state that a note at ``time_s`` is answered from."""
        state = self._state
        if state.without_row:
            self._make_room()
        while state.unremembered and _is_due(state.unremembered[0], time_s):
            if state.unremembered[0].row is None:
                self.rest()
            self._rows[-len(state.unremembered)] = state.unremembered[0].row
            del state.unremembered[0]

    def _make_room(self) -> None:
        state = self._state
        self._rows[: -state.without_row] = self._rows[state.without_row :]
        self._rows[-state.without_row :] = 0
        state.without_row = 0

    def rest(self) -> bool:
        """Compute the row of the first note that has none; return whether there are more."""
        state = self._state
        if state.without_row:
            self._make_room()
        waiting = [each for each in state.unremembered if each.row is None]
        if waiting:
            describe_note(waiting[0].note, self._memory.inputs)
            waiting[0].row = self._memory.step()["rows"][0].copy()
        return len(waiting) > 1

    def advance(self, now_ns: int) -> list[Event]:
        return []

    def next_due_ns(self) -> int | None:
        return None

    def finish(self) -> list[Event]:
        return []

    def set_control(self, name: str, value: float) -> None:
        controls = self._state.expression.controls
        if name == STYLE.name and value != controls[name]:
            self._change_style(controls | {name: value})
        else:
            controls[name] = value

    def _change_style(self, controls: Mapping[str, float]) -> None:
        """Go on as another pianist, who has heard nothing yet and finds the keys as they are."""
        keyboard, foreseen, origin_ns = self._state.keyboard, self._state.foreseen, self._state.origin_ns
        self._begin(controls)
        self._state = replace(self._state, keyboard=keyboard, foreseen=foreseen, origin_ns=origin_ns)

    def snapshot(self) -> Any:
        return copy.deepcopy(self._state), self._memory.snapshot(), self._rows.copy()

    def restore(self, snapshot: Any) -> None:
        state, memory, rows = snapshot
        if (style := state.expression.controls[STYLE.name]) != self._state.expression.controls[STYLE.name]:
            self._use(round(style))
        self._state = copy.deepcopy(state)
        self._memory.restore(memory)
        self._rows[...] = rows

    def reset(self) -> None:
        self._begin(self._state.expression.controls)


def _is_due(note: UnrememberedNote, time_s: float) -> bool:
    """Return whether ``note`` is to be in the memory of a note at ``time_s``."""
    return note.time_s <= time_s - MEMORY_DELAY_S
