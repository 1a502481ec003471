"""The velocity transformers' graphs, opened, and a note as they are given it."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from engine.base.errors import PerfLiveError
from engine.onnx.model import Model
from models.velocity.representation import REPRESENTATION_VERSION, NoteFeatures

SYSTEM, MEMORY_SYSTEM, LOOKAHEAD_SYSTEM = "velocity", "velocity-memory", "velocity-lookahead"
HintedNote = tuple[NoteFeatures, int]  # a note-on and its velocity hint, 0 for none


class VelocityModel:
    """The two graphs of the causal performer, in a file and in NAME_memory.onnx beside it; they are opened when they are first needed.

    A note waits for ``answer``; ``memory`` computes what later notes know of it. Both raise PerfLiveError when they are not such models, or
    not of one training.
    """

    def __init__(self, path: Path):
        self._path = path

    @classmethod
    def open(cls, path: Path) -> "VelocityModel":
        """Return the model, opened. Raises PerfLiveError as ``answer``."""
        model = cls(path)
        model.warm_up()
        return model

    @property
    def answer(self) -> Model:
        return self._graphs[0]

    @property
    def memory(self) -> Model:
        return self._graphs[1]

    def warm_up(self) -> None:
        """Open the graphs and run a few steps, so that no note waits for that."""
        self.answer.warm_up()
        self.memory.warm_up()

    @cached_property
    def _graphs(self) -> tuple[Model, Model]:
        memory_path = self._path.with_stem(f"{self._path.stem}_memory")
        answer, memory = Model(self._path, SYSTEM, REPRESENTATION_VERSION), Model(memory_path, MEMORY_SYSTEM, REPRESENTATION_VERSION)
        if answer.contract.configuration_hash != memory.contract.configuration_hash:
            raise PerfLiveError(f"{self._path} and {memory_path.name} are not of the same training; export both again with perf-export")
        return answer, memory


def describe_note(note: HintedNote, inputs: Mapping[str, np.ndarray]) -> None:
    """Write a note into the inputs of a step."""
    features, hint = note
    inputs["pitch"][0] = features.pitch_index
    inputs["hint"][0] = hint
    inputs["keys"][0] = features.keys
    inputs["scalars"][0] = features.scalars


def chunk_inputs(notes: Sequence[HintedNote]) -> dict[str, np.ndarray]:
    """Return the inputs of a graph, [notes, ...], for notes and their hints."""
    return {
        "pitch": np.array([features.pitch_index for features, _ in notes]),
        "hint": np.array([hint for _, hint in notes]),
        "keys": np.array([features.keys for features, _ in notes], np.float32),
        "scalars": np.array([features.scalars for features, _ in notes], np.float32),
    }
