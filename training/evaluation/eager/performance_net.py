"""How long the paper's network takes in eager PyTorch on all cores, beside the exported one on one: their cost alone, without phases.

Weights are zero, which take the same time. The paper's network is a gigabyte.
"""

import time
from pathlib import Path

import torch

import configs
from engine.base.configuration import read_yaml
from engine.bench.measuring.figures import Distribution, describe
from engine.bench.performance_net import time_blocks
from engine.sound.performance_net.stream import BLOCK_SAMPLES
from models.performance_net.network import PerformanceNet, PerformanceNetConfig
from models.performance_net.representation import FRAME_RATE, SAMPLE_RATE
from training.evaluation.eager.report import EagerReport

FRAMES = 860  # the paper's clip
BLOCKS_PER_CALL = 0.1  # of the exported graph: other systems are called thousands of times, each of which takes less


def compare(model: Path | None, calls: int) -> EagerReport:
    """Time the paper's clip and some blocks of the exported network. Raises PerfLiveError when the model cannot be used."""
    network_ns = time_blocks([model], max(10, round(calls * BLOCKS_PER_CALL)))[:, 0]
    exported = describe(network_ns * SAMPLE_RATE / BLOCK_SAMPLES)
    network = paper_network(configs.FOLDER / "performance_net" / "paper.yaml")
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return EagerReport("second of sound", "the paper's", parameters, time_eager_clip(network), {"network in blocks": exported}, False)


def paper_network(config: Path) -> PerformanceNet:
    """Return the network of a configuration, all of its weights zero: a minute of random numbers would change nothing."""
    with torch.device("meta"):
        network = PerformanceNet(PerformanceNetConfig.model_validate(read_yaml(config)["network"]))
    network = network.to_empty(device="cpu").eval()
    for tensor in (*network.parameters(), *network.buffers()):
        torch.nn.init.zeros_(tensor)
    return network


def time_eager_clip(network: PerformanceNet) -> Distribution:
    """Return the time for a second of the paper's clip; a first run warms up."""
    roll = torch.zeros(1, network.config.pitches, FRAMES)
    durations_ns = []
    with torch.inference_mode():
        for _ in range(2):
            begun_ns = time.perf_counter_ns()
            network(roll, roll)
            durations_ns.append(time.perf_counter_ns() - begun_ns)
    return describe([durations_ns[-1] * float(FRAME_RATE) / FRAMES])
