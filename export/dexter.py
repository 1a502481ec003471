"""What perf-export needs to know of DExter's graphs: the mean performance, the denoiser around it, trees, and what is regressed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.onnx.contract import UNCOUNTED, Contract, TensorSpec
from engine.performers.dexter.performer import FILES, PEDALLING_FILE, PEDALLING_SYSTEM, RESIDUALS_FILE
from export.graph import Arrays, DirectSpec, ExportSpec, Spec
from export.ridge_regression import write_regression
from export.trees import values_at_thresholds, write_trees
from models.dexter.diffusion import HIGHEST_LOG_SNR, LOWEST_LOG_SNR
from models.dexter.expression_profile import PIECE_FEATURES
from models.dexter.pedalling import PEDALLING as MOMENTS
from models.dexter.pedalling import PEDALLING_FEATURES
from models.performance.descriptors import DESCRIPTORS, DEVIATIONS
from models.performance.features import FEATURES, SCALE
from models.performance.representation import PERFORMANCE_COLUMNS, REPRESENTATION_VERSION, VELOCITY
from models.performance.surroundings import WIDE_FEATURES
from training.datasets.asap import LICENCE, TRAINING_DATA
from training.dexter.calibration import Calibration, read_calibration
from training.dexter.denoiser import DexterDenoiserTask, DexterDenoiserTrainingConfig
from training.dexter.expression_profile import COLUMNS as PROFILED
from training.dexter.expression_profile import LOGARITHMS, MOST_DEVIATIONS, OUTPUTS, Profile, Ridge, read_profile
from training.dexter.networks import BoostedTrees
from training.dexter.pedalling import BoostedPedalling, read_pedalling
from training.dexter.residuals import RESIDUALS_FILE as FITTED_RESIDUALS
from training.dexter.stages import AVERAGE, CALIBRATION, DENOISER, MEAN, PEDALLING, PROFILE, RESIDUALS, TREES
from training.dexter.task import DexterTask, DexterTrainingConfig
from training.dexter.trees import read_trees
from training.runs.checkpoints import BEST, read_checkpoint
from training.stages import Run, configuration_hash

MEAN_FILE, DENOISE_FILE, TREES_FILE, PROFILE_FILE = FILES
SYSTEMS = {**FILES, PEDALLING_FILE: PEDALLING_SYSTEM}
COLUMNS = len(PERFORMANCE_COLUMNS)
TOLERANCE = 1e-4


def build_specs(run: Run) -> dict[str, Spec | Path]:
    """Return the graphs of a run: of its last average, or mean where there is none, of its last denoiser, trees and expression profile,
    with what was calibrated.
    """
    mean, denoiser, trees, profile, calibrated = (
        run.last(AVERAGE, MEAN),
        *(run.last(kind) for kind in (DENOISER, TREES, PROFILE, CALIBRATION)),
    )
    calibration = read_calibration(calibrated.folder) if calibrated else None
    specs: dict[str, Spec | Path] = {}
    if mean:
        specs[MEAN_FILE] = mean_spec(*read_checkpoint(mean.folder / BEST), calibration)
    if denoiser:
        specs[DENOISE_FILE] = denoise_spec(*read_checkpoint(denoiser.folder / BEST), calibration)
    if trees:
        specs[TREES_FILE] = trees_spec(read_trees(trees.folder), trees.hash)
    if profile:
        specs[PROFILE_FILE] = profile_spec(read_profile(profile.folder), profile.hash)
    if pedalling := run.last(PEDALLING):
        specs[PEDALLING_FILE] = pedalling_spec(read_pedalling(pedalling.folder), pedalling.hash)
    if residuals := run.last(RESIDUALS):
        specs[RESIDUALS_FILE] = residuals.folder / FITTED_RESIDUALS
    return specs


def mean_spec(config: dict[str, Any], weights: dict[str, torch.Tensor] | None, calibration: Calibration | None = None) -> ExportSpec:
    """``config`` is a training configuration of a mean; ``weights`` its task's, or None for random ones."""
    task = DexterTask(DexterTrainingConfig.model_validate(config))
    if weights is not None:
        task.load_state_dict(weights)
    constants = {
        "window_notes": task.config.windows.notes,
        "gains": calibration.gain if calibration else [1.0] * COLUMNS,
        "offsets": calibration.offset if calibration else [0.0] * COLUMNS,
        "descriptors": list(DESCRIPTORS),
        "descriptor_deviations": list(DEVIATIONS),
        "features": list(FEATURES),
    }
    inputs = (_by_note("features", len(FEATURES)), *_DESCRIPTOR_INPUTS)
    outputs = (_by_note("mean", COLUMNS), _by_note("context", task.config.network.width))
    spec = _spec(task.network, _contract(MEAN_FILE, configuration_hash(config), inputs, outputs, constants), "mean")
    return replace(spec, quantised_difference=0.5, window=task.config.windows.notes, by_channel=True)


