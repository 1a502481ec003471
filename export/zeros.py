"""Products whose left side is mostly zeros -> products of what is not zero.

PerformanceNet multiplies what each key does by a table of what each key sounds like. Of 88 keys a few sound, and few of those have just
been struck, so most columns of the left side are zero in all frames of a block, and their rows of the table need not be read.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LEAST_COLUMNS = 1000  # of fewer, finding those that are not zero takes as long as they do


def skip_zeros(model: onnx.ModelProto) -> None:
    """Let each product with a table of LEAST_COLUMNS rows or more leave out the rows that are multiplied by zeros alone, in place.

    Sums are of fewer terms, so that they are rounded otherwise; else nothing changes.
    """
    graph, nodes = model.graph, []
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: value.type.tensor_type.shape.dim for value in (*inferred.input, *inferred.value_info)}
    for node in graph.node:
        table = [axis.dim_value for axis in shapes.get(node.input[1], [])] if node.op_type == "MatMul" else []
        if len(table) == 2 and table[0] >= LEAST_COLUMNS:
            nodes += _without_zeros(graph, node, len(shapes[node.input[0]]), table[0])
        else:
            nodes.append(node)
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)


def _without_zeros(graph: onnx.GraphProto, product: onnx.NodeProto, axes: int, columns: int) -> list[onnx.NodeProto]:
    """Return what computes the same as ``product``, whose left side has so many axes and ``columns``. The first column always counts, as
    there must be one.
    """
    left, table = product.input
    name = product.name

    def constant(what: str, values: np.ndarray) -> str:
        graph.initializer.append(numpy_helper.from_array(values, f"{name}.{what}"))
        return f"{name}.{what}"

    leading, first = constant("leading", np.arange(axes - 1)), constant("first", np.arange(columns) == 0)
    return [
        helper.make_node("Cast", [left], [f"{name}.any"], to=TensorProto.BOOL),
        helper.make_node("Cast", [f"{name}.any"], [f"{name}.ones"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", [f"{name}.ones", leading], [f"{name}.most"], keepdims=0),
        helper.make_node("Cast", [f"{name}.most"], [f"{name}.counts"], to=TensorProto.BOOL),
        helper.make_node("Or", [f"{name}.counts", first], [f"{name}.chosen"]),
        helper.make_node("NonZero", [f"{name}.chosen"], [f"{name}.places"]),
        helper.make_node("Squeeze", [f"{name}.places", constant("axis", np.array([0]))], [f"{name}.rows"]),
        helper.make_node("Gather", [left, f"{name}.rows"], [f"{name}.left"], axis=axes - 1),
        helper.make_node("Gather", [table, f"{name}.rows"], [f"{name}.table"], axis=0),
        helper.make_node("MatMul", [f"{name}.left", f"{name}.table"], list(product.output), name=name),
    ]
