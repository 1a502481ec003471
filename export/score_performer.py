"""What perf-export needs to know of ScorePerformer's three graphs: the decoder, what reads a score, and what reads a style."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.onnx.contract import UNCOUNTED, Contract, StateSpec, TensorSpec
from engine.performers.score_performer.networks import DECODER_SYSTEM, SCORE_SYSTEM, STEM, STYLE_SYSTEM, SUFFIXES
from engine.performers.score_performer.performer import STYLE_SPACE_FILE
from export.graph import Arrays, ExportSpec
from models.performance.features import FEATURES
from models.score_performer.exported import NoteDecoder, ScoreReader, StyleReader
from models.score_performer.layers import ScorePerformerConfig
from models.score_performer.representation import REPRESENTATION_VERSION
from models.score_performer.sampling import VALUES, split_fields
from models.score_performer.vocabulary import FIELDS, SPECIALS
from training.datasets.asap import LICENCE, TRAINING_DATA
from training.runs.checkpoints import BEST, read_checkpoint
from training.score_performer.fits import STYLE_SPACE_FILE as TRAINED_SPACE_FILE
from training.score_performer.stages import NETWORK, STYLE_SPACE
from training.score_performer.task import ScorePerformerTask, ScorePerformerTrainingConfig
from training.stages import Run, configuration_hash

RandomInputs = Callable[[np.random.Generator, int], Arrays]
Decisions = Callable[[Arrays], np.ndarray]


def build_specs(run: Run) -> dict[str, ExportSpec | Path]:
    """Return the graphs of a run's last network, and its style space."""
    network, space = run.last(NETWORK), run.last(STYLE_SPACE)
    specs: dict[str, ExportSpec | Path] = {}
    if network:
        specs |= network_specs(*read_checkpoint(network.folder / BEST))
    return specs | ({STYLE_SPACE_FILE: space.folder / TRAINED_SPACE_FILE} if space else {})


def network_specs(config: dict[str, Any], weights: dict[str, torch.Tensor] | None) -> dict[str, ExportSpec]:
    """Return the graphs by file name; ``config`` is the configuration, ``weights`` a ScorePerformerTask's, or None for random ones."""
    task = ScorePerformerTask(ScorePerformerTrainingConfig.model_validate(config))
    if weights is not None:
        task.load_state_dict(weights)
    build = _Specs(task, config)
    graphs = {DECODER_SYSTEM: build.decoder(), SCORE_SYSTEM: build.score_reader(), STYLE_SYSTEM: build.style_reader()}
    return {f"{STEM}{SUFFIXES[system]}.onnx": spec for system, spec in graphs.items()}


