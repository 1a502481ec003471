"""What perf-export needs to know of the velocity transformers."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch

from engine.onnx.contract import UNCOUNTED, Contract, ControlRange, StateSpec, TensorSpec
from engine.performers.velocity.controls import CONTROLS
from engine.performers.velocity.networks import LOOKAHEAD_SYSTEM, MEMORY_SYSTEM, SYSTEM
from export.graph import Arrays, ExportSpec
from models.velocity.exported import (
    SingleLookaheadVelocityTransformer,
    SinglePedallingVelocityTransformer,
    VelocityAnswer,
    VelocityMemory,
    cache_names,
    row_width,
)
from models.velocity.network import (
    MEDIAN,
    QUANTILE_LEVELS,
    CausalVelocityTransformer,
    LookaheadVelocityTransformer,
    PedallingVelocityTransformer,
)
from models.velocity.representation import HINTS, KEYS, LOOKAHEAD_SCALARS, PEDAL_MOVES, PITCHES, REPRESENTATION_VERSION, SCALARS
from training.datasets import asap, pop909
from training.runs.checkpoints import LAST, read_checkpoint
from training.stages import Run, configuration_hash
from training.velocity.data import DatasetName, VelocityTrainingConfig
from training.velocity.fits import NOISE_TIME_CONSTANTS_S, read_noise, read_pedal
from training.velocity.stages import NETWORK, NOISE, PEDAL
from training.velocity.task import VelocityTask

FILE, MEMORY_FILE, LOOKAHEAD_FILE = "velocity.onnx", "velocity_memory.onnx", "velocity_lookahead.onnx"


class Learnt(NamedTuple):
    """What a network learnt from: what is in its files' names, the median velocity, and what its contract says."""

    style: str
    median_velocity: float
    training_data: str
    licence: str


LEARNT: dict[DatasetName, Learnt] = {
    "asap": Learnt("", 66.0, asap.TRAINING_DATA, asap.LICENCE),
    "pop909": Learnt("_pop", 95.0, pop909.TRAINING_DATA, pop909.LICENCE),
}


def build_specs(run: Run) -> dict[str, ExportSpec]:
    """Return the graphs of a run: of the last causal network, and of the last one that looks ahead, each with the noise that was fitted to
    it, none where there is no such stage.
    """
    specs: dict[str, ExportSpec] = {}
    for stage in run.all(NETWORK):
        noise, pedal = (run.reading(each, "network", stage) for each in (NOISE, PEDAL))
        shares, moves = read_noise(noise.folder) if noise else None, read_pedal(pedal.folder) if pedal else None
        specs |= network_specs(*read_checkpoint(stage.folder / LAST), shares, moves)
    return specs


def network_specs(
    config: dict[str, Any],
    weights: dict[str, torch.Tensor] | None,
    noise_shares: Sequence[float] | None = None,
    pedal: Mapping[str, float] | None = None,
) -> dict[str, ExportSpec]:
    """Return the graphs of a network by file name; ``config`` is its configuration, ``weights`` a VelocityTask's, None for random ones.

    ``pedal``: what ``read_pedal`` returns, of a network that pedals.
    """
    task = VelocityTask(VelocityTrainingConfig.model_validate(config))
    if weights is not None:
        task.load_state_dict(weights)
    network, build = task.network, _Specs(task, config, noise_shares or [0.0] * len(NOISE_TIME_CONSTANTS_S), pedal or {})
    style = LEARNT[task.config.dataset].style
    if isinstance(network, LookaheadVelocityTransformer):
        return {_named(LOOKAHEAD_FILE, style): build.lookahead(network)}
    return {_named(FILE, style): build.answer(network), _named(MEMORY_FILE, style): build.memory(network)}


def _named(file: str, style: str) -> str:
    """Return ``velocity_pop_memory.onnx`` for ``velocity_memory.onnx`` and ``_pop``."""
    return SYSTEM + style + file.removeprefix(SYSTEM)


