"""How long one event takes in eager PyTorch: a network as large as the exported one with random weights, which take the same time."""

from pathlib import Path

import torch

from engine.bench.measuring.figures import Distribution
from engine.bench.measuring.machine import one_core
from engine.bench.measuring.timing import time_calls
from engine.bench.performance_rnn import MODEL, time_events
from engine.onnx.model import Model
from engine.performers.performance_rnn.networks import codec_of, open_model
from models.performance_rnn.network import PerformanceRNN, PerformanceRNNConfig
from models.performance_rnn.representation import CONTROLS
from models.pretrained import pretrained
from training.evaluation.eager.report import EagerReport


def compare(model: Path | None, calls: int) -> EagerReport:
    """Time ``calls`` events of each on one thread. Raises PerfLiveError when the model cannot be used."""
    exported = open_model(pretrained(MODEL, model))
    network = PerformanceRNN(config_of(exported)).eval()
    with one_core() as alone:
        cost = time_events(exported, calls)
        eager = time_eager_events(network, calls)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    timed = {"step of the graph": cost.step.hot, "sampled event": cost.whole.hot}
    return EagerReport("event", "the same", parameters, eager, timed, alone)


def config_of(model: Model) -> PerformanceRNNConfig:
    """Return the sizes of the exported network: each layer has its hidden values and its cell among the states."""
    states = model.initial_state()
    sizes = {"steps_per_second": codec_of(model).steps_per_second, "width": next(iter(states.values())).shape[-1]}
    return PerformanceRNNConfig.model_validate(sizes | {"layers": -(-len(states) // 2)})


def time_eager_events(network: PerformanceRNN, events: int) -> Distribution:
    """Return how long each event took, whatever it is, in the state that the one before it left."""
    event, controls = torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, 1, CONTROLS)
    hidden, cell = network.initial_state(1)

    def step() -> None:
        nonlocal hidden, cell
        _, hidden, cell = network(event, controls, hidden, cell)

    with torch.inference_mode():
        return time_calls(step, events)
