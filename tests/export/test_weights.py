"""A contract states how many weights its graph has and in which precision."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engine.onnx.contract import Contract, TensorSpec
from export.four_bits import quantise_in_blocks
from export.quantise import quantise
from export.weights import count_parameters, precision_of

INPUTS, HIDDEN, OUTPUTS = 40, 64, 24
WEIGHTS = INPUTS * HIDDEN + HIDDEN * OUTPUTS + OUTPUTS
CONTRACT = Contract(
    system="two-products",
    representation_version=1,
    inputs=(TensorSpec(name="x", shape=(1, INPUTS), type="float32"),),
    outputs=(TensorSpec(name="y", shape=(1, OUTPUTS), type="float32"),),
    training_data="none",
    licence="CC0",
    configuration_hash="",
    parameters=0,
)


def two_products(dtype: type = np.float32) -> onnx.ModelProto:
    """Two products and a bias, with shapes and flags that are no weights."""
    random = np.random.default_rng(0)
    shapes = {"first": (INPUTS, HIDDEN), "second": (HIDDEN, OUTPUTS), "bias": (OUTPUTS,)}
    tensors = [numpy_helper.from_array(random.standard_normal(shape).astype(dtype), name) for name, shape in shapes.items()]
    tensors += [numpy_helper.from_array(np.zeros(7, np.int64), "shape"), numpy_helper.from_array(np.zeros(9, bool), "flags")]
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["h"]),
        helper.make_node("MatMul", ["h", "second"], ["o"]),
        helper.make_node("Add", ["o", "bias"], ["y"]),
    ]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    ends = [helper.make_tensor_value_info(spec.name, kind, spec.shape) for spec in (*CONTRACT.inputs, *CONTRACT.outputs)]
    graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


@pytest.fixture
def float_path(tmp_path: Path) -> Path:
    path = tmp_path / "float.onnx"
    onnx.save(two_products(), path)
    return path


def read_contract(path: Path) -> Contract:
    return Contract.from_metadata({each.key: each.value for each in onnx.load(path).metadata_props}, path.name)


def test_weights_are_counted_and_other_constants_are_not() -> None:
    assert (count_parameters(two_products()), precision_of(two_products())) == (WEIGHTS, "float32")
    assert (count_parameters(two_products(np.float16)), precision_of(two_products(np.float16))) == (WEIGHTS, "float16")


@pytest.mark.parametrize(("in_four_bits", "precision"), [((), "int8"), (("second",), "int4"), (("first", "second"), "int4")])
def test_in_blocks_as_many_weights_are_stated_whatever_their_bits(
    float_path: Path, tmp_path: Path, in_four_bits: tuple[str, ...], precision: str
) -> None:
    quantise_in_blocks(float_path, tmp_path / "blocks.onnx", CONTRACT, in_four_bits)
    contract = read_contract(tmp_path / "blocks.onnx")
    assert (contract.parameters, contract.precision) == (WEIGHTS, precision)


def test_in_eight_bits_scales_do_not_count(float_path: Path, tmp_path: Path) -> None:
    quantise(float_path, tmp_path / "int8.onnx", CONTRACT)
    contract = read_contract(tmp_path / "int8.onnx")
    assert (contract.parameters, contract.precision) == (WEIGHTS, "int8")


def test_thresholds_and_leaves_of_trees_are_weights() -> None:
    numbers = {"nodes_splits": np.zeros(5, np.float32), "leaf_weights": np.zeros(6, np.float32), "nodes_modes": np.zeros(5, np.uint8)}
    node = helper.make_node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", **{
        name: numpy_helper.from_array(array, name) for name, array in numbers.items()
    })  # fmt: skip
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 1)) for name in "xy"]
    assert count_parameters(helper.make_model(helper.make_graph([node], "trees", ends[:1], ends[1:]))) == 11