class _Specs:
    def __init__(self, task: VelocityTask, config: dict[str, Any], noise_shares: Sequence[float], pedal: Mapping[str, float]):
        self._sizes, self._learnt, self._pedal = task.config.network, LEARNT[task.config.dataset], pedal
        self._noise_shares = [round(share, 4) for share in noise_shares]
        self._hash = configuration_hash(config)

    def answer(self, network: CausalVelocityTransformer) -> ExportSpec:
        rows = self._sizes.window - 1, row_width(self._sizes)
        memory = TensorSpec(name="memory", shape=("notes", *rows), type="float32")

        def random_inputs(rng: np.random.Generator, length: int) -> Arrays:
            return _random_notes(rng, length, len(SCALARS)) | {"memory": np.stack([self._random_rows(rng) for _ in range(length)])}

        contract = self._contract(SYSTEM, (*_notes(len(SCALARS)), memory), QUANTILES)
        return _quantiles_spec(VelocityAnswer(network), contract, random_inputs)

    def memory(self, network: CausalVelocityTransformer) -> ExportSpec:
        rows = self._sizes.window - 1, row_width(self._sizes)
        states = tuple(StateSpec(name=name, shape=rows, type="float32") for name in cache_names(self._sizes))
        output = TensorSpec(name="rows", shape=("notes", rows[1]), type="float32")
        return ExportSpec(
            module=VelocityMemory(network).eval(),
            contract=self._contract(MEMORY_SYSTEM, _notes(len(SCALARS)), output, states=states),
            random_inputs=lambda rng, length: _random_notes(rng, length, len(SCALARS)),
            random_state=lambda rng: {state.name: self._random_rows(rng) for state in states},
            decisions=lambda outputs: np.round(outputs["rows"], 2),
            tolerance=1e-4,
            decision_agreement=0.999,
            quantised_difference=0.1,
        )

    def lookahead(self, network: LookaheadVelocityTransformer) -> ExportSpec:
        inputs = _notes(len(LOOKAHEAD_SCALARS))
        module: torch.nn.Module
        if isinstance(network, PedallingVelocityTransformer):
            module = SinglePedallingVelocityTransformer(network)
            contract = self._contract(LOOKAHEAD_SYSTEM, inputs, QUANTILES, MOVES, constants=self._pedal)
        else:
            module = SingleLookaheadVelocityTransformer(network)
            contract = self._contract(LOOKAHEAD_SYSTEM, inputs, QUANTILES)
        return _quantiles_spec(module, contract, lambda rng, length: _random_notes(rng, length, len(LOOKAHEAD_SCALARS)))

    def _contract(
        self,
        system: str,
        inputs: tuple[TensorSpec, ...],
        *outputs: TensorSpec,
        states: tuple[StateSpec, ...] = (),
        constants: Mapping[str, float] = MappingProxyType({}),
    ) -> Contract:
        return Contract(
            system=system,
            representation_version=REPRESENTATION_VERSION,
            inputs=inputs,
            outputs=outputs,
            state=states,
            controls=tuple(ControlRange(name=control.name, minimum=control.minimum, maximum=control.maximum) for control in CONTROLS),
            constants={
                "quantile_levels": list(QUANTILE_LEVELS),
                "median_velocity": self._learnt.median_velocity,
                "noise_time_constants_s": list(NOISE_TIME_CONSTANTS_S),
                "noise_shares": self._noise_shares,
                **constants,
            },
            training_data=self._learnt.training_data,
            licence=self._learnt.licence,
            configuration_hash=self._hash,
            parameters=UNCOUNTED,
        )

    def _random_rows(self, rng: np.random.Generator) -> np.ndarray:
        """Rows of memory or of a cache, half of them written."""
        rows = rng.normal(size=(self._sizes.window - 1, row_width(self._sizes))).astype(np.float32)
        rows[:, self._sizes.head_width] = 1
        rows[: self._sizes.window // 2] = 0
        return rows


QUANTILES = TensorSpec(name="quantiles", shape=("notes", len(QUANTILE_LEVELS)), type="float32")
MOVES = TensorSpec(name="moves", shape=("notes", len(PEDAL_MOVES)), type="float32")


def _quantiles_spec(module: torch.nn.Module, contract: Contract, random_inputs: Callable[[np.random.Generator, int], Arrays]) -> ExportSpec:
    return ExportSpec(
        module=module.eval(),
        contract=contract,
        random_inputs=random_inputs,
        random_state=lambda rng: {},
        decisions=lambda outputs: np.floor(outputs["quantiles"][:, MEDIAN] + 0.5),
        tolerance=1e-4,
        decision_agreement=0.999,
        quantised_difference=0.6,
    )


def _notes(scalars: int) -> tuple[TensorSpec, ...]:
    return (
        TensorSpec(name="pitch", shape=("notes",), type="int64"),
        TensorSpec(name="hint", shape=("notes",), type="int64"),
        TensorSpec(name="keys", shape=("notes", KEYS), type="float32"),
        TensorSpec(name="scalars", shape=("notes", scalars), type="float32"),
    )


def _random_notes(rng: np.random.Generator, length: int, scalars: int) -> Arrays:
    """Notes as they may come: times over the whole range, some keys held, some just released."""
    move = rng.random((length, KEYS))
    times_s = np.exp(rng.uniform(np.log(1e-3), np.log(5), (length, KEYS)))
    return {
        "pitch": rng.integers(0, PITCHES, length),
        "hint": rng.integers(0, HINTS, length),
        "keys": np.where(move > 0.95, times_s, np.where(move < 0.1, -times_s, 0)).astype(np.float32),
        "scalars": np.exp(rng.uniform(np.log(1e-3), np.log(20), (length, scalars))).astype(np.float32),
    }
