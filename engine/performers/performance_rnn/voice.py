"""One voice of an improvisation: what is asked of it, what sounds, and which event comes next."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from models.layers.sampling import GumbelNoise
from models.performance_rnn.motifs import Motifs
from models.performance_rnn.representation import PITCHES, PREFERRED_VALUES, describe_controls
from models.performance_rnn.sampling import Boldness, Limits, SoundingKeys, choose, probabilities


@dataclass(frozen=True)
class Preferences:
    """What is asked of the events to come. ``density``, notes a second, and ``histogram``, shares of pitch classes, may be None.

    ``motifs`` says how much keys are favoured that went on, earlier, from what was just played.
    """

    boldness: Boldness = Boldness()
    motifs: float = 0.0
    density: float | None = None
    histogram: tuple[float, ...] | None = None
    limits: Limits = Limits()

    @cached_property
    def described(self) -> memoryview:
        """What the network is told beside what sounds, (22,)."""
        density = None if self.density is None else np.array([self.density])
        histogram = None if self.histogram is None else np.array([self.histogram])
        return describe_controls(density, histogram, 1)[0, :PREFERRED_VALUES].data


@dataclass
class Voice:
    """One improvisation but for the network's state: the last event, what sounds, and the noise that decides what comes.

    ``log_likelihood`` is that of the chosen events, in nats, if ``judges`` asks for it.
    """

    noise: GumbelNoise
    keys: SoundingKeys
    last: int
    index: int = 0  # of the next event to be chosen
    motifs: Motifs = Motifs()  # its own and a partner's
    judges: bool = False
    log_likelihood: float = 0.0

    def choose(self, logits: np.ndarray, preferences: Preferences) -> int:
        """Play and return the next event; a note that has lasted too long ends without being asked for."""
        event = self.keys.due_release(preferences.limits)
        if event is None:
            weights, favour = logits + self.keys.bars(preferences.limits), self.motifs.favour(preferences.motifs)
            event = choose(weights, favour, preferences.boldness, self.noise.values(self.index, len(weights) + PITCHES))
            if self.judges:
                self.log_likelihood += math.log(probabilities(weights, favour, preferences.boldness)[event])
        self.index += 1
        self.follow(event)
        return event

    def follow(self, event: int, partners: bool = False) -> None:
        self.last = event
        if event < PITCHES:
            self.motifs = self.motifs.after(event)
        self.keys.follow(event, partners)

    def copy(self, **changes: Any) -> "Voice":
        return replace(self, keys=self.keys.copy(), **changes)