def denoise_spec(config: dict[str, Any], weights: dict[str, torch.Tensor] | None, calibration: Calibration | None = None) -> ExportSpec:
    """``config`` is a training configuration of a denoiser; ``weights`` its task's, or None for random ones."""
    task = DexterDenoiserTask(DexterDenoiserTrainingConfig.model_validate(config))
    if weights is not None:
        task.load_state_dict(weights)
    constants = {
        "window_notes": task.config.windows.notes,
        "residual_deviation": _rounded(task.residual_deviation),
        "residual_gains": calibration.residual_gain if calibration else [1.0] * COLUMNS,
        "mean_gains_removed": calibration.mean_gain_removed if calibration else [1.0] * COLUMNS,
        "lowest_log_snr": LOWEST_LOG_SNR,
        "highest_log_snr": HIGHEST_LOG_SNR,
    }
    if calibration:
        constants["hold_quantiles"] = [calibration.hold_quantiles.sampled, calibration.hold_quantiles.human]
    inputs = (
        _by_note("noisy", COLUMNS),
        _by_note("context", task.config.mean.width),
        _by_note("mean", COLUMNS),
        *_DESCRIPTOR_INPUTS,
        _by_note("fixed", COLUMNS),
        _by_note("fixed_known", 1),
        TensorSpec(name="log_snr", shape=(1, 1), type="float32"),
    )
    return _spec(task.denoiser, _contract(DENOISE_FILE, configuration_hash(config), inputs, (_by_note("v", COLUMNS),), constants), "v")


def trees_spec(trees: BoostedTrees, hash_: str) -> DirectSpec:
    """Return the graph of the trees."""
    dumps: dict[int, dict[str, Any]] = {column: booster.dump_model() for column, booster in trees.boosted.items()}
    inputs = (TensorSpec(name="features", shape=("notes", len(WIDE_FEATURES)), type="float32"),)
    outputs = (TensorSpec(name="mean", shape=("notes", COLUMNS), type="float32"),)
    constants = {"features": list(WIDE_FEATURES), "shares": trees.shares.tolist()}
    contract = _contract(TREES_FILE, hash_, inputs, outputs, constants)
    return _boosted_spec(dumps, contract, trees.predict)


def pedalling_spec(pedalling: BoostedPedalling, hash_: str) -> DirectSpec:
    """Return the graph of the trees that say when a foot moves the pedal."""
    dumps: dict[int, dict[str, Any]] = {column: booster.dump_model() for column, booster in enumerate(pedalling.boosted)}
    inputs = (TensorSpec(name="features", shape=("anchors", len(PEDALLING_FEATURES)), type="float32"),)
    outputs = (TensorSpec(name="odds", shape=("anchors", len(MOMENTS)), type="float32"),)
    contract = _contract(PEDALLING_FILE, hash_, inputs, outputs, {"features": list(PEDALLING_FEATURES), "moments": list(MOMENTS)})
    return _boosted_spec(dumps, contract, pedalling.predict)


def _boosted_spec(dumps: dict[int, dict[str, Any]], contract: Contract, predict: Callable[[np.ndarray], np.ndarray]) -> DirectSpec:
    """Return the graph of trees by column, which is tried with values at their own thresholds and beside them."""
    (given,), (answer,) = contract.inputs, contract.outputs
    values = values_at_thresholds(dumps.values(), int(given.shape[-1]))
    return DirectSpec(
        contract,
        write=lambda path: write_trees(dumps, contract, path),
        answer=lambda inputs: {answer.name: predict(inputs[given.name])},
        random_inputs=lambda rng, length: {given.name: np.stack([rng.choice(each, length) for each in values], axis=1)},
        tolerance=TOLERANCE,
    )


def profile_spec(profile: Profile, hash_: str) -> DirectSpec:
    """Return the graph of the regression."""
    ridge = profile.ridge
    inputs = (TensorSpec(name="features", shape=("pieces", len(PIECE_FEATURES)), type="float32"),)
    outputs = tuple(TensorSpec(name=name, shape=("pieces", len(PROFILED)), type="float32") for name in OUTPUTS)
    fast = [round(each, 3) for each in profile.fast_intervals.tolist()]
    contract = _contract(
        PROFILE_FILE, hash_, inputs, outputs, {"features": list(PIECE_FEATURES), "columns": list(PROFILED), "fast_intervals": fast}
    )

    def answer(given: Arrays) -> Arrays:
        parts = dict(zip(OUTPUTS, np.split(ridge.predict(given["features"]), len(OUTPUTS), axis=1), strict=True))
        return {name: np.exp(values) if name in LOGARITHMS else values for name, values in parts.items()}

    return DirectSpec(
        contract,
        write=lambda path: write_regression(ridge, MOST_DEVIATIONS, LOGARITHMS, contract, path),
        answer=answer,
        random_inputs=lambda rng, length: {"features": _random_pieces(rng, length, ridge)},
        tolerance=TOLERANCE,
    )


def _random_pieces(rng: np.random.Generator, length: int, ridge: Ridge) -> np.ndarray:
    """Features as pieces have them; now and then one that is farther from the others than counts."""
    spread = np.where(rng.random((length, len(ridge.centre))) < 0.01, 3 * MOST_DEVIATIONS, 1)
    return (ridge.centre + spread * ridge.scale * rng.normal(size=spread.shape)).astype(np.float32)


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
        quantised_difference=None,
    )


def _contract(
    file: str, hash_: str, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], constants: dict[str, Any]
) -> Contract:
    return Contract(
        system=SYSTEMS[file],
        representation_version=REPRESENTATION_VERSION,
        inputs=inputs,
        outputs=outputs,
        constants=constants,
        training_data=TRAINING_DATA,
        licence=LICENCE,
        configuration_hash=hash_,
        parameters=UNCOUNTED,
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
