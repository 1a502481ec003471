"""A sound model without weights to speak of: each sounding key is a sine's spectrum at its pitch, as loud as its velocity.

Input roll (353, frames), output log_power (1025, frames) of LOOK_AHEAD frames before, which are the state.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.contract import Contract, StateSpec, TensorSpec
from engine.sound.neural_stream import SYSTEM
from models.performance_net.representation import (
    BINS,
    CHANNELS,
    FFT_SAMPLES,
    KEYS,
    LOWEST_KEY,
    REPRESENTATION_VERSION,
    SAMPLE_RATE,
    SOUNDING,
)

LOOK_AHEAD = 4
LOG_POWER, MOST_LOG_POWER = 14.0, 16.0  # of the velocity 127; of many keys


def contract() -> Contract:
    return Contract(
        system=SYSTEM,
        representation_version=REPRESENTATION_VERSION,
        inputs=(TensorSpec(name="roll", shape=(CHANNELS, "frames"), type="float32"),),
        outputs=(TensorSpec(name="log_power", shape=(BINS, "frames"), type="float32"),),
        state=(StateSpec(name="history", shape=(CHANNELS, LOOK_AHEAD), type="float32"),),
        look_ahead_steps=LOOK_AHEAD,
        look_ahead_s=LOOK_AHEAD * 256 / SAMPLE_RATE,
        training_data="none",
        licence="CC0-1.0",
        configuration_hash="0",
    )


def write(path: Path) -> Path:
    weight = np.zeros((BINS, CHANNELS), np.float32)
    for key in range(KEYS):
        fundamental = 440 * 2 ** ((key + LOWEST_KEY - 69) / 12) * FFT_SAMPLES / SAMPLE_RATE
        near = round(fundamental)
        weight[near - 1 : near + 2, SOUNDING.start + key] = LOG_POWER * np.array([0.9, 1, 0.9])
    constants = {"weight": weight, "most": np.array(MOST_LOG_POWER, np.float32)} | {
        name: np.array([value], np.int64) for name, value in (("begin", 0), ("end", -LOOK_AHEAD), ("all", 2**62), ("axis", 1))
    }
    nodes = [
        helper.make_node("Concat", ["history", "roll"], ["joined"], axis=1),
        helper.make_node("Slice", ["joined", "begin", "end", "axis"], ["delayed"]),
        helper.make_node("MatMul", ["weight", "delayed"], ["sum"]),
        helper.make_node("Min", ["sum", "most"], ["log_power"]),
        helper.make_node("Slice", ["joined", "end", "all", "axis"], ["next_history"]),
    ]
    graph = helper.make_graph(
        nodes,
        "sines",
        [_value("roll", [CHANNELS, "frames"]), _value("history", [CHANNELS, LOOK_AHEAD])],
        [_value("log_power", [BINS, "frames"]), _value("next_history", [CHANNELS, LOOK_AHEAD])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, contract().to_metadata())
    onnx.save(model, path)
    return path


def _value(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
