"""The real-time PerformanceNets as they are exported: one stream, without a batch axis."""

from torch import Tensor, nn

from models.performance_net.solo_network import SoloPerformanceNet
from models.performance_net.streaming_network import StateShape, StreamingPerformanceNet

SYSTEM = "performance-net"


class ExportedPerformanceNet(nn.Module):
    """A roll (CHANNELS, T) and a state without batch axis -> the network's outputs, (BINS, T) each, and the next state."""

    def __init__(self, network: StreamingPerformanceNet | SoloPerformanceNet):
        super().__init__()
        self.network = network

    def state_shapes(self) -> list[StateShape]:
        return self.network.state_shapes()

    def forward(self, roll: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        return tuple(result[0] for result in self.network(roll[None], *(part[None] for part in state)))
