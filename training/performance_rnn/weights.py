"""Weights that a training of Performance RNN begins from: those of an exported file, or the moving average of another run.

An exported graph has only what a musician needs: its weights have 4 and 8 bits, and what an event adds to the first layer's sums is one
table. Here they become a network of the same function again, so that a training need not begin from nothing.

``python -m training.performance_rnn.weights last.ckpt -o FILE.safetensors`` keeps a run's weights in a small file.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import onnx
import torch
import typer
from google.protobuf.message import DecodeError
from onnx import helper, numpy_helper
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.base.command_line import HELP, run
from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from models.performance_rnn.network import PerformanceRNN, PerformanceRNNConfig
from training.runs.checkpoints import read_checkpoint, steps_of

Weights = dict[str, Tensor]
PREFIX = "network."  # of the network's weights in a checkpoint

app = typer.Typer(add_completion=False, context_settings=HELP)


def read_weights(path: Path, config: PerformanceRNNConfig) -> Weights:
    """Return the state dict of a ``PerformanceRNN`` of ``config``, float32, from an exported .onnx file or a kept .safetensors file.

    Raises PerfLiveError when there is no such file, or it holds a network of other sizes.
    """
    weights = read_exported(path, config) if path.suffix == ".onnx" else read_kept(path)
    expected = {name: tuple(parameter.shape) for name, parameter in PerformanceRNN(config).state_dict().items()}
    if {name: tuple(weight.shape) for name, weight in weights.items()} != expected:
        raise PerfLiveError(f"{path}: its weights are not those of a network of {config}; set the sizes in 'network' to the file's")
    return weights


def read_kept(path: Path) -> Weights:
    """Return what ``keep`` wrote, as float32."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name).float() for name in file.keys()}
    except (OSError, SafetensorError) as error:
        raise PerfLiveError(f"{path}: no weights to begin from ({error}); name a kept .safetensors file as 'initial'") from error


def keep(checkpoint: Path, path: Path) -> int:
    """Write the moving average in a checkpoint to ``path``, with 16 bits a weight; return after how many steps it was kept.

    The optimiser's moments and the weights that the average follows are left out: they make seven eighths of a checkpoint, and a run
    makes them anew within some hundred steps. Raises PerfLiveError for a file that is no checkpoint of Performance RNN.
    """
    configuration, stored = read_checkpoint(checkpoint)
    steps = steps_of(checkpoint)
    weights = {name.removeprefix(PREFIX): weight.half() for name, weight in stored.items() if name.startswith(PREFIX)}
    if configuration.get("task") != "performance-rnn":
        raise PerfLiveError(f"{checkpoint}: a checkpoint of {configuration.get('task')!r}; give one of 'performance-rnn'")
    with whole_file(path) as partial:
        save_file(weights, partial, {"steps": str(steps), "configuration": json.dumps(configuration)})
    return steps


def read_exported(path: Path, config: PerformanceRNNConfig) -> Weights:
    """Return the weights of a file that perf-export wrote, float or in blocks of 4 and 8 bits."""
    try:
        graph = onnx.load(path).graph
    except (OSError, DecodeError) as error:
        raise PerfLiveError(f"{path}: no exported network ({error}); name a file of perf-export as 'initial'") from error
    arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    try:
        arrays |= _products(graph, arrays)
        return _network_weights(arrays, config)
    except (KeyError, ValueError) as error:
        raise PerfLiveError(f"{path}: not a Performance RNN of {config} ({error}); set the sizes in 'network' to the file's") from error


def _products(graph: onnx.GraphProto, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the matrices [inputs, outputs] of a graph's MatMulNBits nodes, by the names that they had as floats."""
    matrices = {}
    for node in graph.node:
        if node.op_type == "MatMulNBits":
            sizes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
            _, packed, scales, *_ = node.input
            matrices[packed.removesuffix(".packed")] = restore_blocks(arrays[packed], arrays[scales], sizes["K"], sizes["bits"])
    return matrices


def restore_blocks(packed: np.ndarray, scales: np.ndarray, inputs: int, bits: int) -> np.ndarray:
    """Return the matrix [inputs, outputs] that ``export.four_bits.quantise_blocks`` made ``packed`` and ``scales`` of."""
    numbers = packed if bits == 8 else np.stack((packed & 15, packed >> 4), -1).reshape(*packed.shape[:-1], -1)
    weights = (numbers.astype(np.float32) - (1 << (bits - 1))) * scales.reshape(numbers.shape[:-1])[..., None]
    return weights.reshape(len(weights), -1)[:, :inputs].T


def _network_weights(arrays: dict[str, np.ndarray], config: PerformanceRNNConfig) -> Weights:
    """Undo what ``StreamingPerformanceRNN`` did to the weights. It has one bias a layer; LSTM has two, and the second becomes zero."""
    weights = {"output.weight": torch.tensor(arrays["output_weight"].T), "output.bias": torch.tensor(arrays["network.output.bias"])}
    table, from_table, bias = split_sums(torch.tensor(arrays["event_sums"]), config.embedding)
    weights["embedding.weight"] = table
    if f"layers.{config.layers}.weight" in arrays:
        raise ValueError("it has more layers")
    for layer in range(config.layers):
        weight = torch.tensor(arrays[f"layers.{layer}.weight"])
        heard, remembered = weight[: -config.width], weight[-config.width :]
        if layer == 0:
            heard = torch.cat((from_table, heard))
        else:
            bias = torch.tensor(arrays[f"layers.{layer}.bias"])
        weights[f"lstm.weight_ih_l{layer}"] = _cell_third(heard.T)
        weights[f"lstm.weight_hh_l{layer}"] = _cell_third(remembered.T)
        weights[f"lstm.bias_ih_l{layer}"] = _cell_third(bias)
        weights[f"lstm.bias_hh_l{layer}"] = torch.zeros_like(bias)
    return {name: weight.contiguous() for name, weight in weights.items()}


def split_sums(sums: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return a table [events, width], weights [width, values] and a bias with ``table @ weights + bias`` = ``sums`` [events, values].

    The sums came from such a product, so centred they have rank ``width``. The product does not tell which table it was; any will do.
    This one has a standard deviation of 1, as a new table has. A random rotation makes its columns about equally large, because the
    optimiser's steps are equally large in all of them. Raises ValueError when the rank is higher.
    """
    bias = sums.mean(0)
    left, strengths, right = torch.linalg.svd(sums - bias, full_matrices=False)
    if (strengths[width:] > 1e-4 * strengths[0]).any():
        raise ValueError(f"its embedding is wider than {width}")
    mixing, _ = torch.linalg.qr(torch.randn(width, width, generator=torch.Generator().manual_seed(0)))
    table, from_table = left[:, :width] * strengths[:width] @ mixing, mixing.T @ right[:width]
    scale = table.std()
    return table / scale, from_table * scale, bias


def _cell_third(parameter: Tensor) -> Tensor:
    """Return a parameter in the order of LSTM's gates: input, forget, cell, output. It is given with the cell's gate last."""
    entering, forget, output, cell = parameter.chunk(4)
    return torch.cat((entering, forget, cell, output))


@app.command()
def keep_command(
    checkpoint: Annotated[Path, typer.Argument(help="last.ckpt or best.ckpt in a run of perf-train")],
    out: Annotated[Path, typer.Option("--out", "-o", help="the .safetensors file to write")],
) -> None:
    """Write the weights of a checkpoint as a small file that a configuration's 'initial' may name."""
    steps = keep(checkpoint, out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, after {steps} steps")


if __name__ == "__main__":
    sys.exit(run(app, "training.performance_rnn.weights"))
