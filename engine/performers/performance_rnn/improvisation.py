"""An improvisation under way: the network's place in it, what sounds, and the event that comes next."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine.onnx.model import Model, Stepper
from models.performance_rnn.representation import REPRESENTATION_VERSION, WISH_VALUES, EventCodec, describe_controls
from models.performance_rnn.sampling import SYSTEM, Hands, Limits, Race, choose, softmax, weigh

_WISHES, _SOUNDS = slice(WISH_VALUES), slice(WISH_VALUES, None)  # of what the network is told


@dataclass(frozen=True)
class Wishes:
    """What is asked of the events to come. ``density``, in notes a second, and ``histogram``, the pitch classes' shares, may be open."""

    temperature: float = 1.0
    top_p: float = 1.0
    density: float | None = None
    histogram: tuple[float, ...] | None = None
    limits: Limits = Limits()

    @cached_property
    def described(self) -> memoryview:
        """(22,) what the network is told beside what sounds."""
        density = None if self.density is None else np.array([self.density])
        histogram = None if self.histogram is None else np.array([self.histogram])
        return describe_controls(density, histogram, 1)[0, _WISHES].data


def open_model(path: Path) -> Model:
    return Model(path, SYSTEM, REPRESENTATION_VERSION)


def codec_of(model: Model) -> EventCodec:
    return EventCodec(model.contract.constants["steps_per_second"])


@dataclass
class Voice:
    """One improvisation but for the network's state: what was last played, what sounds, and the chance that decides what comes.

    ``log_likelihood`` is of what it chose, in nats, where ``judges`` says that it is asked for.
    """

    race: Race
    hands: Hands
    last: int
    index: int = 0  # of the next event to be chosen
    judges: bool = False
    log_likelihood: float = 0.0

    def choose(self, logits: np.ndarray, wishes: Wishes) -> int:
        """Play and return the next event; a note that has lasted for too long ends without being asked for."""
        event = self.hands.due_release(wishes.limits)
        if event is None:
            weights = weigh(logits, self.hands.bars(wishes.limits), wishes.temperature, wishes.top_p)
            event = choose(weights, self.race.leads(self.index, len(weights)))
            if self.judges:
                self.log_likelihood += math.log(softmax(weights)[event])
        self.index += 1
        self.follow(event)
        return event

    def follow(self, event: int, partners: bool = False) -> None:
        self.last = event
        self.hands.follow(event, partners)

    def copy(self, **changes: Any) -> "Voice":
        return replace(self, hands=self.hands.copy(), **changes)


class Ensemble:
    """The network of voices that are its streams side by side, its arrays taken apart once for all events."""

    def __init__(self, stepper: Stepper):
        self.stepper = stepper
        self._events = stepper.inputs["event"].data
        self._wished: list[Any] = [row[_WISHES].data for row in stepper.inputs["controls"]]
        self._sounding: list[Any] = [row[_SOUNDS].data for row in stepper.inputs["controls"]]
        self.logits = list(stepper.outputs["logits"])

    def sample(self, voices: Sequence[Voice], wishes: Wishes) -> list[int]:
        """Return the next event of each voice.

        The network has heard all but the last event of each, so that it is asked with the wishes of the moment.
        """
        self.listen(voices, wishes)
        return [voice.choose(logits, wishes) for voice, logits in zip(voices, self.logits, strict=True)]

    def listen(self, voices: Sequence[Voice], wishes: Wishes) -> None:
        """Let the network hear the last event of each voice."""
        for stream, voice in enumerate(voices):
            self._events[stream] = voice.last
            self._wished[stream][:] = wishes.described
            voice.hands.write_loudness(self._sounding[stream])
        self.stepper.step()


class Improvisation:
    """One voice, and the network for it."""

    def __init__(self, model: Model, seed: int):
        self.codec = codec_of(model)
        self._ensemble = Ensemble(model.create_stepper())
        self._voice = Voice(Race(seed), Hands(self.codec), self.codec.first_velocity - 1)  # a performance follows the longest time shift

    @property
    def step(self) -> int:
        return self._voice.hands.step

    @property
    def velocity(self) -> int:
        """That of the notes that follow; 0 before the first event that says one."""
        return self._voice.hands.velocity

    @property
    def sounding(self) -> Sequence[int]:
        """The pitches that sound, a partner's too."""
        return tuple(self._voice.hands.sounding)

    def sample(self, wishes: Wishes) -> int:
        """Return the next event, of which the state knows from then on."""
        return self._ensemble.sample((self._voice,), wishes)[0]

    def hear(self, events: Sequence[int], wishes: Wishes, partners: bool = False) -> None:
        """Go on as if it had itself played ``events``; notes that are a ``partner's`` it will not release."""
        for event in events:
            self._ensemble.listen((self._voice,), wishes)
            self._voice.follow(event, partners)

    def snapshot(self) -> Any:
        return self._ensemble.stepper.snapshot(), self._voice.copy()

    def restore(self, snapshot: Any) -> None:
        state, voice = snapshot
        self._ensemble.stepper.restore(state)
        self._voice = voice.copy()
