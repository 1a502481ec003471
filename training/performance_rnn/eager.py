"""How long one event takes in eager PyTorch: ``python -m training.performance_rnn.eager STEPS_PER_SECOND WIDTH LAYERS EVENTS``.

Prints the distribution as JSON. The network is of that size with random weights, the time is the same; on one thread.
"""

import json
import sys
from dataclasses import asdict

import torch

from engine.bench.measuring.figures import Distribution
from engine.bench.measuring.timing import time_calls
from models.performance_rnn.network import PerformanceRNN, PerformanceRNNConfig
from models.performance_rnn.representation import CONTROLS


def time_events(config: PerformanceRNNConfig, events: int) -> Distribution:
    """Return how long each event took, whatever it is, in the state that the one before it left."""
    network = PerformanceRNN(config).eval()
    event, controls = torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, 1, CONTROLS)
    hidden, cell = network.initial_state(1)

    def step() -> None:
        nonlocal hidden, cell
        _, hidden, cell = network(event, controls, hidden, cell)

    with torch.inference_mode():
        return time_calls(step, events)


def main() -> None:
    steps_per_second, width, layers, events = map(int, sys.argv[1:])
    torch.set_num_threads(1)
    config = PerformanceRNNConfig.model_validate({"steps_per_second": steps_per_second, "width": width, "layers": layers})
    print(json.dumps(asdict(time_events(config, events))))


if __name__ == "__main__":
    main()
