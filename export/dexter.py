"""What perf-export needs to know of DExter's two graphs: the mean performance, and the denoiser around it."""

import hashlib
import json
from typing import Any

import numpy as np
import torch

from engine.onnx.contract import Contract, TensorSpec
from engine.performers.dexter.performer import FILES
from export.graph import Arrays, ExportSpec
from models.dexter.diffusion import HIGHEST_LOG_SNR, LOWEST_LOG_SNR
from models.performance.descriptors import DESCRIPTORS, DEVIATIONS
from models.performance.features import FEATURES, SCALE
from models.performance.representation import PERFORMANCE_COLUMNS, REPRESENTATION_VERSION, VELOCITY
from training.datasets.asap import LICENCE
from training.dexter.denoiser import DexterDenoiserTask, DexterDenoiserTrainingConfig
from training.dexter.task import DexterTask, DexterTrainingConfig

MEAN_SYSTEM, DENOISE_SYSTEM = FILES["dexter_mean.onnx"], FILES["dexter_denoise.onnx"]
COLUMNS = len(PERFORMANCE_COLUMNS)
TRAINING_DATA = "(n)ASAP, train split of splits.json"


def build_specs(config: dict[str, Any], weights: dict[str, torch.Tensor] | None) -> dict[str, ExportSpec]:
    """``config`` is a training configuration of either; ``weights`` its task's, or None for random ones."""
    return {"": _mean_spec(config, weights) if config["task"] == "dexter" else _denoise_spec(config, weights)}


def _mean_spec(config: dict[str, Any], weights: dict[str, torch.Tensor] | None) -> ExportSpec:
    task = DexterTask(DexterTrainingConfig.model_validate(config))
    if weights is not None:
        task.load_state_dict(weights)
    constants = {
        "window_notes": task.config.windows.notes,
        "gains": [1.0] * COLUMNS,  # until training.dexter.calibration has fitted them
        "offsets": [0.0] * COLUMNS,
        "descriptors": list(DESCRIPTORS),
        "descriptor_deviations": list(DEVIATIONS),
        "features": list(FEATURES),
    }
    inputs = (_by_note("features", len(FEATURES)), *_DESCRIPTOR_INPUTS)
    outputs = (_by_note("mean", COLUMNS), _by_note("context", task.config.network.width))
    return _spec(task.network, _contract(MEAN_SYSTEM, config, inputs, outputs, constants), "mean")


def _denoise_spec(config: dict[str, Any], weights: dict[str, torch.Tensor] | None) -> ExportSpec:
    task = DexterDenoiserTask(DexterDenoiserTrainingConfig.model_validate(config))
    if weights is not None:
        task.load_state_dict(weights)
    constants = {
        "window_notes": task.config.windows.notes,
        "residual_deviation": _rounded(task.residual_deviation),
        "sample_gains": [1.0] * COLUMNS,  # these two until training.dexter.calibration has fitted them
        "narrowed": [1.0] * COLUMNS,
        "lowest_log_snr": LOWEST_LOG_SNR,
        "highest_log_snr": HIGHEST_LOG_SNR,
    }
    inputs = (
        _by_note("noisy", COLUMNS),
        _by_note("context", task.config.mean.width),
        _by_note("mean", COLUMNS),
        *_DESCRIPTOR_INPUTS,
        _by_note("fixed", COLUMNS),
        _by_note("fixed_known", 1),
        TensorSpec(name="log_snr", shape=(1, 1), type="float32"),
    )
    return _spec(task.denoiser, _contract(DENOISE_SYSTEM, config, inputs, (_by_note("v", COLUMNS),), constants), "v")


def _by_note(name: str, columns: int) -> TensorSpec:
    return TensorSpec(name=name, shape=(1, "notes", columns), type="float32")


_DESCRIPTOR_INPUTS = (_by_note("descriptors", len(DESCRIPTORS)), _by_note("descriptors_known", 1))


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 4) for value in values.tolist()]


def _spec(module: torch.nn.Module, contract: Contract, decided: str) -> ExportSpec:
    """Decisions are velocities, or as many velocity steps of the denoiser's answer."""
    return ExportSpec(
        module=module.eval(),
        contract=contract,
        random_inputs=lambda rng, length: _random_inputs(rng, length, contract),
        random_state=lambda rng: {},
        decisions=lambda outputs: np.round(127 * SCALE[VELOCITY] * outputs[decided][0, :, VELOCITY]),
        tolerance=1e-4,
        decision_agreement=0.999,
        quantised_difference=0.5,
    )


def _contract(
    system: str, config: dict[str, Any], inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], constants: dict[str, Any]
) -> Contract:
    return Contract(
        system=system,
        representation_version=REPRESENTATION_VERSION,
        inputs=inputs,
        outputs=outputs,
        constants=constants,
        training_data=TRAINING_DATA,
        licence=LICENCE,
        configuration_hash=hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16],
    )


def _random_inputs(rng: np.random.Generator, length: int, contract: Contract) -> Arrays:
    """Numbers of the size of real ones; what is known is known of all notes, or of the first ones."""
    inputs = {}
    for tensor in contract.inputs:
        shape = tuple(length if size == "notes" else int(size) for size in tensor.shape)
        if tensor.name == "log_snr":
            values = rng.uniform(LOWEST_LOG_SNR, HIGHEST_LOG_SNR, shape)
        elif tensor.name.endswith("_known"):
            values = np.broadcast_to(np.arange(length)[:, None] < rng.integers(0, length + 1), shape)
        else:
            values = rng.normal(size=shape)
        inputs[tensor.name] = values.astype(np.float32)
    return inputs
