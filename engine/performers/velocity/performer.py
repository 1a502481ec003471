"""The velocity transformer, live: every note leaves at once with the velocity that a hand would have given it.

Source: the streaming form of the velocity transformer described in ``models/velocity``.
"""

from collections.abc import Mapping
from pathlib import Path

from engine.onnx.model import Model
from engine.performers.controls import Control
from engine.performers.notes.performer import NotesPerformer
from engine.performers.protocol import Performer
from engine.performers.velocity.controls import CONTROLS
from engine.performers.velocity.lookahead import VelocityLookaheadPerformer
from engine.performers.velocity.networks import LOOKAHEAD_SYSTEM, VelocityModel
from engine.performers.velocity.stream import VelocityStream
from models.pretrained import pretrained
from models.velocity.representation import REPRESENTATION_VERSION


def load_performer(model: Path | None, lookahead_s: float | None) -> Performer:
    """Return the performer, with ``model`` in place of the file that ships; with a look-ahead, in seconds, the one that looks ahead.

    Raises PerfLiveError when the model is not one for it.
    """
    if not lookahead_s:
        return VelocityPerformer(VelocityModel.open(pretrained("velocity.onnx", model)))
    loaded = Model(pretrained("velocity_lookahead.onnx", model), LOOKAHEAD_SYSTEM, REPRESENTATION_VERSION)
    return VelocityLookaheadPerformer(loaded, lookahead_s)


def known_controls(model: Path | None, lookahead_s: float | None) -> tuple[Control, ...]:
    """Return the controls, which are the same for each model."""
    return CONTROLS


class VelocityPerformer(NotesPerformer):
    """Causal: the velocity of a note depends on what was played before it, so nothing is delayed."""

    name = "velocity"
    controls = CONTROLS
    latency_ns = 0

    def __init__(self, model: VelocityModel):
        self._model = model
        model.answer.warm_up()
        model.memory.warm_up()

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> VelocityStream:
        return VelocityStream(self._model, seed, controls)
