"""Performance RNN in PyTorch: an LSTM over events, conditioned on controls, with an explicit state."""

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from models.performance_rnn.representation import CONTROLS, PITCHES, PREFERRED_VALUES, EventCodec

IMPOSSIBLE = -20.0  # finite: rounded times of recordings sometimes contain what hands cannot do


class PerformanceRNNConfig(BaseModel):
    """Sizes. ``steps_per_second`` chooses the vocabulary: 125 for the paper's 413 events, 100 for Magenta's 388.

    ``embedding`` is the width of the table an event is looked up in, in place of a one-hot vector.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps_per_second: Literal[100, 125] = 125
    embedding: int = 128
    width: int = 512
    layers: int = 3

    @property
    def codec(self) -> EventCodec:
        return EventCodec(self.steps_per_second)


class PerformanceRNN(nn.Module):
    """Events so far and the controls of the next -> logits of the next event."""

    def __init__(self, config: PerformanceRNNConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.codec.events, config.embedding)
        self.lstm = nn.LSTM(config.embedding + CONTROLS, config.width, config.layers, batch_first=True)
        self.output = nn.Linear(config.width, config.codec.events)
        with torch.no_grad():
            self._initialise(config.width)

    def _initialise(self, width: int) -> None:
        """Initialise the layers so that they pass on and remember their input from the first training step on."""
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(parameter)
            elif name.startswith("weight_hh"):
                for gate in parameter.chunk(4):
                    nn.init.orthogonal_(gate)
            elif name.startswith("bias_ih"):
                parameter[width : 2 * width] = 1.0

    def initial_state(self, batch: int) -> tuple[Tensor, Tensor]:
        """Return the state before any event: hidden and cell, both [layers, B, width] of zeros."""
        zeros = self.output.weight.new_zeros(self.config.layers, batch, self.config.width)
        return zeros, zeros.clone()

    def forward(self, event: Tensor, controls: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take events [B, T] and controls [B, T, 150] of the events after them; return logits [B, T, events] and the state after."""
        described = torch.cat((self.embedding(event), controls), -1)
        outputs, (hidden, cell) = self.lstm(described, (hidden, cell))
        return self.output(outputs) + impossible(controls, self.config.codec.events), hidden, cell


def impossible(controls: Tensor, events: int) -> Tensor:
    """Return what to add to logits [..., events], given controls [..., 150]: keys that are down are not pressed, keys that
    are up are not released.

    Without it a network puts half of the probability of releases on keys that are up, and learns slowly not to.
    """
    down = controls[..., PREFERRED_VALUES:] > 0
    others = torch.zeros_like(controls[..., :1]).expand(*controls.shape[:-1], events - 2 * PITCHES)
    return torch.cat((down * IMPOSSIBLE, ~down * IMPOSSIBLE, others), -1)
