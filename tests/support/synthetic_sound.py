"""A sound model without weights to speak of: each sounding key is the sine of the bin next to its pitch, as loud as its velocity.

Input roll (353, frames), outputs log_power, real and imaginary (1025, frames) of LOOK_AHEAD frames before, which are the state, beside the
number of frames until now, of 8: after so many, every bin's sine comes round.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.onnx.contract import Contract, StateSpec, TensorSpec
from engine.sound.performance_net.stream import SYSTEM
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
OUTPUTS = ("log_power", "real", "imaginary")
LOG_POWER, MOST_LOG_POWER = 14.0, 16.0  # of the velocity 127; of many keys


def contract(constants: dict[str, int] | None = None) -> Contract:
    return Contract(
        system=SYSTEM,
        representation_version=REPRESENTATION_VERSION,
        inputs=(TensorSpec(name="roll", shape=(CHANNELS, "frames"), type="float32"),),
        outputs=tuple(TensorSpec(name=name, shape=(BINS, "frames"), type="float32") for name in OUTPUTS),
        state=(
            StateSpec(name="history", shape=(CHANNELS, LOOK_AHEAD), type="float32"),
            StateSpec(name="frame", shape=(1, 1), type="float32"),
        ),
        look_ahead_steps=LOOK_AHEAD,
        look_ahead_s=LOOK_AHEAD * 256 / SAMPLE_RATE,
        constants=constants or {"lowest_key": LOWEST_KEY, "keys": KEYS},
        training_data="none",
        licence="CC0-1.0",
        configuration_hash="0",
        parameters=0,
    )


def write(path: Path, pitches: dict[str, int] | None = None) -> Path:
    """``pitches``: the contract's ``lowest_key`` and ``keys``; by default a piano's."""
    weight = np.zeros((BINS, CHANNELS), np.float32)
    for key in range(KEYS):
        fundamental = 440 * 2 ** ((key + LOWEST_KEY - 69) / 12) * FFT_SAMPLES / SAMPLE_RATE
        near = round(fundamental)
        weight[near, SOUNDING.start + key] = LOG_POWER
    constants = {
        "weight": weight,
        "most": np.array(MOST_LOG_POWER, np.float32),
        "radians": 2 * np.pi / 8 * np.arange(BINS, dtype=np.float32)[:, None],
        "round": np.array(8, np.float32),
        "one": np.array(1, np.float32),
    } | {
        name: np.array([value], np.int64)
        for name, value in (("begin", 0), ("first", 1), ("last", -1), ("end", -LOOK_AHEAD), ("all", 2**62), ("axis", 1), ("rows", 0))
    }
    nodes = [
        helper.make_node("Concat", ["history", "roll"], ["joined"], axis=1),
        helper.make_node("Slice", ["joined", "begin", "end", "axis"], ["delayed"]),
        helper.make_node("MatMul", ["weight", "delayed"], ["sum"]),
        helper.make_node("Min", ["sum", "most"], ["log_power"]),
        helper.make_node("Slice", ["joined", "end", "all", "axis"], ["next_history"]),
        helper.make_node("Slice", ["roll", "begin", "first", "rows"], ["row"]),
        helper.make_node("Sub", ["row", "row"], ["zeros"]),
        helper.make_node("Add", ["zeros", "one"], ["ones"]),
        helper.make_node("CumSum", ["ones", "axis"], ["count"]),
        helper.make_node("Add", ["count", "frame"], ["counted"]),
        helper.make_node("Mod", ["counted", "round"], ["number"], fmod=1),
        helper.make_node("Mul", ["radians", "number"], ["phase"]),
        helper.make_node("Cos", ["phase"], ["real"]),
        helper.make_node("Sin", ["phase"], ["imaginary"]),
        helper.make_node("Slice", ["number", "last", "all", "axis"], ["next_frame"]),
    ]
    graph = helper.make_graph(
        nodes,
        "sines",
        [_value("roll", [CHANNELS, "frames"]), _value("history", [CHANNELS, LOOK_AHEAD]), _value("frame", [1, 1])],
        [
            *(_value(name, [BINS, "frames"]) for name in OUTPUTS),
            _value("next_history", [CHANNELS, LOOK_AHEAD]),
            _value("next_frame", [1, 1]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, contract(pitches).to_metadata())
    onnx.save(model, path)
    return path


def _value(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
