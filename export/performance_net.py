"""What perf-export needs to know of the PerformanceNet that plays in real time."""

from typing import Any

import numpy as np
import torch

from engine.base.errors import UsageError
from engine.onnx.contract import UNCOUNTED, Contract, StateSpec, TensorSpec
from export.graph import ExportSpec
from models.performance_net.exported import SYSTEM, ExportedPerformanceNet
from models.performance_net.instruments import INSTRUMENTS, PIANO
from models.performance_net.key_spectra import LOOK_AHEAD, STEPS
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
from models.performance_net.solo_network import SoloPerformanceNet
from models.performance_net.streaming_network import StateShape, StreamingPerformanceNet
from training.datasets.asap import LICENCE, TRAINING_DATA
from training.performance_net.data import PerformanceNetTrainingConfig
from training.performance_net.solo import SoloConfig
from training.performance_net.stages import NETWORK, SOLO
from training.performance_net.task import PerformanceNetTask
from training.runs.checkpoints import BEST, LAST, read_checkpoint
from training.stages import Run, configuration_hash

STEM = "performance_net"
SOUND_FONT_LICENCE = "sound: FluidR3_GM (MIT)"
SOLO_LICENCE = "MIT"  # the sound font's: nothing else was heard


def build_specs(run: Run) -> dict[str, ExportSpec]:
    """Return the graphs of a run: of its last piano, and of each solo instrument. Raises UsageError for the paper's network."""
    piano = run.last(NETWORK)
    specs = network_specs(*read_checkpoint(piano.folder / BEST)) if piano else {}
    for stage in run.all(SOLO):
        specs |= network_specs(*read_checkpoint(stage.folder / LAST))
    return specs


def network_specs(config: dict[str, Any], weights: dict[str, torch.Tensor] | None) -> dict[str, ExportSpec]:
    """Return the graph by file name; ``config`` is the configuration, ``weights`` those of its task, or None for random ones.

    Raises UsageError for the paper's network, which needs the whole of a clip.
    """
    instrument = config.get("instrument", PIANO)
    network = _piano(config, weights) if instrument == PIANO else _solo(config, weights)
    shapes = network.state_shapes()
    spec = ExportSpec(
        module=ExportedPerformanceNet(network).eval(),
        contract=_contract(instrument, shapes, configuration_hash(config)),
        random_inputs=lambda rng, length: {"roll": _random_roll(rng, length)},
        random_state=lambda rng: {shape.name: _random_state(rng, shape) for shape in shapes},
        decisions=lambda outputs: np.round(outputs["log_power"], 2),  # 0.04 dB
        tolerance=1e-4,
        decision_agreement=0.99,
        quantised_difference=0.02,
        mostly_zeros=True,
    )
    return {f"{STEM}.onnx" if instrument == PIANO else f"{STEM}_{instrument}.onnx": spec}


def _piano(config: dict[str, Any], weights: dict[str, torch.Tensor] | None) -> StreamingPerformanceNet:
    task = PerformanceNetTask(PerformanceNetTrainingConfig.model_validate(config))
    if not isinstance(task.network, StreamingPerformanceNet):
        raise UsageError(f"a network of kind {config['network']['kind']!r} cannot play in real time; give one of kind 'streaming'")
    if weights is not None:
        task.load_state_dict(weights)
    return task.network


def _solo(config: dict[str, Any], weights: dict[str, torch.Tensor] | None) -> SoloPerformanceNet:
    network = SoloPerformanceNet(SoloConfig.model_validate(config).instrument)
    if weights is not None:
        network.load_state_dict(weights)
    return network


def _contract(instrument: str, shapes: list[StateShape], configuration_hash: str) -> Contract:
    learnt = f"{TRAINING_DATA}, played by FluidSynth; {SOUND_FONT_LICENCE}"
    measured = f"single notes, played by FluidSynth; {SOUND_FONT_LICENCE}"
    return Contract(
        system=SYSTEM,
        representation_version=REPRESENTATION_VERSION,
        inputs=(TensorSpec(name="roll", shape=(CHANNELS, "frames"), type="float32"),),
        outputs=tuple(TensorSpec(name=name, shape=(BINS, "frames"), type="float32") for name in ("log_power", "real", "imaginary")),
        state=tuple(StateSpec(name=name, shape=shape, type="float32") for name, shape in shapes),
        look_ahead_steps=LOOK_AHEAD,
        look_ahead_s=float(LOOK_AHEAD / FRAME_RATE),
        constants={"instrument": instrument, "lowest_key": INSTRUMENTS[instrument].lowest_pitch, "keys": INSTRUMENTS[instrument].keys},
        training_data=learnt if instrument == PIANO else measured,
        licence=LICENCE if instrument == PIANO else SOLO_LICENCE,
        configuration_hash=configuration_hash,
        parameters=UNCOUNTED,
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
        keys, parts = shape.shape
        drawn = [rng.uniform(0, most, keys) for most in (0.1, 1000.0, 0.1, 1.0, 9000.0)[:parts]]
        for age in drawn[1::3]:  # of the damped note and, if it is told, of the one that sounds: in whole steps
            age[:] = np.round(age * STEPS) / STEPS
        return np.stack(drawn, 1).astype(np.float32)
    if shape.name == "hiss_frame":
        return np.array([7.0], np.float32)
    return rng.normal(size=shape.shape).astype(np.float32)
