"""An improvisation under way: the network's place in it, what sounds, and the event that comes next."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine.model import Model, Stepper
from models.performance_rnn.representation import REPRESENTATION_VERSION, WISH_VALUES, EventCodec, describe_controls
from models.performance_rnn.sampling import SYSTEM, Hands, Limits, Race, choose, probabilities

EVENTS_A_LANE = 1 << 40  # more than any improvisation has


@dataclass(frozen=True)
class Wishes:
    """What is asked of the events to come. ``density``, in notes a second, and ``histogram``, the pitch classes' shares, may be open."""

    temperature: float = 1.0
    top_p: float = 1.0
    density: float | None = None
    histogram: tuple[float, ...] | None = None
    limits: Limits = Limits()

    @cached_property
    def described(self) -> np.ndarray:
        """(150,) what the network is told, in silence."""
        density = None if self.density is None else np.array([self.density])
        histogram = None if self.histogram is None else np.array([self.histogram])
        return describe_controls(density, histogram, 1)[0]


def open_model(path: Path) -> Model:
    return Model(path, SYSTEM, REPRESENTATION_VERSION)


def codec_of(model: Model) -> EventCodec:
    return EventCodec(model.contract.constants["steps_per_second"])


@dataclass
class Voice:
    """One improvisation but for the network's state: what was last played, what sounds, and the chance that decides what comes.

    ``lane`` tells continuations of the same race apart. ``log_likelihood`` is of what it chose, in nats.
    """

    race: Race
    hands: Hands
    last: int
    index: int = 0  # of the next event to be chosen
    lane: int = 0
    log_likelihood: float = 0.0

    def choose(self, logits: np.ndarray, wishes: Wishes) -> int:
        """Play and return the next event; a note that has lasted for too long ends without being asked for."""
        event = self.hands.due_release(wishes.limits)
        if event is None:
            chances = probabilities(logits, self.hands.allowed(wishes.limits), wishes.temperature, wishes.top_p)
            event = choose(chances, self.race.times(self.lane * EVENTS_A_LANE + self.index, len(chances)))
            self.log_likelihood += math.log(chances[event])
        self.index += 1
        self.follow(event)
        return event

    def follow(self, event: int, partners: bool = False) -> None:
        self.last = event
        self.hands.follow(event, partners)

    def copy(self, **changes: Any) -> "Voice":
        return replace(self, hands=self.hands.copy(), **changes)


def sample_together(stepper: Stepper, voices: Sequence[Voice], wishes: Wishes) -> list[int]:
    """Return the next event of each voice, after one run of the network in which they are the streams side by side.

    It has heard all but the last event of each, so that it is asked with the wishes of the moment.
    """
    _listen(stepper, voices, wishes)
    return [voice.choose(logits, wishes) for voice, logits in zip(voices, stepper.outputs["logits"], strict=True)]


def _listen(stepper: Stepper, voices: Sequence[Voice], wishes: Wishes) -> None:
    """Let the network hear the last event of each voice."""
    stepper.inputs["event"][...] = [voice.last for voice in voices]
    stepper.inputs["controls"][:, :WISH_VALUES] = wishes.described[:WISH_VALUES]
    stepper.inputs["controls"][:, WISH_VALUES:] = [voice.hands.loudness() for voice in voices]
    stepper.step()


class Improvisation:
    """One voice, and the network for it."""

    def __init__(self, model: Model, seed: int):
        self.codec = codec_of(model)
        self._stepper = model.create_stepper()
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
        return sample_together(self._stepper, (self._voice,), wishes)[0]

    def hear(self, events: Sequence[int], wishes: Wishes, partners: bool = False) -> None:
        """Go on as if it had itself played ``events``; notes that are a ``partner's`` it will not release."""
        for event in events:
            _listen(self._stepper, (self._voice,), wishes)
            self._voice.follow(event, partners)

    def snapshot(self) -> Any:
        return self._stepper.snapshot(), self._voice.copy()

    def restore(self, snapshot: Any) -> None:
        state, voice = snapshot
        self._stepper.restore(state)
        self._voice = voice.copy()
