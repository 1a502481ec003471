"""How long one event takes in eager PyTorch: ``python -m training.eager_performance_rnn STEPS_PER_SECOND WIDTH LAYERS EVENTS``.

Prints the distribution as JSON. The network is of that size with random weights, the time is the same; on one thread.
"""

import json
import sys
import time
from dataclasses import asdict

import torch

from engine.bench.figures import describe
from models.performance_rnn.network import PerformanceRNN, PerformanceRNNConfig
from models.performance_rnn.representation import CONTROLS

WARM_UP_EVENTS = 20


def time_events(config: PerformanceRNNConfig, events: int) -> list[int]:
    """Return how long each event took in nanoseconds, one after the other without rest, after a few that do not count."""
    network = PerformanceRNN(config).eval()
    event, controls = torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, 1, CONTROLS)
    state = network.initial_state(1)
    durations_ns = []
    with torch.inference_mode():
        for _ in range(WARM_UP_EVENTS + events):
            begun_ns = time.perf_counter_ns()
            logits, *state = network(event, controls, *state)
            durations_ns.append(time.perf_counter_ns() - begun_ns)
            event = logits.argmax(-1)
    return durations_ns[WARM_UP_EVENTS:]


def main() -> None:
    steps_per_second, width, layers, events = map(int, sys.argv[1:])
    torch.set_num_threads(1)
    config = PerformanceRNNConfig.model_validate({"steps_per_second": steps_per_second, "width": width, "layers": layers})
    print(json.dumps(asdict(describe(time_events(config, events)))))


if __name__ == "__main__":
    main()
