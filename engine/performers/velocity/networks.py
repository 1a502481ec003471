"""The velocity transformers' graphs, opened, and a note as they are given it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.base.errors import PerfLiveError
from engine.onnx.model import Model
from models.velocity.representation import REPRESENTATION_VERSION, NoteFeatures

SYSTEM, MEMORY_SYSTEM, LOOKAHEAD_SYSTEM = "velocity", "velocity-memory", "velocity-lookahead"
HintedNote = tuple[NoteFeatures, int]  # a note-on and its velocity hint, 0 for none


@dataclass(frozen=True)
class VelocityModel:
    """The two graphs of the causal performer: a note waits for ``answer``; ``memory`` computes what later notes know of it."""

    answer: Model
    memory: Model

    @classmethod
    def open(cls, path: Path) -> "VelocityModel":
        """Open ``path`` and, beside it, NAME_memory.onnx. Raises PerfLiveError when they are not such models, or not of one training."""
        memory_path = path.with_stem(f"{path.stem}_memory")
        answer, memory = Model(path, SYSTEM, REPRESENTATION_VERSION), Model(memory_path, MEMORY_SYSTEM, REPRESENTATION_VERSION)
        if answer.contract.configuration_hash != memory.contract.configuration_hash:
            raise PerfLiveError(f"{path} and {memory_path.name} are not of the same training; export both again with perf-export")
        return cls(answer, memory)


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
