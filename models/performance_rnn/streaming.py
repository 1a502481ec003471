"""Performance RNN as it is exported: streams side by side, and layers that ONNX Runtime computes in 8 bits alike for one and for many."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.performance_rnn.network import PerformanceRNN, impossible
from models.performance_rnn.representation import CONTROLS

OPSET = 20
BOUNDS = 2  # constant values beside every layer's input and state: the largest there can be, and the smallest
SATURATED = 40.0  # a gate's sum, or a cell, that sigmoid and tanh answer with 1


class StreamingPerformanceRNN(nn.Module):
    """Events [T, B] and controls [T, B, 150], hidden and cell [layers, B, width] -> logits [T, B, events], hidden and cell after them.

    PyTorch's exporter writes an LSTM out step by step, for one length; while it looks, the layers are ONNX's LSTM, which takes any length.
    In 8 bits that operator scales the values of all streams and events of a run by the extremes that it finds among them, so that what
    one stream answers would depend on the others. Beside the values there stand two constants, which no weight listens to, and those
    are the extremes: 1 and -1 beside what a layer says, the embedding's own beside an event.
    """

    bounds: Tensor
    table: Tensor
    output_weight: Tensor

    def __init__(self, network: PerformanceRNN):
        super().__init__()
        self.network = network
        self.layers = nn.ModuleList(_OnnxLayer(network.lstm, layer) for layer in range(network.config.layers))
        embedding = network.embedding.weight.detach()
        bounds = torch.tensor([1.0, -1.0])
        widest = embedding.abs().max().clamp(min=1.0)  # controls are from 0 to 1
        self.register_buffer("bounds", bounds, persistent=False)
        self.register_buffer("table", torch.cat((embedding, (widest * bounds).expand(len(embedding), BOUNDS)), -1), persistent=False)
        self.register_buffer("output_weight", functional.pad(network.output.weight.detach(), (0, BOUNDS)).T.contiguous(), persistent=False)

    def forward(self, event: Tensor, controls: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if not torch.compiler.is_exporting():
            logits, hidden, cell = self.network(event.T, controls.transpose(0, 1), hidden, cell)
            return logits.transpose(0, 1), hidden, cell
        values = torch.cat((controls, self.table[event]), -1)  # [T, B, 150 + embedding + 2]
        bounds = self.bounds.expand(*hidden.shape[:2], BOUNDS)
        hidden, cell = torch.cat((hidden, bounds), -1), torch.cat((cell, SATURATED * bounds), -1)
        states = []
        for index, layer in enumerate(self.layers):
            values, *state = layer(values, hidden[index : index + 1], cell[index : index + 1])
            states.append(state)
        next_hidden, next_cell = (torch.cat(parts)[..., :-BOUNDS] for parts in zip(*states, strict=True))
        logits = values @ self.output_weight + self.network.output.bias
        return logits + impossible(controls, logits.shape[-1]), next_hidden, next_cell


class _OnnxLayer(nn.Module):
    """One layer with its gates in ONNX's order: input, output, forget, cell; PyTorch's is input, forget, cell, output.

    It is wider by ``BOUNDS`` units that keep their cells, and say 1 and -1 for ever.
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor

    def __init__(self, lstm: nn.LSTM, layer: int):
        super().__init__()
        self.width = lstm.hidden_size + BOUNDS
        weight_ih, weight_hh = (_in_onnx_order(getattr(lstm, f"weight_{kind}_l{layer}"), 0.0) for kind in ("ih", "hh"))
        if layer == 0:  # the controls come first, so that the bounds are the last
            events = weight_ih.shape[-1] - CONTROLS
            weight_ih = torch.cat((weight_ih[:, events:], weight_ih[:, :events]), -1)
        biases = _in_onnx_order(getattr(lstm, f"bias_ih_l{layer}"), SATURATED), _in_onnx_order(getattr(lstm, f"bias_hh_l{layer}"), 0.0)
        self.register_buffer("weight_ih", functional.pad(weight_ih, (0, BOUNDS)).unsqueeze(0), persistent=False)
        self.register_buffer("weight_hh", functional.pad(weight_hh, (0, BOUNDS)).unsqueeze(0), persistent=False)
        self.register_buffer("bias", torch.cat(biases).unsqueeze(0), persistent=False)

    def forward(self, values: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take values [T, B, in] and the state [1, B, width]; return [T, B, width] and the next state."""
        streams = values.shape[1]
        outputs, hidden, cell = torch.onnx.ops.symbolic_multi_out(
            "LSTM",
            (values, self.weight_ih, self.weight_hh, self.bias, None, hidden, cell),
            {"hidden_size": self.width},
            dtypes=(values.dtype,) * 3,
            shapes=((values.shape[0], 1, streams, self.width), (1, streams, self.width), (1, streams, self.width)),
            version=OPSET,
        )
        return outputs.squeeze(1), hidden, cell


def _in_onnx_order(parameter: Tensor, keep: float) -> Tensor:
    """Reorder the gates of a weight [4 width, in] or bias [4 width]; each has ``BOUNDS`` rows more, which ``keep`` the cell's value."""
    entering, forget, cell, leaving = parameter.detach().chunk(4)
    gates = []
    for gate, value in ((entering, -keep), (leaving, keep), (forget, keep), (cell, 0.0)):
        gates.append(torch.cat((gate, gate.new_full((BOUNDS, *gate.shape[1:]), value))))
    return torch.cat(gates)
