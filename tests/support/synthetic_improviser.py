"""A stand-in for Performance RNN that needs no training: what comes depends on the event before, on all before that, on the choice,
and on what sounds."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.onnx.contract import Contract, StateSpec, TensorSpec
from models.performance_rnn.representation import CONTROLS, MAGENTA, PITCHES, PREFERRED_VALUES, REPRESENTATION_VERSION
from models.performance_rnn.sampling import SYSTEM

MEMORY = 4


def write_model(path: Path) -> Path:
    random = np.random.default_rng(0)
    table = random.normal(size=(MAGENTA.events, MAGENTA.events))
    table[:, MAGENTA.first_shift : MAGENTA.first_velocity] -= 0.08 * np.arange(MAGENTA.steps_per_second)  # short shifts are likelier
    table[:, 128:256] += 3  # notes end
    choice = np.zeros((CONTROLS, MAGENTA.events))
    choice[7, :128] = 6  # 64 notes a second and more
    choice[0, MAGENTA.first_shift : MAGENTA.first_velocity] = 6  # less than one
    choice[PREFERRED_VALUES:] = random.normal(size=(PITCHES, MAGENTA.events))
    constants = {"table": table, "memories": random.normal(size=(MAGENTA.events, MEMORY)), "choice": choice}
    constants |= {"recalled": random.normal(size=(MEMORY, MAGENTA.events))}
    nodes = [
        helper.make_node("Gather", ["memories", "event"], ["new"]),
        helper.make_node("Add", ["new", "memory"], ["next_memory"]),
        helper.make_node("Sin", ["next_memory"], ["bounded"]),
        helper.make_node("MatMul", ["bounded", "recalled"], ["by_memory"]),
        helper.make_node("MatMul", ["controls", "choice"], ["by_wish"]),
        helper.make_node("Gather", ["table", "event"], ["by_event"]),
        helper.make_node("Sum", ["by_memory", "by_wish", "by_event"], ["logits"]),
    ]
    initial = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    inputs = [
        helper.make_tensor_value_info("event", TensorProto.INT64, ["streams"]),
        helper.make_tensor_value_info("controls", TensorProto.FLOAT, ["streams", CONTROLS]),
        helper.make_tensor_value_info("memory", TensorProto.FLOAT, ["streams", MEMORY]),
    ]
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["streams", MAGENTA.events]),
        helper.make_tensor_value_info("next_memory", TensorProto.FLOAT, ["streams", MEMORY]),
    ]
    graph = helper.make_graph(nodes, "improviser", inputs, outputs, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    contract = Contract(
        system=SYSTEM,
        representation_version=REPRESENTATION_VERSION,
        inputs=(
            TensorSpec(name="event", shape=("streams",), type="int64"),
            TensorSpec(name="controls", shape=("streams", CONTROLS), type="float32"),
        ),
        outputs=(TensorSpec(name="logits", shape=("streams", MAGENTA.events), type="float32"),),
        state=(StateSpec(name="memory", shape=("streams", MEMORY), type="float32"),),
        constants={"steps_per_second": MAGENTA.steps_per_second},
        training_data="none",
        licence="CC0-1.0",
        configuration_hash="0",
        parameters=0,
    )
    helper.set_model_props(model, contract.to_metadata())
    onnx.save(model, path)
    return path
