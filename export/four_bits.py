"""Float32 ONNX file -> the same graph with weights in blocks of 4 or 8 bits.

A recurrent network that plays one event a run is as fast as its weights come from memory, so that half the bits take nearly half the
time. ONNX Runtime's MatMulNBits multiplies them in integers with activations that it quantises row by row. It adds up a single row in
another order than several, so that streams are to be run one by one, as ``engine.onnx.model.Stepper`` does, if each is to be what
it is alone.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from engine.onnx.contract import Contract
from export.graph import save

BLOCK = 128  # weights of one output that share a scale: in smaller ones the scales, and sums over them, take a fifth of the time
SHRINKING = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75)  # of a block's range: the outermost weights may be cut where the others gain by it
INT8_PRODUCTS = 4  # MatMulNBits' accuracy_level
MICROSOFT = "com.microsoft"


def quantise_in_blocks(source: Path, target: Path, contract: Contract, in_four_bits: Collection[str]) -> None:
    """Write ``source`` to ``target``, the weights of matrix products in 8 bits, those that ``in_four_bits`` names in 4."""
    model = onnx.load(source)
    graph = model.graph
    weights = {each.name: each for each in graph.initializer}
    for node in graph.node:
        if node.op_type in ("MatMul", "Gemm") and node.input[1] in weights:
            weight = weights.pop(node.input[1])
            bits = 4 if weight.name in in_four_bits else 8
            parts = _quantise_product(node, numpy_helper.to_array(weight), bits)
            graph.initializer.remove(weight)
            graph.initializer.extend(parts)
    model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    save(model, contract, target)


def _quantise_product(node: onnx.NodeProto, matrix: np.ndarray, bits: int) -> list[onnx.TensorProto]:
    """Turn a product of rows with ``matrix`` [inputs, outputs], or in a Gemm that says so [outputs, inputs], into a MatMulNBits; return
    what stands for the matrix.
    """
    values, name, *bias = node.input
    if any(each.name == "transB" and each.i for each in node.attribute):
        matrix = matrix.T
    block = block_size(len(matrix))
    sizes = {"K": matrix.shape[0], "N": matrix.shape[1], "bits": bits, "block_size": block, "accuracy_level": INT8_PRODUCTS}
    named = zip(("packed", "scales"), quantise_blocks(matrix, bits), strict=True)
    parts = [numpy_helper.from_array(array, f"{name}.{part}") for part, array in named]
    inputs = [values, *(part.name for part in parts), *(["", "", *bias] if bias else [])]
    node.CopyFrom(helper.make_node("MatMulNBits", inputs, list(node.output), domain=MICROSOFT, **sizes))
    return parts


def block_size(inputs: int) -> int:
    """Return how many weights of one output share a scale: BLOCK, or of fewer inputs the next power of two."""
    return min(BLOCK, max(16, 1 << (inputs - 1).bit_length()))


def quantise_blocks(matrix: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what stands for ``matrix`` [inputs, outputs] as MatMulNBits wants it: [outputs, blocks, bytes] and scales [outputs, blocks].

    A weight is (its number - half of how many numbers there are) times its block's scale. Each block takes the one of some scales whose
    squared error is the least.
    """
    half, size = 1 << (bits - 1), block_size(len(matrix))
    blocks = -(-len(matrix) // size)
    weights = np.pad(matrix.T, ((0, 0), (0, blocks * size - len(matrix)))).reshape(-1, blocks, size)
    extremes = np.take_along_axis(weights, np.abs(weights).argmax(-1, keepdims=True), -1)
    extremes = np.where(extremes == 0, 1, extremes)
    numbers, scales, errors = np.zeros_like(weights), np.zeros_like(extremes), np.full_like(extremes, np.inf)
    for share in SHRINKING:
        tried = extremes * share / -half
        rounded = np.clip(np.round(weights / tried), -half, half - 1)
        error = np.square(rounded * tried - weights).sum(-1, keepdims=True)
        better = error < errors
        numbers, scales, errors = (np.where(better, *each) for each in ((rounded, numbers), (tried, scales), (error, errors)))
    chosen = (numbers + half).astype(np.uint8)
    packed = chosen if bits == 8 else chosen[..., ::2] | chosen[..., 1::2] << 4
    return packed, scales[..., 0].astype(np.float32)
