"""Tables that are looked up by the distance of two notes -> tables of all pairs of a window's notes, made when the graph is opened.

Attention adds to each pair of notes what its table says of their distance. That is the same in all windows, and looking it up takes a
seventh of the time of reading one. So the lookup is of the longest window, which depends on no input: ONNX Runtime does it once and keeps
the answer, of which a shorter window is the beginning.
"""

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import helper, numpy_helper

LOOKUP, COUNT = "GatherND", "Range"


def look_up_once(model: onnx.ModelProto, notes: int) -> None:
    """Let each table of ``model`` be looked up once for all windows of up to so many notes, in place. Longer ones fail from then on.

    A table is (distances, heads), its lookup (notes, notes, heads), and what follows brings heads to the front. Answers stay as they are.
    """
    graph = model.graph
    made_by = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name for tensor in graph.initializer}
    lookups = {node.output[0]: node for node in graph.node if node.op_type == LOOKUP and node.input[0] in constants}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        lookup = lookups.get(node.input[0]) if node.op_type == "Transpose" and node.input else None
        counts = list(_counts(lookup.input[1], made_by)) if lookup else []
        nodes += _once(graph, node, lookup, counts[0], made_by, notes) if lookup and counts else [node]
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in _needed(nodes, [output.name for output in graph.output])]
    del graph.node[:]
    graph.node.extend(kept)


def _counts(name: str, made_by: dict[str, onnx.NodeProto]) -> Iterable[onnx.NodeProto]:
    """Yield the nodes that count notes, of those that ``name`` is made by."""
    node = made_by.get(name)
    if node is None:
        return
    if node.op_type == COUNT:
        yield node
    else:
        for each in node.input:
            yield from _counts(each, made_by)


def _once(
    graph: onnx.GraphProto,
    transpose: onnx.NodeProto,
    lookup: onnx.NodeProto,
    count: onnx.NodeProto,
    made_by: dict[str, onnx.NodeProto],
    notes: int,
) -> list[onnx.NodeProto]:
    """Return what does the same as ``lookup`` and ``transpose``, for all pairs of ``notes`` notes and then for those that there are."""
    name, found = lookup.name, transpose.output[0]

    def constant(what: str, values: np.ndarray) -> str:
        graph.initializer.append(numpy_helper.from_array(values, f"{name}.{what}"))
        return f"{name}.{what}"

    most, copies = constant("notes", np.array(notes)), dict[str, onnx.NodeProto]()

    def copied(each: str) -> str:
        """Return the name of what ``each`` is in the longest window."""
        node = made_by.get(each)
        if node is None:
            return each
        if each not in copies:
            inputs = [node.input[0], most, node.input[2]] if node.op_type == COUNT else [copied(given) for given in node.input]
            copies[each] = onnx.NodeProto.FromString(node.SerializeToString())
            copies[each].name = f"{name}.{node.name}"
            copies[each].input[:], copies[each].output[:] = inputs, [f"{name}.{each}"]
        return f"{name}.{each}"

    indices, axis = copied(lookup.input[1]), constant("axis", np.array([0]))
    end = [f"{name}.end", f"{name}.ends"]
    return [
        *sorted(copies.values(), key=lambda node: _depth(node, {each.output[0]: each for each in copies.values()})),
        helper.make_node(LOOKUP, [lookup.input[0], indices], [f"{name}.looked_up"], name=name),
        helper.make_node("Transpose", [f"{name}.looked_up"], [f"{name}.all"], name=f"{name}.transpose", perm=transpose.attribute[0].ints),
        helper.make_node("Unsqueeze", [count.input[1], axis], end[:1], name=end[0]),
        helper.make_node("Concat", [end[0], end[0]], end[1:], name=end[1], axis=0),
        helper.make_node(
            "Slice",
            [f"{name}.all", constant("begins", np.array([0, 0])), end[1], constant("axes", np.array([1, 2]))],
            [found],
            name=f"{name}.slice",
        ),
    ]


def _depth(node: onnx.NodeProto, made_by: dict[str, onnx.NodeProto]) -> int:
    return 1 + max((_depth(made_by[each], made_by) for each in node.input if each in made_by), default=0)


def _needed(nodes: list[onnx.NodeProto], wanted: Iterable[str]) -> list[onnx.NodeProto]:
    """Return those of the nodes, in order, that what is ``wanted`` depends on."""
    needed, kept = set(wanted), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1]
