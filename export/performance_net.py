"""What perf-export needs to know of the PerformanceNet that plays in real time."""

import hashlib
import json
from typing import Any

import numpy as np
import torch

from engine.contract import Contract, StateSpec, TensorSpec
from engine.errors import UsageError
from export.graph import ExportSpec
from models.performance_net.key_spectra import LOOK_AHEAD
from models.performance_net.representation import (
    AGE,
    BINS,
    CHANNELS,
    FRAME_RATE,
    KEYS,
    OFFSET,
    ONSET,
    PEDAL,
    REPRESENTATION_VERSION,
    SOUNDING,
)
from models.performance_net.streaming import SYSTEM, ExportedPerformanceNet
from models.performance_net.streaming_network import StateShape, StreamingPerformanceNet
from training.datasets.asap import LICENCE
from training.performance_net import PerformanceNetTask, PerformanceNetTrainingConfig

SOUND_FONT_LICENCE = "sound: FluidR3_GM (MIT)"


def build_specs(config: dict[str, Any], weights: dict[str, torch.Tensor] | None) -> dict[str, ExportSpec]:
    """``config`` is a training configuration; ``weights`` a PerformanceNetTask's, or None for random ones.

    Raises UsageError for the paper's network, which needs the whole of a clip.
    """
    task = PerformanceNetTask(PerformanceNetTrainingConfig.model_validate(config))
    if not isinstance(task.network, StreamingPerformanceNet):
        raise UsageError(f"a network of kind {config['network']['kind']!r} cannot play in real time; give one of kind 'streaming'")
    if weights is not None:
        task.load_state_dict(weights)
    shapes = task.network.state_shapes()
    spec = ExportSpec(
        module=ExportedPerformanceNet(task.network).eval(),
        contract=_contract(shapes, hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]),
        random_inputs=lambda rng, length: {"roll": _random_roll(rng, length)},
        random_state=lambda rng: {shape.name: _random_state(rng, shape) for shape in shapes},
        decisions=lambda outputs: np.round(outputs["log_power"], 2),  # 0.04 dB
        tolerance=1e-4,
        decision_agreement=0.99,
        quantised_difference=0.02,
    )
    return {"": spec}


def _contract(shapes: list[StateShape], configuration_hash: str) -> Contract:
    return Contract(
        system=SYSTEM,
        representation_version=REPRESENTATION_VERSION,
        inputs=(TensorSpec(name="roll", shape=(CHANNELS, "frames"), type="float32"),),
        outputs=tuple(TensorSpec(name=name, shape=(BINS, "frames"), type="float32") for name in ("log_power", "real", "imaginary")),
        state=tuple(StateSpec(name=name, shape=shape, type="float32") for name, shape in shapes),
        look_ahead_steps=LOOK_AHEAD,
        look_ahead_s=float(LOOK_AHEAD / FRAME_RATE),
        constants={"instrument": "piano", "lowest_key": 21, "keys": KEYS},
        training_data=f"(n)ASAP, train split of splits.json, played by FluidSynth; {SOUND_FONT_LICENCE}",
        licence=LICENCE,
        configuration_hash=configuration_hash,
    )


def _random_roll(rng: np.random.Generator, frames: int) -> np.ndarray:
    """A roll as it may come, frame by frame anew: a fifth of the keys sound, and a few begin or are damped."""
    roll = np.zeros((CHANNELS, frames), np.float32)
    shape = KEYS, frames
    begins, sounds = rng.random(shape) < 0.01, rng.random(shape) < 0.2
    velocity = rng.uniform(0.01, 1, shape)
    roll[ONSET] = begins * velocity * rng.random(shape)
    roll[OFFSET] = (rng.random(shape) < 0.01) * rng.random(shape)
    roll[SOUNDING] = (begins | sounds) * velocity
    roll[AGE] = (begins | sounds) * np.where(begins, 0.01, rng.uniform(0.05, 1, shape))
    roll[PEDAL] = rng.random(frames)
    return roll


def _random_state(rng: np.random.Generator, shape: StateShape) -> np.ndarray:
    if shape.name == "roll_history":
        return _random_roll(rng, shape.shape[-1])
    if shape.name == "tail":
        return np.stack([rng.uniform(0, most, KEYS) for most in (0.1, 1000.0, 0.1, 1.0)], 1).astype(np.float32)
    return rng.normal(size=shape.shape).astype(np.float32)
