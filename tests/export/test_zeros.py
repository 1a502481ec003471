"""Products whose left side is mostly zeros."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.zeros import LEAST_COLUMNS, skip_zeros


def product(axes, columns):
    shape = [2] * (axes - 2) + ["frames", columns]
    table = np.random.default_rng(0).normal(size=(columns, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["kept"], ["table"]), helper.make_node("MatMul", ["left", "table"], ["out"], name="product")],
        "product",
        [helper.make_tensor_value_info("left", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [*shape[:-1], 3])],
        [numpy_helper.from_array(table, "kept")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), table


def run(model, left):
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"left": left})[0]


@pytest.mark.parametrize("axes", [2, 3, 4])
@pytest.mark.parametrize("share", [0.0, 0.01, 1.0])
def test_what_is_left_out_changes_nothing(axes, share):
    model, table = product(axes, LEAST_COLUMNS)
    before = len(model.graph.node)
    skip_zeros(model)
    onnx.checker.check_model(model)
    assert len(model.graph.node) > before
    random = np.random.default_rng(1)
    left = random.normal(size=(*[2] * (axes - 2), 5, LEAST_COLUMNS)).astype(np.float32)
    left *= random.random(LEAST_COLUMNS) < share
    left[..., 0, -1] = -1e-30 if share else 0  # however small it is, it counts
    np.testing.assert_allclose(run(model, left), left @ table, atol=1e-4)


def test_small_tables_stay_as_they_are():
    model, _ = product(3, LEAST_COLUMNS - 1)
    before = model.SerializeToString()
    skip_zeros(model)
    assert model.SerializeToString() == before


def test_rows_that_are_multiplied_by_zeros_are_not_read():
    """A row of infinities would make no number of each zero."""
    model, _ = product(2, LEAST_COLUMNS)
    table = np.ones((LEAST_COLUMNS, 3), np.float32)
    table[7] = np.inf
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(table, "kept"))
    skip_zeros(model)
    left = np.zeros((4, LEAST_COLUMNS), np.float32)
    left[1, 5] = 2
    assert run(model, left).tolist() == [[0] * 3, [2] * 3, [0] * 3, [0] * 3]
