"""Performance RNN as it is exported: one event a run, for a batch of streams, with its LSTM layers written out. PyTorch."""

import torch
from torch import Tensor, nn

from models.performance_rnn.network import PerformanceRNN


class StreamingPerformanceRNN(nn.Module):
    """Events [B] and controls [B, 150], then each layer's hidden and cell [B, width] -> logits [B, events], then the states after them.

    Each layer is written out as one product, because ONNX Runtime's LSTM takes no weights of fewer than 8 bits. The contribution of an
    event to the first layer is a look-up in place of a product. A scan over several events would be no faster: all weights are read from
    memory again at every event. The sampler forbids impossible events, among others, so the graph does not.
    """

    output_weight: Tensor
    event_sums: Tensor

    def __init__(self, network: PerformanceRNN):
        super().__init__()
        self.network = network
        cells = [_Cell(network.lstm, layer) for layer in range(network.config.layers)]
        self.register_buffer("event_sums", cells[0].take_in(network.embedding.weight.detach()), persistent=False)
        self.layers = nn.ModuleList(cells)
        self.register_buffer("output_weight", network.output.weight.detach().T.contiguous(), persistent=False)

    def forward(self, event: Tensor, controls: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        values, states = controls, list[Tensor]()
        known = [nn.functional.embedding(event, self.event_sums), *(layer.bias for layer in self.layers[1:])]
        for layer, sums, hidden, cell in zip(self.layers, known, state[::2], state[1::2], strict=True):
            values, next_cell = layer(values, sums, hidden, cell)
            states += [values, next_cell]
        return values @ self.output_weight + self.network.output.bias, *states


class _Cell(nn.Module):
    """One LSTM step: all gates in one product. The cell gate, the third of PyTorch's four, comes last."""

    weight: Tensor
    bias: Tensor

    def __init__(self, lstm: nn.LSTM, layer: int):
        super().__init__()
        self.width = lstm.hidden_size
        weights = [getattr(lstm, f"weight_{kind}_l{layer}").detach() for kind in ("ih", "hh")]
        bias = sum(getattr(lstm, f"bias_{kind}_l{layer}").detach() for kind in ("ih", "hh"))
        self.register_buffer("weight", _cell_last(torch.cat(weights, 1)).T.contiguous(), persistent=False)
        self.register_buffer("bias", _cell_last(bias), persistent=False)

    def take_in(self, table: Tensor) -> Tensor:
        """Remove the input columns of ``table`` [rows, values] from the weights; return their contribution and the bias [rows, 4 * width].

        The layer's first inputs are always rows of ``table``.
        """
        known, self.weight = self.weight[: table.shape[1]], self.weight[table.shape[1] :].contiguous()
        return table @ known + self.bias

    def forward(self, values: Tensor, known: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Take values [B, in], ``known`` contributions to the gates and the state [B, width]; return the next state."""
        sums = torch.cat((values, hidden), -1) @ self.weight + known
        gates, new = sums.split((3 * self.width, self.width), -1)
        entering, kept, said = torch.sigmoid(gates).chunk(3, -1)
        cell = kept * cell + entering * torch.tanh(new)
        return said * torch.tanh(cell), cell


def _cell_last(parameter: Tensor) -> Tensor:
    entering, forget, cell, output = parameter.chunk(4)
    return torch.cat((entering, forget, output, cell))
