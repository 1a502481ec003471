"""PyTorch module -> ONNX file with its contract in the metadata."""

import inspect
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from engine.onnx.contract import Contract
from export.distances import look_up_once
from export.weights import state_weights
from export.zeros import skip_zeros

OPSET = 20  # the first with Gelu as one operator

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class ExportSpec:
    """What a system gives to be exported and verified.

    ``module``, in evaluation mode, is called as ``forward(*inputs, *state)`` and returns ``(*outputs, *next_state)``, in the order of the
    contract (which says float32). ``random_inputs(rng, length)`` returns a chunk of one stream's inputs, ``random_state(rng)`` a state, not
    zero, that it may come to. ``decisions`` turns a chunk's outputs, by name, into what the engine acts upon: velocities, token indices.
    """

    module: torch.nn.Module
    contract: Contract
    random_inputs: Callable[[np.random.Generator, int], Arrays]
    random_state: Callable[[np.random.Generator], Arrays]
    decisions: Callable[[Arrays], np.ndarray]
    tolerance: float  # of float32 outputs and state against PyTorch, relative to the largest magnitude of each tensor
    decision_agreement: float  # the least share of decisions, 0 to 1, that float32 takes as PyTorch does
    quantised_difference: float | None  # the most that int8's decisions may differ from float32's, mean absolute; None: it stays float32
    mostly_zeros: bool = False  # what is multiplied by large tables is, and leaves out the rows that it does not need (export.zeros)
    window: int | None = None  # notes that are read together at most: tables by distance are looked up once for them (export.distances)
    by_channel: bool = False  # quantised weights have a scale for each output, and are computed faster and rounded more
    in_four_bits: frozenset[str] | None = None  # weights that have 4 bits in the quantised file, the others 8, in blocks; None: no blocks


@dataclass(frozen=True)
class DirectSpec:
    """What a system gives to be exported that is no PyTorch module: trees, a regression.

    ``write(path)`` writes the graph with its contract, ``answer(inputs)`` says what it must answer, by output.
    """

    contract: Contract
    write: Callable[[Path], None]
    answer: Callable[[Arrays], Arrays]
    random_inputs: Callable[[np.random.Generator, int], Arrays]
    tolerance: float  # of outputs, relative to the largest magnitude of each tensor


Spec = ExportSpec | DirectSpec


def write_graph(spec: ExportSpec, path: Path) -> None:
    """Export ``spec.module`` to ``path``: any chunk length and number of streams, weights inside, the contract in the metadata."""
    rng = np.random.default_rng(0)
    example = side_by_side(spec.contract, [spec.random_inputs(rng, 3) | spec.random_state(rng) for _ in range(2)])
    program = _export(
        spec.module,
        tuple(torch.from_numpy(example[tensor.name]) for tensor in spec.contract.graph_inputs()),
        [tensor.name for tensor in spec.contract.graph_inputs()],
        [tensor.name for tensor in spec.contract.graph_outputs()],
        _dynamic_shapes(spec),
    )
    model = program.model_proto
    _strip(model)
    _name_axes(model, spec.contract)
    if spec.mostly_zeros:
        skip_zeros(model)
    if spec.window:
        look_up_once(model, spec.window)
    save(model, spec.contract, path)


def side_by_side(contract: Contract, streams: Sequence[Arrays]) -> Arrays:
    """Return the inputs and states of streams as one run takes them; of a graph of one stream, the first one's."""
    if contract.stream_axis is None:
        return streams[0]
    axes = {spec.name: spec.shape.index(contract.stream_axis) for spec in contract.graph_inputs() if spec.name in streams[0]}
    return {name: np.concatenate([stream[name] for stream in streams], axis) for name, axis in axes.items()}


def save(model: onnx.ModelProto, contract: Contract, path: Path) -> Contract:
    """Write ``model`` with its contract as its only metadata; return it: ``contract`` with the number and precision of its weights."""
    stated = state_weights(contract, model)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, stated.to_metadata())
    onnx.save(model, path)
    return stated


def _dynamic_shapes(spec: ExportSpec) -> dict[str, Any]:
    """By parameter of ``spec.module``; of a ``*parameter`` a tuple."""
    contract = spec.contract
    dimensions = {name: torch.export.Dim(name) for name in (contract.chunk_axis, contract.stream_axis) if name}
    shapes = [
        {axis: dimensions[size] for axis, size in enumerate(tensor.shape) if isinstance(size, str)} or None
        for tensor in contract.graph_inputs()
    ]
    parameters = inspect.signature(spec.module.forward).parameters.values()
    rest = iter(shapes)
    return {each.name: tuple(rest) if each.kind is inspect.Parameter.VAR_POSITIONAL else next(rest) for each in parameters}


def _export(module, example, input_names, output_names, dynamic_shapes) -> torch.onnx.ONNXProgram:
    """Call PyTorch's exporter without its advice on optional packages and its own deprecated calls, which no user can act upon."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            # A length of one must not be a case of its own, nor a product's shapes an assumption about the length.
            exported = torch.export.export(module, example, dynamic_shapes=dynamic_shapes, prefer_deferred_runtime_asserts_over_guards=True)
            program = torch.onnx.export(
                exported,
                dynamo=True,
                verbose=False,
                input_names=input_names,
                output_names=output_names,
                opset_version=OPSET,
            )
    finally:
        logger.setLevel(level)
    assert program is not None  # noqa: S101 (None is the other exporter's answer)
    return program


def _name_axes(model: onnx.ModelProto, contract: Contract) -> None:
    """Call the axes of any size as the contract does; the exporter makes names up."""
    named = [*zip(model.graph.input, contract.graph_inputs(), strict=True), *zip(model.graph.output, contract.graph_outputs(), strict=True)]
    for value, tensor in named:
        for dimension, size in zip(value.type.tensor_type.shape.dim, tensor.shape, strict=True):
            if isinstance(size, str):
                dimension.dim_param = size


def _strip(model: onnx.ModelProto) -> None:
    """Remove what only the exporter needs: stack traces, which hold paths of this machine, and inner shapes, which runtimes infer."""
    graph = model.graph
    for item in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.metadata_props[:], graph.value_info[:]
    model.doc_string = graph.doc_string = ""
