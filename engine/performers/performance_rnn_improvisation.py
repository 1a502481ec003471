"""An improvisation under way: the network's place in it, what sounds, and the event that comes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.model import Model
from models.performance_rnn.representation import REPRESENTATION_VERSION, EventCodec, describe_controls
from models.performance_rnn.sampling import SYSTEM, Hands, Limits, choose, probabilities, uniform

CHUNK_EVENTS = 512  # of a primer that the network hears at once


@dataclass(frozen=True)
class Wishes:
    """What is asked of the events to come. ``density``, in notes a second, and ``histogram``, the pitch classes' shares, may be open."""

    temperature: float = 1.0
    top_p: float = 1.0
    density: float | None = None
    histogram: tuple[float, ...] | None = None
    limits: Limits = Limits()

    def describe(self, count: int) -> np.ndarray:
        density = None if self.density is None else np.full(count, self.density)
        histogram = None if self.histogram is None else np.tile(self.histogram, (count, 1))
        return describe_controls(density, histogram, count)


def open_model(path: Path) -> Model:
    return Model(path, SYSTEM, REPRESENTATION_VERSION)


class Improvisation:
    """One stream of events. The network has heard all but the last of them, so that it is asked with the wishes of the moment."""

    def __init__(self, model: Model, seed: int):
        self.codec = EventCodec(model.contract.constants["steps_per_second"])
        self._stepper = model.create_stepper()
        self._seed = seed
        self._index = 0  # of the next event to be sampled
        self._last = self.codec.first_velocity - 1  # a performance follows the longest time shift
        self._hands = Hands(self.codec)

    @property
    def step(self) -> int:
        return self._hands.step

    @property
    def velocity(self) -> int:
        """That of the notes that follow; 0 before the first event that says one."""
        return self._hands.velocity

    @property
    def sounding(self) -> Sequence[int]:
        """The pitches that sound, a partner's too."""
        return tuple(self._hands.sounding)

    def sample(self, wishes: Wishes) -> int:
        """Return the next event, of which the state knows from then on."""
        self._stepper.inputs["event"][0] = self._last
        self._stepper.inputs["controls"][...] = wishes.describe(1)
        logits = self._stepper.step()["logits"][0]
        event = self._hands.due_release(wishes.limits)
        if event is None:
            chances = probabilities(logits, self._hands.allowed(wishes.limits), wishes.temperature, wishes.top_p)
            event = choose(chances, uniform(self._seed, self._index))
        self._index += 1
        self._last = event
        self._hands.follow(event)
        return event

    def hear(self, events: np.ndarray, wishes: Wishes, partners: bool = False) -> None:
        """Go on as if it had itself played ``events`` (events,); notes that are a ``partner's`` it will not release."""
        before = np.concatenate(([self._last], events))[:-1]
        for begin in range(0, len(events), CHUNK_EVENTS):
            chunk = before[begin : begin + CHUNK_EVENTS]
            self._stepper.step_chunk({"event": chunk, "controls": wishes.describe(len(chunk))})
        for event in events:
            self._hands.follow(int(event), partners)
        if len(events):
            self._last = int(events[-1])

    def snapshot(self) -> Any:
        return self._stepper.snapshot(), self._index, self._last, self._hands.copy()

    def restore(self, snapshot: Any) -> None:
        state, self._index, self._last, hands = snapshot
        self._stepper.restore(state)
        self._hands = hands.copy()
