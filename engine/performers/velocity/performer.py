"""The velocity transformer, live: every note leaves at once with the velocity that a hand would have given it.

Source: the streaming form of the velocity transformer described in ``models/velocity``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.onnx.model import Model
from engine.performers.controls import Control
from engine.performers.notes.performer import NotesPerformer
from engine.performers.protocol import Performer, PerformerStream
from engine.performers.velocity.controls import CONTROLS, STYLE
from engine.performers.velocity.lookahead import VelocityLookaheadPerformer
from engine.performers.velocity.networks import LOOKAHEAD_SYSTEM, VelocityModel
from engine.performers.velocity.stream import VelocityStream
from engine.systems.manifest import Request
from models.pretrained import pretrained
from models.velocity.representation import REPRESENTATION_VERSION

if TYPE_CHECKING:
    from engine.score.piece import Piece

SUFFIXES = ("", "_pop")  # in the names of the files that ship, by the control ``style``


def load_performer(model: Path | None, lookahead_s: float | None) -> Performer:
    """Return the performer, with ``model`` in place of the file that ships; with a look-ahead, in seconds, the one that looks ahead.

    Raises PerfLiveError when the model is not one for it.
    """
    styles = ("",) if model else SUFFIXES
    controls = known_controls(model, lookahead_s)
    if not lookahead_s:
        first, *others = (pretrained(f"velocity{style}.onnx", model) for style in styles)
        return VelocityPerformer([VelocityModel.open(first), *map(VelocityModel, others)], controls)
    paths = [pretrained(f"velocity{style}_lookahead.onnx", model) for style in styles]
    return VelocityLookaheadPerformer([Model(path, LOOKAHEAD_SYSTEM, REPRESENTATION_VERSION) for path in paths], controls, lookahead_s)


def known_controls(model: Path | None, lookahead_s: float | None) -> tuple[Control, ...]:
    """Return the controls; what ships has a network for each style."""
    return CONTROLS if model else (*CONTROLS, STYLE)


class VelocityPerformer(NotesPerformer):
    """Causal: the velocity of a note depends on what was played before it, so nothing is delayed."""

    name = "velocity"
    latency_ns = 0

    def __init__(self, models: Sequence[VelocityModel], controls: tuple[Control, ...]):
        """``models``: of each value of the control ``style``."""
        self._models, self.controls = models, controls

    def perform(
        self, material: "Piece | None", request: Request, controls: Mapping[str, float], seed: int, live: bool
    ) -> PerformerStream:
        """As ``NotesPerformer.perform``. Live every style is ready before the first note; a file waits for those that it takes."""
        if live:
            for model in self._models:
                model.warm_up()
        return super().perform(material, request, controls, seed, live)

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> VelocityStream:
        return VelocityStream(self._models, seed, controls)
