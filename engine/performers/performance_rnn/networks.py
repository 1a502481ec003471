"""Performance RNN's graph, opened, and run for several voices side by side, one event of each at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.onnx.model import Model, Stepper
from engine.performers.performance_rnn.voice import Preferences, Voice
from models.performance_rnn.representation import PREFERRED_VALUES, REPRESENTATION_VERSION, EventCodec
from models.performance_rnn.sampling import SYSTEM

_PREFERRED, _SOUNDS = slice(PREFERRED_VALUES), slice(PREFERRED_VALUES, None)  # of what the network is told


def open_model(path: Path) -> Model:
    """Return the graph. Raises PerfLiveError when it is not one of Performance RNN."""
    return Model(path, SYSTEM, REPRESENTATION_VERSION)


def codec_of(model: Model) -> EventCodec:
    """Return the codec between the model's events and notes in time."""
    return EventCodec(model.contract.constants["steps_per_second"])


class Ensemble:
    """The network of several voices, each a stream of the graph. Its arrays are taken apart once, as the work of an event is small."""

    def __init__(self, stepper: Stepper):
        self.stepper = stepper
        self._events = stepper.inputs["event"].data
        self._preferred: list[Any] = [row[_PREFERRED].data for row in stepper.inputs["controls"]]
        self._sounding: list[Any] = [row[_SOUNDS].data for row in stepper.inputs["controls"]]
        self.logits = list(stepper.outputs["logits"])

    def sample(self, voices: Sequence[Voice], preferences: Preferences) -> list[int]:
        """Return the next event of each voice.

        The network has heard all but the last event of each voice, so that it answers with the preferences of the moment.
        """
        self.listen(voices, preferences)
        return [voice.choose(logits, preferences) for voice, logits in zip(voices, self.logits, strict=True)]

    def listen(self, voices: Sequence[Voice], preferences: Preferences) -> None:
        """Let the network hear the last event of each voice."""
        for stream, voice in enumerate(voices):
            self._events[stream] = voice.last
            self._preferred[stream][:] = preferences.described
            voice.keys.write_loudness(self._sounding[stream])
        self.stepper.step()
