"""The velocity transformer, live: every note leaves at once with the velocity that a hand would have given it.

Source: the streaming form of the velocity transformer described in ``models/velocity``.
"""

import copy
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.errors import PerfLiveError
from engine.midi.events import SOFT_PEDAL, SUSTAIN_PEDAL, Event, channel_of, is_control_change, is_note_off, is_note_on, note_on
from engine.onnx.model import Model
from engine.performers.protocol import Performer
from engine.performers.velocity.expression import CONTROLS, Expression
from models.pretrained import pretrained
from models.velocity.representation import MEMORY_DELAY_S, REPRESENTATION_VERSION, NoteFeatures, NoteTracker

SYSTEM, MEMORY_SYSTEM, LOOKAHEAD_SYSTEM = "velocity-transformer", "velocity-transformer-memory", "velocity-transformer-lookahead"
HeardNote = tuple[NoteFeatures, int]  # and its velocity hint
# The attributes of a stream that hold what it has heard; the rest of its state is the model's.
HEARD = ("_expression", "_tracker", "_unremembered", "_without_row", "_foreseen", "_origin_ns", "_last_model_velocity")


@dataclass(frozen=True)
class VelocityModel:
    """``answer`` is what a note waits for; ``memory`` makes what later notes know of it."""

    answer: Model
    memory: Model

    @classmethod
    def open(cls, path: Path) -> "VelocityModel":
        """Open ``path`` and, beside it, NAME_memory.onnx. Raises PerfLiveError when they are not such models, or not of one training."""
        memory_path = path.with_stem(f"{path.stem}_memory")
        answer, memory = Model(path, SYSTEM, REPRESENTATION_VERSION), Model(memory_path, MEMORY_SYSTEM, REPRESENTATION_VERSION)
        if answer.contract.configuration_hash != memory.contract.configuration_hash:
            raise PerfLiveError(f"{path} and {memory_path.name} are not of the same training; export both again with perf-export")
        return cls(answer, memory)


def load_performer(model: Path | None, lookahead_s: float | None) -> Performer:
    """Return the performer, with ``model`` in place of the file that ships; with a look-ahead, in seconds, the one that looks ahead.

    Raises PerfLiveError when the model is not one for it.
    """
    if not lookahead_s:
        return VelocityPerformer(VelocityModel.open(model or pretrained("velocity.onnx")))
    from engine.performers.velocity.lookahead import VelocityLookaheadPerformer

    loaded = Model(model or pretrained("velocity_lookahead.onnx"), LOOKAHEAD_SYSTEM, REPRESENTATION_VERSION)
    return VelocityLookaheadPerformer(loaded, lookahead_s)


class VelocityPerformer:
    """Causal: the velocity of a note depends on what was played before it, so nothing is delayed."""

    name = "velocity"
    controls = CONTROLS
    latency_ns = 0

    def __init__(self, model: VelocityModel):
        self._model = model
        model.answer.warm_up()
        model.memory.warm_up()

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> "VelocityStream":
        return VelocityStream(self._model, seed, controls)


@dataclass
class Unremembered:
    """A note that was answered and is not in the memory yet; ``row`` is what is to be remembered of it, None until it is computed."""

    time_s: float
    note: HeardNote
    row: np.ndarray | None = None


