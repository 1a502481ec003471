"""A linear regression, partly of logarithms -> an ONNX graph."""

from collections.abc import Container
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.onnx.contract import Contract
from export.graph import OPSET, save

IR_VERSION = 10


class Regression(Protocol):
    """``centre`` and ``scale`` (F,), ``weights`` (F, C) and ``bias`` (C,)."""

    @property
    def centre(self) -> np.ndarray: ...
    @property
    def scale(self) -> np.ndarray: ...
    @property
    def weights(self) -> np.ndarray: ...
    @property
    def bias(self) -> np.ndarray: ...


def write_regression(regression: Regression, limit: float, logarithms: Container[str], contract: Contract, path: Path) -> None:
    """Write to ``path`` a graph of what ``regression`` predicts, shared evenly among the contract's outputs in order. Outputs that
    ``logarithms`` names are exponentiated. Features count up to ``limit`` scales from their centre.
    """
    (given,), answers = contract.inputs, [spec.name for spec in contract.outputs]
    tensors = {name: np.asarray(getattr(regression, name)) for name in ("centre", "scale", "weights", "bias")}
    tensors |= {"least": np.array(-limit), "most": np.array(limit)}
    nodes = [
        helper.make_node("Sub", [given.name, "centre"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "least", "most"], ["limited"]),
        helper.make_node("Gemm", ["limited", "weights", "bias"], ["predicted"]),
        helper.make_node("Split", ["predicted"], [f"predicted_{name}" for name in answers], axis=1, num_outputs=len(answers)),
    ]
    nodes += [helper.make_node("Exp" if name in logarithms else "Identity", [f"predicted_{name}"], [name]) for name in answers]
    specs = (given, *contract.outputs)
    shown = [helper.make_tensor_value_info(spec.name, TensorProto.FLOAT, list(spec.shape)) for spec in specs]
    weights = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in tensors.items()]
    graph = helper.make_graph(nodes, contract.system, shown[:1], shown[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    save(model, contract, path)
