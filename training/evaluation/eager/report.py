"""What a system costs in eager PyTorch beside what it costs as it is exported."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.bench.measuring.figures import Distribution


@dataclass(frozen=True)
class EagerReport:
    """All for one ``unit``: a note, an event or a second of sound. ``eager_network`` says which network PyTorch ran: one of the same sizes
    as the exported one, or the paper's.
    """

    unit: str
    eager_network: str
    parameters: int  # of the network in PyTorch
    eager: Distribution
    exported: Mapping[str, Distribution]  # by what is timed: a step of the graph, and all that the performer does
    on_one_core: bool  # both; False: PyTorch on all cores

    @property
    def times_faster(self) -> dict[str, float]:
        """Return how many times less than eager PyTorch each takes: the ratios of the medians."""
        return {name: round(self.eager.median_ms / timed.median_ms, 2) for name, timed in self.exported.items()}
