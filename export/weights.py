"""How many weights a graph has, and in which precision: what its contract states of itself."""

import math

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from engine.onnx.contract import Contract

WEIGHT_TYPES = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8, TensorProto.UINT8)
IN_BLOCKS = "MatMulNBits"  # inputs: values, packed weights, scales, zero points; K * N weights of ``bits`` bits
IN_INTEGERS = "MatMulInteger"
TREES, TREE_NUMBERS = "TreeEnsemble", ("nodes_splits", "leaf_weights")
QUANTISED, ITS_SCALING = "_quantized", ("_scale", "_zero_point")  # names that onnxruntime.quantization gives


def state_weights(contract: Contract, model: onnx.ModelProto) -> Contract:
    """Return ``contract`` with the number and the precision of the weights that ``model`` has."""
    return contract.model_copy(update={"parameters": count_parameters(model), "precision": precision_of(model)})


def count_parameters(model: onnx.ModelProto) -> int:
    """Return how many weights the graph has: elements of its constant tensors, and the thresholds and leaves of trees.

    A quantised graph has as many as the float graph it was made of: its scales and zero points do not count, and weights of 4 bits
    count one by one. Whole numbers of 64 bits (shapes, indices) and truth values are no weights.
    """
    in_blocks = [node for node in model.graph.node if node.op_type == IN_BLOCKS]
    packed = {name for node in in_blocks for name in node.input[1:4]}
    names = {tensor.name for tensor in model.graph.initializer}
    constants = [each for each in model.graph.initializer if each.name not in packed and not _is_scaling(each.name, names)]
    elements = sum(math.prod(tensor.dims) for tensor in constants if tensor.data_type in WEIGHT_TYPES)
    products = sum(_attribute(node, "K") * _attribute(node, "N") for node in in_blocks)
    trees = [each for node in model.graph.node if node.op_type == TREES for each in node.attribute if each.name in TREE_NUMBERS]
    return elements + products + sum(int(np.size(numpy_helper.to_array(each.t))) for each in trees)


def precision_of(model: onnx.ModelProto) -> str:
    """Return the precision of the weights of matrix products: int4 where some have 4 bits, else int8, float16 or float32."""
    nodes = model.graph.node
    bits = [_attribute(node, "bits") for node in nodes if node.op_type == IN_BLOCKS]
    if 4 in bits:
        return "int4"
    if bits or any(node.op_type == IN_INTEGERS for node in nodes):
        return "int8"
    return "float16" if any(tensor.data_type == TensorProto.FLOAT16 for tensor in model.graph.initializer) else "float32"


def _is_scaling(name: str, names: set[str]) -> bool:
    return any(name.endswith(ending) and name.removesuffix(ending) + QUANTISED in names for ending in ITS_SCALING)


def _attribute(node: onnx.NodeProto, name: str) -> int:
    return next(attribute.i for attribute in node.attribute if attribute.name == name)