class VelocityStream:
    """One performance. A note is answered from the memory of those before it, and itself remembered MEMORY_DELAY_S later.

    What is to be remembered of it is computed while the stream rests. A late note is sent with the last expression carried forward, and
    only remembered.
    """

    def __init__(self, model: VelocityModel, seed: int, controls: Mapping[str, float]):
        self._constants = model.answer.contract.constants
        self._seed = seed
        self._answer, self._memory = model.answer.create_stepper(), model.memory.create_stepper()
        self._rows = self._answer.inputs["memory"][0]  # one a note, the latest last; zeros for those that are not remembered
        self._memories = np.empty((10, *self._rows.shape), np.float32)  # of a chord's notes; kept, as memory that is new is slow
        self._begin(controls)

    def _begin(self, controls: Mapping[str, float]) -> None:
        self._expression = Expression(self._seed, controls, self._constants)
        self._tracker = NoteTracker()
        self._memory.reset()
        self._rows.fill(0)
        self._unremembered: list[Unremembered] = []
        self._without_row = 0  # how many of them, from the last on, have no place in the rows yet
        self._foreseen: deque[tuple[float, np.ndarray | None]] = deque()  # times and quantiles of what is about to be fed
        self._origin_ns: int | None = None
        self._last_model_velocity: float = self._constants["median_velocity"]

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        message = event.message
        if self._foreseen:
            time_s, quantiles = self._foreseen.popleft()
        else:
            time_s = self._time_s(event)
            heard = self._hear(time_s, message)
            quantiles = self._think(time_s, heard, late) if heard else None
        if not is_note_on(message):
            return [event]
        if quantiles is not None:
            self._last_model_velocity = self._expression.choose(quantiles, time_s)
        velocity = self._expression.apply(self._last_model_velocity, message[2])
        return [event._replace(message=note_on(channel_of(message), message[1], velocity))]

    def foresee(self, events: Sequence[Event]) -> None:
        """Think of many notes in one run of each model, in which the weights are read once."""
        times_s = [self._time_s(event) for event in events]
        heard = [self._hear(time_s, event.message) for time_s, event in zip(times_s, events, strict=True)]
        notes = [Unremembered(time_s, note) for time_s, note in zip(times_s, heard, strict=True) if note]
        answers = iter(self._think_together(notes) if notes else ())
        self._foreseen.extend((time_s, next(answers) if note else None) for time_s, note in zip(times_s, heard, strict=True))

    def _time_s(self, event: Event) -> float:
        """Seconds since the take's first event, so that a take is the same take at any time of day."""
        if self._origin_ns is None:
            self._origin_ns = event.time_ns
        return (event.time_ns - self._origin_ns) / 1e9

    def _hear(self, time_s: float, message: bytes) -> HeardNote | None:
        """Follow a message; return what the model is to hear of it if it is a note-on."""
        if is_note_on(message):
            return self._tracker.note_on(time_s, message[1]), self._expression.hint(message[2])
        follow(self._tracker, time_s, message)
        return None

    def _think(self, time_s: float, note: HeardNote, late: bool) -> np.ndarray | None:
        """Return the quantiles of a note's velocity, [17]; None if there is no time for it."""
        quantiles = None
        if not late:
            self._recall(time_s)
            _describe(note, self._answer.inputs)
            quantiles = self._answer.step()["quantiles"][0]
        self._keep(Unremembered(time_s, note))
        return quantiles

    def _think_together(self, notes: list[Unremembered]) -> np.ndarray:
        """Return the quantiles of several notes, [notes, 17], each from the memory that it is to know."""
        self._recall(notes[0].time_s)
        pending = self._unremembered + notes
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

    def _remember(self, pending: list[Unremembered]) -> None:
        """Compute what is to be remembered of all these notes."""
        waiting = [each for each in pending if each.row is None]
        if waiting:
            rows = self._memory.step_chunk(chunk_inputs([each.note for each in waiting]))["rows"]
            for each, row in zip(waiting, rows, strict=True):
                each.row = row

    def _keep(self, note: Unremembered) -> None:
        self._unremembered.append(note)
        if len(self._unremembered) > len(self._rows):
            del self._unremembered[0]  # no later note looks that far back
        self._without_row = min(self._without_row + 1, len(self._rows))

    def _recall(self, time_s: float) -> None:
        """Bring the memory to what a note at ``time_s`` is to know."""
        if self._without_row:
            self._make_room()
        while self._unremembered and _is_due(self._unremembered[0], time_s):
            if self._unremembered[0].row is None:
                self.rest()
            self._rows[-len(self._unremembered)] = self._unremembered[0].row
            del self._unremembered[0]

    def _make_room(self) -> None:
        self._rows[: -self._without_row] = self._rows[self._without_row :]
        self._rows[-self._without_row :] = 0
        self._without_row = 0

    def rest(self) -> bool:
        """Compute what is to be remembered of one note, the first of which it is not yet; return whether there are more."""
        if self._without_row:
            self._make_room()
        waiting = [each for each in self._unremembered if each.row is None]
        if waiting:
            _describe(waiting[0].note, self._memory.inputs)
            waiting[0].row = self._memory.step()["rows"][0].copy()
        return len(waiting) > 1

    def advance(self, now_ns: int) -> list[Event]:
        return []

    def next_due_ns(self) -> int | None:
        return None

    def finish(self) -> list[Event]:
        return []

    def set_control(self, name: str, value: float) -> None:
        self._expression.controls[name] = value

    def snapshot(self) -> Any:
        return copy.deepcopy({name: getattr(self, name) for name in HEARD}), self._memory.snapshot(), self._rows.copy()

    def restore(self, snapshot: Any) -> None:
        heard, state, rows = snapshot
        vars(self).update(copy.deepcopy(heard))
        self._memory.restore(state)
        self._rows[...] = rows

    def reset(self) -> None:
        self._begin(self._expression.controls)


def _is_due(note: Unremembered, time_s: float) -> bool:
    """Return whether a note at ``time_s`` is to know of ``note``."""
    return note.time_s <= time_s - MEMORY_DELAY_S


def follow(tracker: NoteTracker, time_s: float, message: bytes) -> None:
    """Tell the tracker of a message that is not a note-on."""
    if is_note_off(message):
        tracker.note_off(time_s, message[1])
    elif is_control_change(message):
        if message[1] == SUSTAIN_PEDAL:
            tracker.sustain_pedal(time_s, message[2])
        elif message[1] == SOFT_PEDAL:
            tracker.soft_pedal(message[2])


def _describe(note: HeardNote, inputs: Mapping[str, np.ndarray]) -> None:
    """Write a note into the inputs of a step."""
    features, hint = note
    inputs["pitch"][0] = features.pitch_index
    inputs["hint"][0] = hint
    inputs["keys"][0] = features.keys
    inputs["scalars"][0] = features.scalars


def chunk_inputs(notes: Sequence[HeardNote]) -> dict[str, np.ndarray]:
    """Notes and their hints -> the inputs of a graph, [notes, ...]."""
    return {
        "pitch": np.array([features.pitch_index for features, _ in notes]),
        "hint": np.array([hint for _, hint in notes]),
        "keys": np.array([features.keys for features, _ in notes], np.float32),
        "scalars": np.array([features.scalars for features, _ in notes], np.float32),
    }

