"""A model of a few hundred bytes, so that runtime tests need no weights: it adds up what it is given.

Inputs x [steps, 2] float32; state total [2] float32 and count [1] int64; output sum [steps, 2] = total + cumulative sum of x.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.onnx.contract import Contract, ControlRange, StateSpec, TensorSpec

SYSTEM, REPRESENTATION_VERSION = "adder", 3


def contract() -> Contract:
    return Contract(
        system=SYSTEM,
        representation_version=REPRESENTATION_VERSION,
        inputs=(TensorSpec(name="x", shape=("steps", 2), type="float32"),),
        outputs=(TensorSpec(name="sum", shape=("steps", 2), type="float32"),),
        state=(StateSpec(name="total", shape=(2,), type="float32"), StateSpec(name="count", shape=(1,), type="int64")),
        controls=(ControlRange(name="dynamics", minimum=0.0, maximum=1.0),),
        constants={"levels": [0.1, 0.5, 0.9]},
        training_data="none",
        licence="CC0-1.0",
        configuration_hash="0",
        parameters=0,
    )


def build() -> onnx.ModelProto:
    constants = {"zero": np.array(0), "last": np.array(-1), "rows": np.array([0])}
    nodes = [
        helper.make_node("CumSum", ["x", "zero"], ["running"]),
        helper.make_node("Add", ["running", "total"], ["sum"]),
        helper.make_node("Gather", ["sum", "last"], ["next_total"], axis=0),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "rows"], ["length"]),
        helper.make_node("Add", ["count", "length"], ["next_count"]),
    ]
    graph = helper.make_graph(
        nodes,
        "adder",
        [_value("x", ["steps", 2]), _value("total", [2]), _value("count", [1], TensorProto.INT64)],
        [_value("sum", ["steps", 2]), _value("next_total", [2]), _value("next_count", [1], TensorProto.INT64)],
        [numpy_helper.from_array(value.astype(np.int64), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, contract().to_metadata())
    return model


def _value(name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
