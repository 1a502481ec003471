"""LightGBM's boosted trees -> one ONNX graph that answers as they do."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.onnx.contract import Contract
from export.graph import save

OPSET, ML_OPSET, IR_VERSION = 20, 5, 10
ML_DOMAIN = "ai.onnx.ml"
AT_MOST = 0  # of a node's modes: a value that is at most the split goes to the true side
SUM, AS_IT_IS = 1, 0  # of the targets' trees, and after it

# Trees of a node. ONNX Runtime opens a node in a time that grows with the square of its trees, and runs those of one column quicker.
TOGETHER = 100
SMALLEST = 1e-6  # that is told from 0: LightGBM's threshold beside 0 is 1e-35, and it takes what is that near for 0

Attributes = dict[str, list[Any]]


def write_trees(boosted: Mapping[int, dict[str, Any]], contract: Contract, path: Path) -> None:
    """Write the trees to ``path``: by column of the contract's only output, what LightGBM's ``Booster.dump_model`` gives of its trees.

    A column without trees is 0; one at least has some. Splits are rounded down to float32, so that no float32 value goes another way.
    Raises ValueError for trees that this does not translate.
    """
    (given,), (answer,) = contract.inputs, contract.outputs
    nodes, columns = [], [f"column_{column}" for column in range(int(answer.shape[-1]))]
    for column, dump in boosted.items():
        trees = dump["tree_info"]
        parts = [_ensemble(trees[first : first + TOGETHER], given.name) for first in range(0, len(trees), TOGETHER)]
        for number, part in enumerate(parts):
            part.output.append(f"{columns[column]}_{number}")
        nodes += [*parts, helper.make_node("Sum", [part.output[0] for part in parts], [columns[column]])]
    some = columns[next(iter(boosted))]
    nodes += [helper.make_node("Sub", [some, some], [name]) for column, name in enumerate(columns) if column not in boosted]
    nodes.append(helper.make_node("Concat", columns, [answer.name], axis=1))
    shown = [helper.make_tensor_value_info(spec.name, TensorProto.FLOAT, list(spec.shape)) for spec in (given, answer)]
    graph = helper.make_graph(nodes, contract.system, shown[:1], shown[1:])
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    save(model, contract, path)


def _ensemble(trees: Sequence[dict[str, Any]], given: str) -> onnx.NodeProto:
    """Return the node that adds up what some trees say of the input ``given``, without a name for its output."""
    attributes: Attributes = defaultdict(list)
    for tree in trees:
        attributes["tree_roots"].append(len(attributes["nodes_featureids"]))
        _add(attributes, tree["tree_structure"])
    tensors = {name: np.array(attributes.pop(name), np.float32) for name in ("nodes_splits", "leaf_weights")}
    tensors["nodes_modes"] = np.full(len(attributes["nodes_featureids"]), AT_MOST, np.uint8)
    attributes["leaf_targetids"] = [0] * len(tensors["leaf_weights"])
    numbers = {"n_targets": 1, "aggregate_function": SUM, "post_transform": AS_IT_IS}
    node = helper.make_node("TreeEnsemble", [given], [], domain=ML_DOMAIN)
    for name, values in (*attributes.items(), *numbers.items()):
        node.attribute.append(helper.make_attribute(name, values))
    for name, array in tensors.items():
        node.attribute.append(helper.make_attribute(name, numpy_helper.from_array(array, name)))
    return node


def values_at_thresholds(dumps: Iterable[dict[str, Any]], features: int) -> list[np.ndarray]:
    """Return for each of ``features`` the float32 values at its thresholds in the trees, and right beside them; 0 where it has
    none."""
    found: list[list[float]] = [[] for _ in range(features)]
    for dump in dumps:
        waiting = [tree["tree_structure"] for tree in dump["tree_info"]]
        while waiting:
            node = waiting.pop()
            if "left_child" in node:
                found[node["split_feature"]].append(node["threshold"])
                waiting += [node["left_child"], node["right_child"]]
    values = []
    for thresholds in found:
        near = np.unique(np.array(thresholds or [0.0], np.float32))
        zero = np.abs(near) < SMALLEST
        near[zero] = 0
        beside = (np.where(zero, sign * SMALLEST, np.nextafter(near, np.float32(sign * np.inf))) for sign in (-1, 1))
        values.append(np.concatenate([near, *beside]).astype(np.float32))
    return values


def _add(attributes: Attributes, root: dict[str, Any]) -> None:
    """Append a tree's nodes and leaves, numbered as they come among those of all trees."""
    if "leaf_value" in root:  # a tree is at least one decision
        leaf = root | {"decision_type": "<=", "missing_type": "None", "split_feature": 0, "threshold": 0.0}
        root = leaf | {"left_child": {"leaf_value": root["leaf_value"]}, "right_child": {"leaf_value": root["leaf_value"]}}
    waiting: list[tuple[dict[str, Any], str, int]] = [(root, "", -1)]
    while waiting:
        node, side, parent = waiting.pop()
        is_leaf = "left_child" not in node
        number = len(attributes["leaf_weights" if is_leaf else "nodes_featureids"])
        if parent >= 0:
            attributes[f"nodes_{side}nodeids"][parent] = number
            attributes[f"nodes_{side}leafs"][parent] = int(is_leaf)
        if is_leaf:
            attributes["leaf_weights"].append(node["leaf_value"])
            continue
        if node["decision_type"] != "<=" or node["missing_type"] != "None":
            raise ValueError(f"a decision {node['decision_type']!r}, missing values {node['missing_type']!r}: allowed: '<=' and 'None'")
        attributes["nodes_featureids"].append(node["split_feature"])
        attributes["nodes_splits"].append(_rounded_down(node["threshold"]))
        for each in ("nodes_truenodeids", "nodes_falsenodeids", "nodes_trueleafs", "nodes_falseleafs"):
            attributes[each].append(0)  # until what follows has a number
        waiting += [(node["right_child"], "false", number), (node["left_child"], "true", number)]


def _rounded_down(threshold: float) -> float:
    near = np.float32(threshold)
    return float(near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf)))
