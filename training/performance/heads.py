"""How a head is fitted: a small network that answers with a distribution in bins, to which bin each example is in."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.layers.heads import Head

BATCH = 512


class HeadNetwork(nn.Module):
    """The logits of bins."""

    def __init__(self, inputs: int, widths: tuple[int, int], bins: int, dropout: float):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(inputs, widths[0]), nn.Linear(*widths), nn.Linear(widths[1], bins)
        self._dropout = dropout

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = functional.dropout(functional.silu(self.first(inputs)), self._dropout, self.training)
        logits: Tensor = self.last(functional.silu(self.second(hidden)))
        return logits


class Fitting(NamedTuple):
    """``passes`` over the examples; the rate is the highest of one cycle."""

    passes: float
    learning_rate: float
    weight_decay: float


def fit_head(
    network: HeadNetwork, inputs_of: Callable[[Tensor], Tensor], targets: Tensor, low: np.ndarray, high: np.ndarray, fitting: Fitting
) -> tuple[Head, list[float]]:
    """Return the head, and the loss of each step in nats. ``inputs_of`` examples (B,) are (B, inputs), ``targets`` (N,) their bins, and
    ``low`` and ``high`` (bins,) the bounds of these.
    """
    steps = max(int(fitting.passes * len(targets) / BATCH), 1)
    optimiser = torch.optim.AdamW(network.parameters(), fitting.learning_rate, weight_decay=fitting.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, fitting.learning_rate, steps)
    rows, losses = torch.zeros(0, dtype=torch.long), []
    for _ in range(steps):
        if len(rows) < BATCH:
            rows = torch.cat([rows, torch.randperm(len(targets))])
        chosen, rows = rows[:BATCH], rows[BATCH:]
        loss = functional.cross_entropy(network(inputs_of(chosen)), targets[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    layers = [part.detach().numpy().T.copy() for part in network.parameters()]
    return Head._make([*layers, low.astype(np.float32), high.astype(np.float32)]), losses
