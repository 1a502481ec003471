"""Performances as the streaming velocity transformers hear them, computed once and kept in a cache folder, and windows of them."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from rich.console import Console
from rich.progress import track
from torch import Tensor

from engine.midi.events import SOFT_PEDAL, SUSTAIN_PEDAL
from models.velocity import representation
from models.velocity.network import VelocityTransformerConfig
from models.velocity.representation import (
    PITCHES,
    RELEASED_LIMIT_S,
    SCALARS,
    NoteTracker,
    known_durations,
    velocity_hint,
)
from training.datasets.asap import Split, read_asap
from training.datasets.performances import Performance
from training.datasets.pop909 import read_pop909
from training.runs import RunConfig
from training.runs.batches import ShuffledBatches
from training.stages.tables import code_digest, load_columns
from training.velocity import pedalling
from training.velocity.pedalling import pedal_moves

DatasetName = Literal["asap", "pop909"]
READERS: dict[DatasetName, Callable[[Path, Split], Iterable[Performance]]] = {"asap": read_asap, "pop909": read_pop909}


@dataclass(frozen=True)
class VelocityFeatures:
    """The notes of many performances, one after another, in arrays that are not to be written to: they may be larger than the memory.

    ``starts`` (performances + 1,) int64 bounds each performance. By note: ``pitch_index`` int64, ``keys`` (notes, 97) float16, ``scalars``
    (notes, 11) float32, ``onset_s`` float64, ``duration_s`` float32, ``velocity`` int64, ``pedal`` (notes, 2) int8:
    PEDAL_MOVES, or UNKNOWN.
    """

    names: list[str]
    starts: np.ndarray
    pitch_index: np.ndarray
    keys: np.ndarray
    scalars: np.ndarray
    onset_s: np.ndarray
    duration_s: np.ndarray
    velocity: np.ndarray
    pedal: np.ndarray


def describe_performance(performance: Performance) -> dict[str, np.ndarray]:
    """Run a NoteTracker over one performance; return the columns of VelocityFeatures for its notes."""
    notes, pedals = performance.notes, performance.pedals
    tracker = NoteTracker()
    offsets = notes["onset_sec"] + notes["duration_sec"]
    # At one instant: note-offs first, so that a repeated key is free again, then pedals, then note-ons.
    moments = [(offset, 0, index) for index, offset in enumerate(offsets)]
    moments += [(time_s, 1, index) for index, time_s in enumerate(pedals["time_sec"])]
    moments += [(onset, 2, index) for index, onset in enumerate(notes["onset_sec"])]
    described = []
    for time_s, kind, index in sorted(moments):
        if kind == 2:
            described.append(tracker.note_on(time_s, int(notes["pitch"][index])))
        elif kind == 0:
            tracker.note_off(time_s, int(notes["pitch"][index]))
        elif pedals["number"][index] == SUSTAIN_PEDAL:
            tracker.sustain_pedal(time_s, int(pedals["value"][index]))
        elif pedals["number"][index] == SOFT_PEDAL:
            tracker.soft_pedal(int(pedals["value"][index]))
    return {
        "pitch_index": np.array([note.pitch_index for note in described], dtype=np.int64),
        "keys": np.stack([note.keys for note in described]).astype(np.float16),
        "scalars": np.array([note.scalars for note in described], np.float32),
        "onset_s": notes["onset_sec"].astype(np.float64),
        "duration_s": notes["duration_sec"].astype(np.float32),
        "velocity": notes["velocity"].astype(np.int64),
        "pedal": pedal_moves(notes, performance.hidden_pedals),
    }


def load_velocity_features(read: Callable[[], Iterable[Performance]], cache: Path) -> VelocityFeatures:
    """Describe the performances that ``read`` returns, or map their description from ``cache`` if the same ones were described before.

    They are read once or twice, one at a time.
    """
    digest, names = hashlib.sha256(CODE.encode()), []
    for performance in read():
        digest.update(performance.name.encode() + performance.notes.tobytes() + performance.pedals.tobytes())
        digest.update(performance.hidden_pedals.tobytes())
        names.append(performance.name)

    def described() -> Iterator[dict[str, np.ndarray]]:
        for performance in track(read(), "describing notes", len(names), console=Console(stderr=True)):
            yield describe_performance(performance)

    columns = load_columns(cache / f"velocity-features-{digest.hexdigest()[:16]}.arrow", described)
    return VelocityFeatures(names, columns.starts, **columns.arrays)


CODE = code_digest(representation, describe_performance, pedalling)


class VelocityTrainingConfig(RunConfig):
    """``stretch`` 0.2 stretches time by a factor from 1/1.2 to 1.2; ``hint_share`` is how many windows are given the velocity hint."""

    task: Literal["velocity"]
    dataset: DatasetName = "asap"
    network: VelocityTransformerConfig
    windows_per_batch: int = Field(gt=0)
    notes_per_window: int = Field(gt=0)
    transpose_semitones: int = Field(ge=0, le=12)
    stretch: float = Field(ge=0)
    hint_share: float = Field(ge=0, le=1)


class VelocityWindows(ShuffledBatches[int]):
    """Yields batches of windows of notes for ever: every note once a pass, in random order and at random offsets, augmented."""

    def __init__(self, features: VelocityFeatures, config: VelocityTrainingConfig, seed: int, augment: bool, first: int = 0):
        super().__init__(seed, config.windows_per_batch, first)
        self.features, self.config, self.augment = features, config, augment

    def items(self) -> list[int]:
        """Return the first notes of windows."""
        length = self.config.notes_per_window
        starts: list[int] = []
        for begin, end in zip(self.features.starts[:-1], self.features.starts[1:], strict=True):
            if end - begin >= length:
                offset = int(self.random.integers(0, min(length, end - begin - length + 1)))
                starts.extend(range(begin + offset, end - length + 1, length))
                starts.append(begin if self.random.random() < 0.5 else end - length)  # beginnings and ends are heard as often
        self.random.shuffle(starts)
        return starts

    def batch(self, items: Sequence[int]) -> dict[str, Tensor]:
        starts = np.array(items)
        rows = starts[:, None] + np.arange(self.config.notes_per_window)  # [B, T]
        batch = describe_windows(self.features, rows, self.config.network.looks_ahead)
        if self.augment:
            factors = self._stretch_factors(len(starts))
            stretch_time(batch["scalars"], batch["keys"], factors)
            batch["onset_s"] *= factors
            shift = self.random.integers(-self.config.transpose_semitones, self.config.transpose_semitones + 1, (len(starts), 1))
            batch["pitch"] = np.clip(batch["pitch"] + shift, 0, PITCHES - 1)
        batch["hint"] = self._hints(batch["velocity"])
        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def _stretch_factors(self, windows: int) -> np.ndarray:
        reach = np.log1p(self.config.stretch)
        return np.exp(self.random.uniform(-reach, reach, (windows, 1))).astype(np.float32)

    def _hints(self, velocity: np.ndarray) -> np.ndarray:
        """The hint of whole windows, of none, and of some from a note in the middle on: a player who starts to vary the touch."""
        hint = velocity_hint(velocity)
        given_from = np.where(self.random.random((len(velocity), 1)) < self.config.hint_share, 0, velocity.shape[1])
        late = self.random.random((len(velocity), 1)) < 0.1
        given_from = np.where(late, self.random.integers(0, velocity.shape[1], (len(velocity), 1)), given_from)
        return np.where(np.arange(velocity.shape[1]) >= given_from, hint, 0)


def describe_windows(features: VelocityFeatures, rows: np.ndarray, looks_ahead: bool) -> dict[str, np.ndarray]:
    """Return what the network is given of the notes ``rows`` [B, T], but for the hint, and their velocity as float32."""
    scalars = features.scalars[rows]
    if looks_ahead:
        scalars = np.concatenate((scalars, known_durations(features.onset_s[rows], features.duration_s[rows])), -1)
    return {
        "pitch": features.pitch_index[rows],
        "keys": features.keys[rows].astype(np.float32),
        "scalars": scalars,
        "onset_s": (features.onset_s[rows] - features.onset_s[rows[:, :1]]).astype(np.float32),
        "velocity": features.velocity[rows].astype(np.float32),
        "pedal": features.pedal[rows].astype(np.float32),
    }


def stretch_time(scalars: np.ndarray, keys: np.ndarray, factors: np.ndarray) -> None:
    """Play windows slower by ``factors`` [B, 1], in place: times grow, densities fall."""
    for index, name in enumerate(SCALARS):
        if name.endswith("_s"):
            scalars[..., index] *= factors
        elif name.startswith("density"):
            scalars[..., index] /= factors
    if scalars.shape[-1] > len(SCALARS):
        scalars[..., len(SCALARS)] *= factors
    keys *= factors[..., None]
    keys[keys <= -RELEASED_LIMIT_S] = 0.0


def validation_batches(features: VelocityFeatures, config: VelocityTrainingConfig, batches: int = 12) -> list[dict[str, Tensor]]:
    """A fixed sample of validation windows, half of them hinted: quick to follow while training; the real figures come from perf-eval."""
    sampler = VelocityWindows(features, config, seed=0, augment=False)
    chosen = [batch for batch, _ in zip(sampler, range(batches), strict=False)]
    for index, batch in enumerate(chosen):
        hint = torch.from_numpy(velocity_hint(batch["velocity"].numpy()))
        batch["hint"] = hint if index % 2 else torch.zeros_like(hint)
    return chosen


def load_split(dataset: DatasetName, root: Path, split: Split, cache: Path) -> VelocityFeatures:
    """Return the performances of a split of the data set in ``root``; what is slow to compute is kept in ``cache``."""
    return load_velocity_features(lambda: READERS[dataset](root, split), cache / "features")
