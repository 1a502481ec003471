"""A partner that improvises: it goes on where you stop, or plays along, and takes back what it had in mind when you play."""

from collections.abc import Mapping
from pathlib import Path

from engine.base.errors import UsageError
from engine.onnx.model import Model
from engine.performers.performance_rnn.controls import CONTROLS
from engine.performers.performance_rnn.improvisation import Improvisation
from engine.performers.performance_rnn.networks import open_model
from engine.performers.performance_rnn.stream import PerformanceRNNStream
from engine.performers.performance_rnn.voice import Wishes
from models.pretrained import pretrained


class PerformanceRNNPerformer:
    name = "performance-rnn"
    controls = CONTROLS
    latency_ns = 0

    def __init__(self, model: Model):
        self.model = model

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> PerformanceRNNStream:
        return PerformanceRNNStream(self.model, seed, controls)


def load_performer(model: Path | None, lookahead_s: float | None) -> PerformanceRNNPerformer:
    """Raises UsageError for a look-ahead, and PerfLiveError when the model is refused."""
    if lookahead_s:
        raise UsageError("--lookahead: the performer 'performance-rnn' answers at once; leave --lookahead out")
    opened = open_model(model or pretrained("performance_rnn.onnx"))
    opened.warm_up()
    Improvisation(opened, 0).sample(Wishes())  # the first choice of an event takes twenty times as long as those that follow
    return PerformanceRNNPerformer(opened)
