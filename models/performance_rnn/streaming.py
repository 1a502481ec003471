"""Performance RNN as it is exported: one stream's events, without a batch, its layers ONNX's own operator."""

import torch
from torch import Tensor, nn

from models.performance_rnn.network import PerformanceRNN

OPSET = 20


class SinglePerformanceRNN(nn.Module):
    """Events [T] and controls [T, 22], hidden and cell [layers, width] -> logits [T, events], hidden and cell after them.

    PyTorch's exporter writes an LSTM out step by step, for one length; while it looks, the layers are ONNX's LSTM, which takes any length.
    """

    def __init__(self, network: PerformanceRNN):
        super().__init__()
        self.network = network
        self.layers = nn.ModuleList(_OnnxLayer(network.lstm, layer) for layer in range(network.config.layers))

    def forward(self, event: Tensor, controls: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if not torch.compiler.is_exporting():
            logits, hidden, cell = self.network(event.unsqueeze(0), controls.unsqueeze(0), hidden.unsqueeze(1), cell.unsqueeze(1))
            return logits.squeeze(0), hidden.squeeze(1), cell.squeeze(1)
        values = torch.cat((self.network.embedding(event), controls), -1).unsqueeze(1)  # [T, 1, embedding + 22]
        states = []
        for index, layer in enumerate(self.layers):
            values, *state = layer(values, hidden[index].view(1, 1, -1), cell[index].view(1, 1, -1))
            states.append(state)
        next_hidden, next_cell = (torch.cat(parts).squeeze(1) for parts in zip(*states, strict=True))
        return self.network.output(values.squeeze(1)), next_hidden, next_cell


class _OnnxLayer(nn.Module):
    """One layer with its gates in ONNX's order: input, output, forget, cell; PyTorch's is input, forget, cell, output."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor

    def __init__(self, lstm: nn.LSTM, layer: int):
        super().__init__()
        self.width = lstm.hidden_size
        reordered = {}
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            entering, forget, cell, leaving = getattr(lstm, f"{name}_l{layer}").detach().chunk(4)
            reordered[name] = torch.cat((entering, leaving, forget, cell)).unsqueeze(0)
        self.register_buffer("weight_ih", reordered["weight_ih"], persistent=False)
        self.register_buffer("weight_hh", reordered["weight_hh"], persistent=False)
        self.register_buffer("bias", torch.cat((reordered["bias_ih"], reordered["bias_hh"]), 1), persistent=False)

    def forward(self, values: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take values [T, 1, in] and the state [1, 1, width]; return [T, 1, width] and the next state."""
        outputs, hidden, cell = torch.onnx.ops.symbolic_multi_out(
            "LSTM",
            (values, self.weight_ih, self.weight_hh, self.bias, None, hidden, cell),
            {"hidden_size": self.width},
            dtypes=(values.dtype,) * 3,
            shapes=((values.shape[0], 1, 1, self.width), (1, 1, self.width), (1, 1, self.width)),
            version=OPSET,
        )
        return outputs.squeeze(1), hidden, cell
