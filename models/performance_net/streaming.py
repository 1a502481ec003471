"""The PerformanceNet that plays in real time as it is exported: one stream, the keys' powers in half precision."""

import torch
from torch import Tensor, nn

from models.performance_net.streaming_network import StateShape, StreamingPerformanceNet

SYSTEM = "performance-net"


class ExportedPerformanceNet(nn.Module):
    """Roll (CHANNELS, T) and the state, each part without the batch -> log-power (BINS, T), LOOK_AHEAD frames late, and the next state.

    Half precision keeps logarithms of powers to 0.03 dB and halves the file; ONNX Runtime computes with them in single precision.
    """

    power_log: Tensor

    def __init__(self, network: StreamingPerformanceNet):
        super().__init__()
        self.network = network
        self.register_buffer("power_log", network.key_spectra.power_log.detach().half(), persistent=False)

    def state_shapes(self) -> list[StateShape]:
        return self.network.state_shapes()

    def forward(self, roll: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        key_power = torch.exp(self.power_log.float())
        results = self.network(roll[None], *(part[None] for part in state), key_power=key_power)
        return tuple(result[0] for result in results)


