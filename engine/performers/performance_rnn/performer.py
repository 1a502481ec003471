"""A partner that improvises: it goes on where you stop, or plays along, and takes back what it had in mind when you play."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.base.errors import UsageError
from engine.midi.file import MidiTimeline
from engine.onnx.model import Model
from engine.performers.controls import Control
from engine.performers.notes.performer import NotesPerformer
from engine.performers.performance_rnn.controls import CONTROLS, DEFAULT_PREFERENCES
from engine.performers.performance_rnn.improvisation import Improvisation
from engine.performers.performance_rnn.networks import open_model
from engine.performers.performance_rnn.stream import PerformanceRNNStream
from engine.performers.protocol import PerformerStream, Take
from engine.score.piece import Piece
from engine.systems.manifest import Kind, Request
from engine.systems.performance_rnn import ImprovisationRequest
from models.pretrained import pretrained


class PerformanceRNNPerformer(NotesPerformer):
    """Improvises with whoever plays, or alone. Notes that come are its primer or its partner's."""

    name = "performance-rnn"
    controls = CONTROLS
    latency_ns = 0
    plays = Kind.IMPROVISES

    def __init__(self, model: Model):
        self.model = model

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> PerformanceRNNStream:
        return PerformanceRNNStream(self.model, seed, controls)

    def check(self, request: Request) -> None:
        """Each model knows all that can be asked."""

    def perform(
        self, material: Piece | None, request: Request, controls: Mapping[str, float], seed: int, live: bool
    ) -> PerformanceRNNStream:
        """Return an improvisation. How long it is and what it goes on from is for its source and controls to say."""
        return self.create_stream(seed, controls)

    def perform_takes(
        self,
        primer: MidiTimeline,
        request: ImprovisationRequest,
        controls: Mapping[str, float],
        seeds: Sequence[int],
        listen: Callable[[PerformerStream], None],
    ) -> list[Take]:
        """Return takes that go on from the same primer. Raises UsageError when it would play before its primer ends."""
        from engine.performers.performance_rnn.takes import improvise_takes

        return improvise_takes(self.model, primer, request, controls, seeds, listen)


def known_controls(model: Path | None, lookahead_s: float | None) -> tuple[Control, ...]:
    """Return the controls, which are the same for each model."""
    return CONTROLS


def load_performer(model: Path | None, lookahead_s: float | None) -> PerformanceRNNPerformer:
    """Raises UsageError for a look-ahead, and PerfLiveError when the model is refused."""
    if lookahead_s:
        raise UsageError("--lookahead: the performer 'performance-rnn' answers at once; leave --lookahead out")
    opened = open_model(pretrained("performance_rnn.onnx", model))
    opened.warm_up()
    Improvisation(opened, 0).sample(DEFAULT_PREFERENCES)  # the first choice of an event takes twenty times as long as those that follow
    return PerformanceRNNPerformer(opened)
