"""The velocity transformer, live: every note leaves at once with the velocity that a hand would have given it.

Source: the streaming form of the velocity transformer described in ``models/velocity_transformer``.
"""

import copy
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.events import SOFT_PEDAL, SUSTAIN_PEDAL, Event, channel_of, is_control_change, is_note_off, is_note_on, note_on
from engine.model import Model
from engine.performer import Performer
from engine.performers.velocity_expression import CONTROLS, Expression
from models.pretrained import pretrained
from models.velocity_transformer.representation import REPRESENTATION_VERSION, NoteFeatures, NoteTracker, loosen_repetition

SYSTEM, LOOKAHEAD_SYSTEM = "velocity-transformer", "velocity-transformer-lookahead"
HeardNote = tuple[NoteFeatures, int]  # and its velocity hint
MOST_UNHEARD_NOTES = 128  # of more, only the latest are ever heard: the model attends no further back


def load_performer(model: Path | None, lookahead_s: float | None) -> Performer:
    """Return the performer, with ``model`` in place of the file that ships; with a look-ahead, in seconds, the one that looks ahead.

    Raises PerfLiveError when the model is not one for it.
    """
    if not lookahead_s:
        return VelocityPerformer(Model(model or pretrained("velocity.onnx"), SYSTEM, REPRESENTATION_VERSION))
    from engine.performers.velocity_lookahead import VelocityLookaheadPerformer

    loaded = Model(model or pretrained("velocity_lookahead.onnx"), LOOKAHEAD_SYSTEM, REPRESENTATION_VERSION)
    return VelocityLookaheadPerformer(loaded, lookahead_s)


class VelocityPerformer:
    """Causal: the velocity of a note depends on what was played before it, so nothing is delayed."""

    name = "velocity"
    controls = CONTROLS
    latency_ns = 0

    def __init__(self, model: Model):
        self._model = model
        model.warm_up()

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> "VelocityStream":
        return VelocityStream(self._model, seed, controls)


class VelocityStream:
    """One performance. A late note is sent with the last expression carried forward; the model hears of it afterwards."""

    def __init__(self, model: Model, seed: int, controls: Mapping[str, float]):
        self._constants = model.contract.constants
        self._seed = seed
        self._stepper = model.create_stepper()
        self._begin(controls)

    def _begin(self, controls: Mapping[str, float]) -> None:
        self._expression = Expression(self._seed, controls, self._constants)
        self._tracker = NoteTracker()
        self._stepper.reset()
        self._unheard: list[HeardNote] = []  # late notes that the model has yet to hear
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
            quantiles = self._think(heard, late) if heard else None
        if not is_note_on(message):
            return [event]
        if quantiles is not None:
            self._last_model_velocity = self._expression.choose(quantiles, time_s)
        velocity = self._expression.apply(self._last_model_velocity, message[2])
        return [event._replace(message=note_on(channel_of(message), message[1], velocity))]

    def foresee(self, events: Sequence[Event]) -> None:
        """Think of the notes of a chord in one run, in which the weights are read once."""
        times_s = [self._time_s(event) for event in events]
        heard = [self._hear(time_s, event.message) for time_s, event in zip(times_s, events, strict=True)]
        notes = [*self._unheard, *(note for note in heard if note)]
        thoughts: Iterator[np.ndarray] = iter(())
        if notes:
            thoughts = iter(self._stepper.step_chunk(chunk_inputs(notes))["quantiles"][0, len(self._unheard) :])
            self._unheard = []
        self._foreseen.extend((time_s, next(thoughts) if note else None) for time_s, note in zip(times_s, heard, strict=True))

    def _time_s(self, event: Event) -> float:
        """Seconds since the take's first event, so that a take is the same take at any time of day."""
        if self._origin_ns is None:
            self._origin_ns = event.time_ns
        return (event.time_ns - self._origin_ns) / 1e9

    def _hear(self, time_s: float, message: bytes) -> HeardNote | None:
        """Follow a message; return what the model is to hear of it if it is a note-on."""
        if is_note_on(message):
            return loosen_repetition(self._tracker.note_on(time_s, message[1])), self._expression.hint(message[2])
        follow(self._tracker, time_s, message)
        return None

    def _think(self, note: HeardNote, late: bool) -> np.ndarray | None:
        """Return the quantiles of a note's velocity, [17]; None if there is no time for it."""
        if late:
            self._unheard = [*self._unheard[1 - MOST_UNHEARD_NOTES :], note]
            return None
        while self.rest():
            pass
        return self._step(note)

    def _step(self, note: HeardNote) -> np.ndarray:
        (features, hint), inputs = note, self._stepper.inputs
        inputs["pitch"][0, 0] = features.pitch_index
        inputs["hint"][0, 0] = hint
        inputs["keys"][0, 0] = features.keys
        inputs["scalars"][0, 0] = features.scalars
        return self._stepper.step()["quantiles"][0, 0]

    def rest(self) -> bool:
        """Let the model hear one of the notes that it missed; return whether it has missed more."""
        if self._unheard:
            self._step(self._unheard[0])
            self._unheard = self._unheard[1:]
        return bool(self._unheard)

    def advance(self, now_ns: int) -> list[Event]:
        return []

    def next_due_ns(self) -> int | None:
        return None

    def finish(self) -> list[Event]:
        return []

    def set_control(self, name: str, value: float) -> None:
        self._expression.controls[name] = value

    def snapshot(self) -> Any:
        heard = (self._expression, self._tracker, self._unheard, self._foreseen, self._origin_ns, self._last_model_velocity)
        return copy.deepcopy(heard), self._stepper.snapshot()

    def restore(self, snapshot: Any) -> None:
        heard, state = snapshot
        restored = copy.deepcopy(heard)
        self._expression, self._tracker, self._unheard, self._foreseen, self._origin_ns, self._last_model_velocity = restored
        self._stepper.restore(state)

    def reset(self) -> None:
        self._begin(self._expression.controls)


def follow(tracker: NoteTracker, time_s: float, message: bytes) -> None:
    """Tell the tracker of a message that is not a note-on."""
    if is_note_off(message):
        tracker.note_off(time_s, message[1])
    elif is_control_change(message):
        if message[1] == SUSTAIN_PEDAL:
            tracker.sustain_pedal(time_s, message[2])
        elif message[1] == SOFT_PEDAL:
            tracker.soft_pedal(message[2])


def chunk_inputs(notes: Sequence[HeardNote]) -> dict[str, np.ndarray]:
    """Notes and their hints -> the inputs of the graph, [1, notes, ...]."""
    return {
        "pitch": np.array([[features.pitch_index for features, _ in notes]]),
        "hint": np.array([[hint for _, hint in notes]]),
        "keys": np.stack([features.keys for features, _ in notes])[None],
        "scalars": np.stack([features.scalars for features, _ in notes])[None],
    }
