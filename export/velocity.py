"""What perf-export needs to know of the velocity transformers."""

import hashlib
import json
from typing import Any

import numpy as np
import torch

from engine.contract import Contract, ControlRange, StateSpec, TensorSpec
from engine.performers.velocity import LOOKAHEAD_SYSTEM, SYSTEM
from engine.performers.velocity_expression import CONTROLS
from export.graph import Arrays, ExportSpec
from models.velocity_transformer.network import MEDIAN, QUANTILE_LEVELS, CausalVelocityTransformer, VelocityTransformerConfig
from models.velocity_transformer.representation import HINTS, KEYS, LOOKAHEAD_SCALARS, PITCHES, REPRESENTATION_VERSION, SCALARS
from models.velocity_transformer.streaming import StreamingVelocityTransformer, cache_shape, written_column
from training.datasets.asap import LICENCE
from training.velocity import NOISE_TIME_CONSTANTS_S, VelocityTask, VelocityTrainingConfig

MEDIAN_VELOCITY = 66.0  # of the training performances


def build_spec(config: dict[str, Any], weights: dict[str, torch.Tensor] | None) -> ExportSpec:
    """``config`` is a training configuration; ``weights`` a VelocityTask's, or None for random ones."""
    task = VelocityTask(VelocityTrainingConfig.model_validate(config))
    if weights is not None:
        task.load_state_dict(weights)
    network = task.config.network
    return ExportSpec(
        module=(StreamingVelocityTransformer(task.network) if isinstance(task.network, CausalVelocityTransformer) else task.network).eval(),
        contract=_contract(task, config),
        random_inputs=lambda rng, length: _random_inputs(rng, length, network),
        random_state=lambda rng: _random_state(rng, network),
        decisions=lambda outputs: np.floor(outputs["quantiles"][0, :, MEDIAN] + 0.5),
        tolerance=1e-4,
        decision_agreement=0.999,
        quantised_difference=0.6,
    )


def _contract(task: VelocityTask, config: dict[str, Any]) -> Contract:
    network = task.config.network
    scalars = len(LOOKAHEAD_SCALARS if network.looks_ahead else SCALARS)
    return Contract(
        system=LOOKAHEAD_SYSTEM if network.looks_ahead else SYSTEM,
        representation_version=REPRESENTATION_VERSION,
        inputs=(
            TensorSpec(name="pitch", shape=(1, "notes"), type="int64"),
            TensorSpec(name="hint", shape=(1, "notes"), type="int64"),
            TensorSpec(name="keys", shape=(1, "notes", KEYS), type="float32"),
            TensorSpec(name="scalars", shape=(1, "notes", scalars), type="float32"),
        ),
        outputs=(TensorSpec(name="quantiles", shape=(1, "notes", len(QUANTILE_LEVELS)), type="float32"),),
        state=() if network.looks_ahead else (StateSpec(name="cache", shape=cache_shape(network), type="float32"),),
        controls=tuple(ControlRange(name=control.name, minimum=control.minimum, maximum=control.maximum) for control in CONTROLS),
        constants={
            "quantile_levels": list(QUANTILE_LEVELS),
            "median_velocity": MEDIAN_VELOCITY,
            "noise_time_constants_s": list(NOISE_TIME_CONSTANTS_S),
            "noise_shares": [round(share, 4) for share in task.noise_shares.tolist()],
        },
        training_data="(n)ASAP, train split of splits.json",
        licence=LICENCE,
        configuration_hash=hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16],
    )


def _random_inputs(rng: np.random.Generator, length: int, network: VelocityTransformerConfig) -> Arrays:
    """Notes as they may come: times over the whole range, some keys held, some just released."""
    scalars = len(LOOKAHEAD_SCALARS if network.looks_ahead else SCALARS)
    held = rng.random((1, length, KEYS))
    times_s = np.exp(rng.uniform(np.log(1e-3), np.log(5), (1, length, KEYS)))
    return {
        "pitch": rng.integers(0, PITCHES, (1, length)),
        "hint": rng.integers(0, HINTS, (1, length)),
        "keys": np.where(held > 0.95, times_s, np.where(held < 0.1, -times_s, 0)).astype(np.float32),
        "scalars": np.exp(rng.uniform(np.log(1e-3), np.log(20), (1, length, scalars))).astype(np.float32),
    }


def _random_state(rng: np.random.Generator, network: VelocityTransformerConfig) -> Arrays:
    if network.looks_ahead:
        return {}
    cache = rng.normal(size=cache_shape(network)).astype(np.float32)
    cache[:, written_column(network)] = 1
    cache[: network.window // 2] = 0  # rows that are not written yet
    return {"cache": cache}
