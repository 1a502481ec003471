"""An improvisation under way: the network's place in it, what sounds, and the event that comes next."""

from collections.abc import Sequence
from typing import Any

from engine.onnx.model import Model
from engine.performers.performance_rnn.networks import Ensemble, codec_of
from engine.performers.performance_rnn.voice import Preferences, Voice
from models.layers.sampling import GumbelNoise
from models.performance_rnn.sampling import SoundingKeys


class Improvisation:
    """One voice, and the network for it."""

    def __init__(self, model: Model, seed: int):
        self.codec = codec_of(model)
        self._ensemble = Ensemble(model.create_stepper())
        longest_shift = self.codec.first_velocity - 1  # the event that a performance begins after
        self._voice = Voice(GumbelNoise(seed), SoundingKeys(self.codec), longest_shift)

    @property
    def step(self) -> int:
        return self._voice.keys.step

    @property
    def velocity(self) -> int:
        """The velocity of the notes that follow; 0 before the first event that sets one."""
        return self._voice.keys.velocity

    @property
    def sounding(self) -> Sequence[int]:
        """The pitches that sound, a partner's too."""
        return tuple(self._voice.keys.sounding)

    def sample(self, preferences: Preferences) -> int:
        """Return the next event, which then belongs to the improvisation."""
        return self._ensemble.sample((self._voice,), preferences)[0]

    def hear(self, events: Sequence[int], preferences: Preferences, partners: bool = False) -> None:
        """Go on as if it had played ``events`` itself; with ``partners`` it does not release their notes."""
        for event in events:
            self._ensemble.listen((self._voice,), preferences)
            self._voice.follow(event, partners)

    def snapshot(self) -> Any:
        return self._ensemble.stepper.snapshot(), self._voice.copy()

    def restore(self, snapshot: Any) -> None:
        state, voice = snapshot
        self._ensemble.stepper.restore(state)
        self._voice = voice.copy()
