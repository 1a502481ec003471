"""What perf-export needs to know of Performance RNN."""

from typing import Any

import numpy as np
import torch

from engine.onnx.contract import UNCOUNTED, Contract, StateSpec, TensorSpec
from export.graph import Arrays, ExportSpec
from models.performance_rnn.exported import StreamingPerformanceRNN
from models.performance_rnn.network import PerformanceRNNConfig
from models.performance_rnn.representation import CONTROLS, PITCH_CLASSES, PITCHES, REPRESENTATION_VERSION, describe_controls
from models.performance_rnn.sampling import SYSTEM
from training.datasets.asap import LICENCE, TRAINING_DATA
from training.performance_rnn.data import PerformanceRNNTrainingConfig
from training.performance_rnn.stages import NETWORK
from training.performance_rnn.task import PerformanceRNNTask
from training.runs.checkpoints import BEST, read_checkpoint
from training.stages import Run, configuration_hash

FILE = "performance_rnn.onnx"


def build_specs(run: Run) -> dict[str, ExportSpec]:
    """Return the graph of a run's last network."""
    stage = run.last(NETWORK)
    return network_specs(*read_checkpoint(stage.folder / BEST)) if stage else {}


def network_specs(config: dict[str, Any], weights: dict[str, torch.Tensor] | None) -> dict[str, ExportSpec]:
    """Return the graph by file name; ``config`` is its configuration, ``weights`` a PerformanceRNNTask's, or None for random ones."""
    task = PerformanceRNNTask(PerformanceRNNTrainingConfig.model_validate(config))
    if weights is not None:
        task.load_state_dict(weights)
    sizes = task.config.network
    spec = ExportSpec(
        module=StreamingPerformanceRNN(task.network).eval(),
        contract=_contract(sizes, configuration_hash(config)),
        random_inputs=lambda rng, length: _random_inputs(rng, length, sizes.codec.events),
        random_state=lambda rng: {name: rng.uniform(-0.5, 0.5, (1, sizes.width)).astype(np.float32) for name in _states(sizes)},
        decisions=lambda outputs: _variations(outputs["logits"]),
        tolerance=1e-4,
        decision_agreement=0.999,
        quantised_difference=0.05,
        in_four_bits=frozenset(f"layers.{layer}.weight" for layer in range(sizes.layers)),
    )
    return {FILE: spec}


def _states(sizes: PerformanceRNNConfig) -> list[str]:
    return [f"{part}_{layer}" for layer in range(sizes.layers) for part in ("hidden", "cell")]


def _variations(logits: np.ndarray) -> np.ndarray:
    """Return chances, scaled so that their mean absolute difference is the total variation of a step's two distributions."""
    chances = np.exp(logits - logits.max(-1, keepdims=True))
    return np.round(chances / chances.sum(-1, keepdims=True) * logits.shape[-1] / 2, 2)


def _contract(sizes: PerformanceRNNConfig, configuration_hash: str) -> Contract:
    return Contract(
        system=SYSTEM,
        representation_version=REPRESENTATION_VERSION,
        inputs=(
            TensorSpec(name="event", shape=("streams",), type="int64"),
            TensorSpec(name="controls", shape=("streams", CONTROLS), type="float32"),
        ),
        outputs=(TensorSpec(name="logits", shape=("streams", sizes.codec.events), type="float32"),),
        state=tuple(StateSpec(name=name, shape=("streams", sizes.width), type="float32") for name in _states(sizes)),
        constants={"steps_per_second": sizes.steps_per_second},
        training_data=TRAINING_DATA,
        licence=LICENCE,
        configuration_hash=configuration_hash,
        parameters=UNCOUNTED,
    )


def _random_inputs(rng: np.random.Generator, length: int, events: int) -> Arrays:
    """Any event [1]; density and histogram are each known or not."""
    density = rng.uniform(0, 40, length) if rng.random() < 0.5 else None
    histogram = rng.dirichlet(np.ones(PITCH_CLASSES), length) if rng.random() < 0.5 else None
    sounding = rng.uniform(0, 1, (length, PITCHES)) * (rng.random((length, PITCHES)) < 0.05)
    return {"event": rng.integers(0, events, length), "controls": describe_controls(density, histogram, length, sounding)}
