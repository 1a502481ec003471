"""Tables that are looked up by the distance of two notes."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.distances import look_up_once

REACH, HEADS, WINDOW = 3, 2, 8
DISTANCES = 2 * REACH + 1


def tables(lookups=2):
    """Return a graph that adds up two lookups and, as a mask does, asks otherwise for the distances as well."""
    node = helper.make_node
    nodes = [
        node("Shape", ["notes"], ["shape"], name="shape"),
        node("Squeeze", ["shape", "zeroth"], ["count"]),
        node("Range", ["0", "count", "1"], ["places"], name="range"),
        node("Unsqueeze", ["places", "first"], ["down"], name="down"),
        node("Unsqueeze", ["places", "zeroth"], ["across"], name="across"),
        node("Sub", ["down", "across"], ["distance"], name="sub"),
        node("Clip", ["distance", "nearest", "furthest"], ["clipped"], name="clip"),
        node("Add", ["clipped", "furthest"], ["index"], name="add"),
        node("Unsqueeze", ["index", "last"], ["indices"], name="unsqueeze"),
        node("Cast", ["distance"], ["sum0"], to=TensorProto.FLOAT),
    ]
    for number in range(1, lookups + 1):
        nodes += [
            node("GatherND", [f"table{number}", "indices"], [f"found{number}"], name=f"lookup{number}"),
            node("Transpose", [f"found{number}"], [f"bias{number}"], perm=[2, 0, 1]),
            node("Add", [f"sum{number - 1}", f"bias{number}"], [f"sum{number}"], name=f"sum{number}"),
        ]
    nodes.append(node("Identity", [f"sum{lookups}"], ["out"]))
    rows = np.arange(DISTANCES * HEADS, dtype=np.float32).reshape(DISTANCES, HEADS)
    given = {"0": 0, "1": 1, "zeroth": [0], "first": [1], "last": [-1], "nearest": -REACH, "furthest": REACH}
    constants = [numpy_helper.from_array(np.array(values, np.int64), name) for name, values in given.items()]
    constants += [numpy_helper.from_array(rows * 10.0**number, f"table{number}") for number in range(1, lookups + 1)]
    notes = helper.make_tensor_value_info("notes", TensorProto.FLOAT, ["length"])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [HEADS, "length", "length"])
    graph = helper.make_graph(nodes, "tables", [notes], [out], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.fixture
def model():
    changed = tables()
    look_up_once(changed, WINDOW)
    onnx.checker.check_model(changed, full_check=True)
    return changed


def run(model, notes, opened=None):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    if opened:
        options.optimized_model_filepath = str(opened)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"notes": np.zeros(notes, np.float32)})[0]


@pytest.mark.parametrize("notes", [1, 2, 5, WINDOW])
def test_each_pair_has_what_the_tables_say_of_its_distance(model, notes):
    found = run(model, notes)
    assert found.shape == (HEADS, notes, notes)
    for head in range(HEADS):
        for one in range(notes):
            for other in range(notes):
                row = min(max(one - other, -3), 3) + 3
                assert found[head, one, other] == one - other + 110 * (2 * row + head)


def test_nothing_is_looked_up_while_it_runs(model, tmp_path):
    for number, (each, looks_up) in enumerate([(tables(), True), (model, False)]):
        run(each, 3, tmp_path / f"{number}.onnx")
        opened = onnx.load(tmp_path / f"{number}.onnx").graph.node
        assert any(node.op_type == "GatherND" for node in opened) == looks_up


def test_a_longer_window_fails(model):
    with pytest.raises(Exception, match="sum1"):
        run(model, WINDOW + 1)


def test_other_lookups_stay_as_they_are():
    """Of a table whose rows come from what is read, as an embedding's do."""
    node = helper.make_node
    rows = helper.make_tensor_value_info("rows", TensorProto.INT64, ["length", 1])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [HEADS, "length"])
    table = numpy_helper.from_array(np.zeros((DISTANCES, HEADS), np.float32), "table")
    nodes = [node("GatherND", ["table", "rows"], ["found"]), node("Transpose", ["found"], ["out"], perm=[1, 0])]
    model = helper.make_model(helper.make_graph(nodes, "embedding", [rows], [out], [table]), opset_imports=[helper.make_opsetid("", 20)])
    before = model.SerializeToString()
    look_up_once(model, WINDOW)
    assert model.SerializeToString() == before
