"""DExter's graphs in a few kilobytes, with the real interface, so that runtime tests need no weights.

The mean is a fixed mixture of the features, moved by the first descriptor, and what is to be trees another one; the denoiser takes its
input for noise and signal in a fixed proportion, so that samples differ by seed.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.onnx.contract import Contract, TensorSpec
from models.dexter.expression_profile import PIECE_FEATURES
from models.performance.descriptors import DESCRIPTORS
from models.performance.features import FEATURES
from models.performance.representation import PERFORMANCE_COLUMNS, REPRESENTATION_VERSION, VELOCITY
from models.performance.surroundings import WIDE_FEATURES

COLUMNS, CONTEXT, WINDOW = len(PERFORMANCE_COLUMNS), 4, 64
BY_NOTE = {"descriptors": len(DESCRIPTORS), "descriptors_known": 1}
DENOISE_INPUTS = {"noisy": COLUMNS, "context": CONTEXT, "mean": COLUMNS, **BY_NOTE, "fixed": COLUMNS, "fixed_known": 1}


def write_models(
    folder: Path, features: Sequence[str] = FEATURES, share: float = 0.5, deviation: float = math.nan, apart: float = 1.0
) -> Path:
    """Write all graphs into ``folder``; return it. ``share``: of the way to what stands for trees. ``deviation`` and ``apart``: of
    velocities in every piece; NaN: each piece's own.
    """
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    mean_weights = {
        "weights": random.normal(0, 0.06, (len(features), COLUMNS)),
        "pick": random.normal(0, 0.1, (len(features), CONTEXT)),
        "move": np.eye(len(DESCRIPTORS), COLUMNS) * 0.5 + 0.2,
    }
    mean_nodes = [
        helper.make_node("MatMul", ["features", "weights"], ["mixed"]),
        helper.make_node("Mul", ["descriptors", "descriptors_known"], ["followed"]),
        helper.make_node("MatMul", ["followed", "move"], ["moved"]),
        helper.make_node("Add", ["mixed", "moved"], ["mean"]),
        helper.make_node("MatMul", ["features", "pick"], ["context"]),
    ]
    constants = {
        "features": list(features),
        "window_notes": WINDOW,
        "gains": [1.5] * COLUMNS,
        "offsets": [None] * 4 + [0.0] * 4,
    }
    denoise_constants = {
        "window_notes": WINDOW,
        "residual_deviation": [0.3] * COLUMNS,
        "residual_gains": [0.7] + [1.0] * (COLUMNS - 1),
        "mean_gains_removed": [0.5] + [1.0] * (COLUMNS - 1),
    }
    outputs = {"mean": COLUMNS, "context": CONTEXT}
    _write(folder / "dexter_mean.onnx", "dexter-mean", {"features": len(features), **BY_NOTE}, outputs, mean_nodes, mean_weights, constants)
    denoise_nodes = [helper.make_node("Mul", ["noisy", "share"], ["v"])]
    proportion = {"share": np.array([0.1])}
    _write(folder / "dexter_denoise.onnx", "dexter-denoise", DENOISE_INPUTS, {"v": COLUMNS}, denoise_nodes, proportion, denoise_constants)
    _write_trees(folder / "dexter_trees.onnx", random, share)
    _write_profile(folder / "dexter_profile.onnx", {"mean_deviation": deviation, "residual_gain": apart})
    return folder


def _write_profile(path: Path, values: dict[str, float]) -> None:
    contract = Contract(
        system="dexter-profile",
        representation_version=REPRESENTATION_VERSION,
        inputs=(TensorSpec(name="features", shape=("pieces", len(PIECE_FEATURES)), type="float32"),),
        outputs=tuple(TensorSpec(name=name, shape=("pieces", 1), type="float32") for name in values),
        constants={"features": list(PIECE_FEATURES), "columns": [VELOCITY], "fast_intervals": []},
        training_data="none",
        licence="CC0-1.0",
        configuration_hash="0",
        parameters=0,
    )
    nodes = [helper.make_node("MatMul", ["features", "nothing"], ["zero"])]
    nodes += [helper.make_node("Add", ["zero", f"constant_{name}"], [name]) for name in values]
    weights = {"nothing": np.zeros((len(PIECE_FEATURES), 1))} | {f"constant_{name}": np.array([value]) for name, value in values.items()}
    _save(path, contract, nodes, weights)


def _write_trees(path: Path, random: np.random.Generator, share: float) -> None:
    contract = Contract(
        system="dexter-trees",
        representation_version=REPRESENTATION_VERSION,
        inputs=(TensorSpec(name="features", shape=("notes", len(WIDE_FEATURES)), type="float32"),),
        outputs=(TensorSpec(name="mean", shape=("notes", COLUMNS), type="float32"),),
        constants={"features": list(WIDE_FEATURES), "shares": [share] * COLUMNS},
        training_data="none",
        licence="CC0-1.0",
        configuration_hash="0",
        parameters=0,
    )
    weights = np.zeros((len(WIDE_FEATURES), COLUMNS))
    weights[: len(FEATURES)] = random.normal(0, 0.06, (len(FEATURES), COLUMNS))
    _save(path, contract, [helper.make_node("MatMul", ["features", "weights"], ["mean"])], {"weights": weights})


def _write(path, system, inputs, outputs, nodes, weights, constants):
    level = [TensorSpec(name="log_snr", shape=(1, 1), type="float32")] if system == "dexter-denoise" else []
    contract = Contract(
        system=system,
        representation_version=REPRESENTATION_VERSION,
        inputs=(*(_by_note(name, width) for name, width in inputs.items()), *level),
        outputs=tuple(_by_note(name, width) for name, width in outputs.items()),
        constants=constants,
        training_data="none",
        licence="CC0-1.0",
        configuration_hash="0",
        parameters=0,
    )
    _save(path, contract, nodes, weights)


def _save(path, contract, nodes, weights):
    graph = helper.make_graph(
        nodes,
        contract.system,
        [helper.make_tensor_value_info(spec.name, TensorProto.FLOAT, list(spec.shape)) for spec in contract.inputs],
        [helper.make_tensor_value_info(spec.name, TensorProto.FLOAT, list(spec.shape)) for spec in contract.outputs],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, contract.to_metadata())
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _by_note(name: str, width: int) -> TensorSpec:
    return TensorSpec(name=name, shape=(1, "notes", width), type="float32")