class _Specs:
    def __init__(self, task: ScorePerformerTask, config: dict[str, Any]):
        self._network, self._sizes = task.network.eval(), task.config.network
        self._window = task.config.windows.notes
        self._constants = {"window_notes": self._window, "latents": list(self._sizes.latents)}
        self._hash = configuration_hash(config)

    def decoder(self) -> ExportSpec:
        sizes = self._sizes
        inputs = (
            TensorSpec(name="previous", shape=(1, len(FIELDS)), type="int64"),
            TensorSpec(name="context", shape=(1, sizes.width), type="float32"),
            TensorSpec(name="style", shape=(1, sizes.style_width), type="float32"),
        )
        outputs = (TensorSpec(name="logits", shape=(1, VALUES), type="float32"),)
        state = (
            *(StateSpec(name=name, shape=(sizes.window, 2 * sizes.head_width), type="float32") for name in _caches(sizes)),
            StateSpec(name="passed", shape=(1,), type="int64"),
        )
        contract = self._contract(DECODER_SYSTEM, inputs, outputs, state, network=sizes.model_dump())
        spec = self._spec(NoteDecoder(self._network), contract, _variations, 0.05, lambda rng: _random_state(rng, sizes))
        return replace(spec, in_four_bits=frozenset())  # with 4 bits the chances of a field vary by .09, with 8 by .015

    def score_reader(self) -> ExportSpec:
        features = (_by_note("features", len(FEATURES)),) if self._sizes.reads_features else ()
        widths = {"context": self._sizes.width, "expected_style": self._sizes.style_width, "expected_tempo": 1}
        outputs = tuple(_by_note(name, width) for name, width in widths.items())
        contract = self._contract(SCORE_SYSTEM, (_tokens("tokens"), *features), outputs, features=list(FEATURES) if features else [])
        spec = self._spec(ScoreReader(self._network), contract, lambda found: np.round(found["expected_style"], 2), 0.1)
        return replace(spec, window=self._window, by_channel=True)

    def style_reader(self) -> ExportSpec:
        inputs = _tokens("tokens"), TensorSpec(name="segments", shape=("notes", 3), type="int64")
        contract = self._contract(STYLE_SYSTEM, inputs, (_by_note("style", self._sizes.style_width),))
        return self._spec(StyleReader(self._network), contract, lambda found: np.round(found["style"], 2))

    def _contract(
        self,
        system: str,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        state: tuple[StateSpec, ...] = (),
        **constants: Any,
    ) -> Contract:
        return Contract(
            system=system,
            representation_version=REPRESENTATION_VERSION,
            inputs=inputs,
            outputs=outputs,
            state=state,
            constants=self._constants | constants,
            training_data=TRAINING_DATA,
            licence=LICENCE,
            configuration_hash=self._hash,
            parameters=UNCOUNTED,
        )

    def _spec(
        self,
        module: torch.nn.Module,
        contract: Contract,
        decisions: Decisions,
        quantised_difference: float | None = None,
        random_state: Callable[[np.random.Generator], Arrays] = lambda rng: {},
    ) -> ExportSpec:
        return ExportSpec(
            module=module.eval(),
            contract=contract,
            random_inputs=lambda rng, length: {tensor.name: _random(rng, tensor, length) for tensor in contract.inputs},
            random_state=random_state,
            decisions=decisions,
            tolerance=1e-4,
            decision_agreement=0.999,
            quantised_difference=quantised_difference,
        )


def _by_note(name: str, columns: int) -> TensorSpec:
    return TensorSpec(name=name, shape=("notes", columns), type="float32")


def _tokens(name: str) -> TensorSpec:
    return TensorSpec(name=name, shape=("notes", len(FIELDS)), type="int64")


def _variations(outputs: Arrays) -> np.ndarray:
    """Return the chances of all fields, scaled so that their mean absolute difference is the mean total variation of a field."""
    fields = split_fields(outputs["logits"])
    scaled = []
    for logits in fields:
        chances = np.exp(logits - logits.max(-1, keepdims=True))
        scaled.append(chances / chances.sum(-1, keepdims=True) * VALUES / len(fields) / 2)
    return np.round(np.concatenate(scaled, -1), 2)


def _random(rng: np.random.Generator, tensor: TensorSpec, length: int) -> np.ndarray:
    """Numbers of the size of real ones, tokens that notes may have, segments in order."""
    length = length if isinstance(tensor.shape[0], str) else tensor.shape[0]
    if tensor.name == "segments":
        return np.sort(rng.integers(0, length, (length, 3)), axis=0)
    if tensor.type == "int64":
        return np.stack([rng.integers(SPECIALS, SPECIALS + len(field.values), length) for field in FIELDS], axis=1)
    return rng.normal(size=(length, int(tensor.shape[1]))).astype(np.float32)


def _random_state(rng: np.random.Generator, sizes: ScorePerformerConfig) -> Arrays:
    """A cache of which half is written."""
    caches = {name: rng.normal(size=(sizes.window, 2 * sizes.head_width)).astype(np.float32) for name in _caches(sizes)}
    return caches | {"passed": np.array([sizes.window // 2])}


def _caches(sizes: ScorePerformerConfig) -> list[str]:
    return [f"cache_{layer}" for layer in range(sizes.decoder_layers)]
