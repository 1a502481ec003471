"""How long the paper's network takes in eager PyTorch: ``python -m training.performance_net.eager CONFIG.yaml``, one line of JSON.

Weights are random, the time is the same. On as many threads as OMP_NUM_THREADS says.
"""

import json
import sys
import time
from pathlib import Path

import torch

from engine.base.configuration import read_yaml
from models.performance_net.network import PerformanceNet, PerformanceNetConfig
from models.performance_net.representation import FRAME_RATE

FRAMES = 860  # the paper's clip
RUNS = 2  # the second counts


def main() -> None:
    config = PerformanceNetConfig.model_validate(read_yaml(Path(sys.argv[1]))["network"])
    torch.nn.init.xavier_normal_ = lambda tensor, *_: tensor  # a minute of random numbers that nothing depends on
    network = PerformanceNet(config).eval()
    roll = torch.zeros(1, config.pitches, FRAMES)
    durations_s = []
    with torch.inference_mode():
        for _ in range(RUNS):
            begun_s = time.perf_counter()
            network(roll, roll)
            durations_s.append(time.perf_counter() - begun_s)
    seconds = FRAMES / float(FRAME_RATE)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    print(json.dumps({"parameters": parameters, "seconds": round(seconds, 3), "real_time_factor": round(durations_s[-1] / seconds, 4)}))


if __name__ == "__main__":
    main()
