"""LightGBM's boosted trees -> one ONNX graph that answers as they do."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from engine.contract import Contract
from export.graph import save

OPSET, ML_OPSET, IR_VERSION = 20, 3, 10
ML_DOMAIN = "ai.onnx.ml"

Attributes = dict[str, list[Any]]


def write_trees(boosted: Mapping[int, dict[str, Any]], contract: Contract, path: Path) -> None:
    """Write the trees to ``path``: by column of the contract's only output, what LightGBM's ``Booster.dump_model`` gives of its trees.

    A column without trees is 0. Thresholds are rounded down to float32, so that no float32 value goes another way. Raises ValueError for
    trees that this does not translate.
    """
    (given,), (answer,) = contract.inputs, contract.outputs
    attributes: Attributes = defaultdict(list)
    trees = [(column, tree["tree_structure"]) for column, dump in boosted.items() for tree in dump["tree_info"]]
    for number, (column, root) in enumerate(trees):
        _add(attributes, number, column, root)
    node = helper.make_node("TreeEnsembleRegressor", [given.name], [answer.name], domain=ML_DOMAIN, n_targets=answer.shape[-1])
    node.attribute.extend(helper.make_attribute(name, values) for name, values in attributes.items())
    values = [helper.make_tensor_value_info(spec.name, TensorProto.FLOAT, list(spec.shape)) for spec in (given, answer)]
    graph = helper.make_graph([node], contract.system, values[:1], values[1:])
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    save(model, contract, path)


def _add(attributes: Attributes, tree: int, column: int, root: dict[str, Any]) -> None:
    """Append a tree's nodes, numbered as they come, each before what follows from it."""
    numbers: dict[int, int] = {}
    waiting = [root]
    while waiting:  # the numbers first, since a node names those that follow from it
        node = waiting.pop()
        numbers[id(node)] = len(numbers)
        waiting += [node[side] for side in ("right_child", "left_child") if side in node]
    waiting = [root]
    while waiting:
        node = waiting.pop()
        number, leaf = numbers[id(node)], "leaf_value" in node
        if not leaf:
            if node["decision_type"] != "<=" or node["missing_type"] != "None":
                raise ValueError(f"a decision {node['decision_type']!r}, missing values {node['missing_type']!r}: allowed: '<=' and 'None'")
            waiting += [node["right_child"], node["left_child"]]
        else:
            for name, value in (("treeids", tree), ("nodeids", number), ("ids", column), ("weights", float(node["leaf_value"]))):
                attributes[f"target_{name}"].append(value)
        attributes["nodes_treeids"].append(tree)
        attributes["nodes_nodeids"].append(number)
        attributes["nodes_modes"].append("LEAF" if leaf else "BRANCH_LEQ")
        attributes["nodes_featureids"].append(0 if leaf else node["split_feature"])
        attributes["nodes_values"].append(0.0 if leaf else _rounded_down(node["threshold"]))
        attributes["nodes_truenodeids"].append(0 if leaf else numbers[id(node["left_child"])])
        attributes["nodes_falsenodeids"].append(0 if leaf else numbers[id(node["right_child"])])


def _rounded_down(threshold: float) -> float:
    near = np.float32(threshold)
    return float(near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf)))
