"""How long one note takes in eager PyTorch: a decoder as large as the exported one with random weights, which take the same time."""

from pathlib import Path

import torch

from engine.bench.measuring.figures import Distribution
from engine.bench.measuring.machine import one_core
from engine.bench.measuring.timing import time_calls
from engine.bench.score_performer import time_notes
from engine.performers.score_performer.performer import load_performer
from models.score_performer.layers import ScorePerformerConfig
from models.score_performer.network import ScorePerformer, StreamingDecoder
from models.score_performer.vocabulary import FIELDS, SPECIALS
from training.evaluation.eager.report import EagerReport


def compare(model: Path | None, calls: int) -> EagerReport:
    """Time ``calls`` notes of each on one thread. Raises PerfLiveError when the models in the folder ``model`` cannot be used."""
    performer = load_performer(model, None)
    config = ScorePerformerConfig.model_validate(performer.networks.decoder.contract.constants["network"])
    network = ScorePerformer(config)
    with one_core() as alone:
        cost = time_notes(performer, calls)
        eager = time_eager_notes(network, config, calls)
    parameters = sum(parameter.numel() for parameter in StreamingDecoder(network).parameters())
    timed = {"step of the graph": cost.step.hot, "decoded note": cost.whole.hot}
    return EagerReport("note", "the same", parameters, eager, timed, alone)


def time_eager_notes(network: ScorePerformer, config: ScorePerformerConfig, notes: int) -> Distribution:
    """Return how long each note took, whatever it is, with the memory that the one before it left."""
    decoder = StreamingDecoder(network).eval()
    tokens = torch.full((1, len(FIELDS)), SPECIALS)
    context, style = torch.zeros(1, config.width), torch.zeros(1, config.style_width)
    cache, written = (state.squeeze(axis) for state, axis in zip(network.initial_state(1), (1, 0), strict=True))

    def step() -> None:
        nonlocal cache, written
        *_, cache, written = decoder(tokens, tokens, context, style, cache, written)

    with torch.inference_mode():
        return time_calls(step, notes)
