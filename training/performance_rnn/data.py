"""Performances as Performance RNN reads them: notes with their sustain, kept in a cache folder, and windows of their
events in lanes.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from rich.console import Console
from rich.progress import track
from torch import Tensor

from engine.midi.events import SUSTAIN_PEDAL
from models.performance_rnn.network import PerformanceRNNConfig
from models.performance_rnn.representation import PITCHES, EventCodec, describe_controls, extend_by_sustain
from training.datasets import asap, maestro, performances
from training.datasets.performances import NOTE_DTYPE, Performance
from training.runs import RunConfig
from training.runs.processes import process
from training.stages.tables import code_digest, load_columns

VALIDATION_EXCERPTS, VALIDATION_EVENTS = 24, 1024
FIELDS = NOTE_DTYPE.names or ()


@dataclass(frozen=True)
class SoundingNotes:
    """The notes of many performances, one after another, as long as they sound; ``starts`` (performances + 1,) bounds each performance.

    ``notes`` are the columns of NOTE_DTYPE, or such a table; they may be larger than the memory.
    """

    notes: Mapping[str, np.ndarray] | np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def performance(self, index: int) -> np.ndarray:
        rows = slice(self.starts[index], self.starts[index + 1])
        table = np.zeros(rows.stop - rows.start, NOTE_DTYPE)
        for name in FIELDS:
            table[name] = self.notes[name][rows]
        return table


def sounding_notes(performance: Performance) -> np.ndarray:
    """Return the notes of a performance as long as they sound, from its first onset on."""
    sustain = performance.pedals[performance.pedals["number"] == SUSTAIN_PEDAL]
    notes = extend_by_sustain(performance.notes, sustain["time_sec"], sustain["value"])
    if len(notes):
        notes["onset_sec"] -= notes["onset_sec"].min()
    return notes


def load_sounding_notes(root: Path, split: asap.Split, cache: Path) -> SoundingNotes:
    """Read the split of an (n)ASAP or a MAESTRO folder, or what ``cache`` keeps of it. Raises PerfLiveError when it is neither."""
    in_maestro = (root / maestro.TABLE).exists()
    rows = maestro.performance_rows(root, split) if in_maestro else asap.performance_rows(root, split)
    digest = hashlib.sha256(code_digest(performances, sounding_notes, extend_by_sustain).encode())
    for row in rows:
        name = row["midi_filename" if in_maestro else "midi_performance"]
        digest.update(name.encode())
        with contextlib.suppress(OSError), (root / name).open("rb") as file:  # the reader says of each file what is wrong with it
            digest.update(hashlib.file_digest(file, "sha256").digest())

    def read() -> Iterator[dict[str, np.ndarray]]:
        found = maestro.read_maestro(root, split) if in_maestro else asap.read_asap(root, split)
        for performance in track(found, f"reading {split} performances", len(rows), console=Console(stderr=True)):
            table = sounding_notes(performance)
            yield {name: table[name] for name in FIELDS}

    columns = load_columns(cache / f"performance-rnn-{split}-{digest.hexdigest()[:16]}.arrow", read)
    return SoundingNotes(columns.arrays, columns.starts)


def encode_performance(codec: EventCodec, notes: np.ndarray, stretch: float = 1.0, semitones: int = 0) -> tuple[np.ndarray, ...]:
    """Return events (E,), notes a second (E,) and pitch-class shares (E, 12) to come at each, played slower and higher."""
    changed = notes.copy()
    changed["onset_sec"] *= stretch
    changed["duration_sec"] *= stretch
    changed["pitch"] += semitones
    steps = codec.quantise(changed)
    events, at = codec.encode(steps)
    places, place = np.unique(at, return_inverse=True)
    density, histogram = codec.density(steps, places), codec.pitch_class_histogram(steps, places)
    return events, density[place].astype(np.float32), histogram[place]


class PerformanceRNNTrainingConfig(RunConfig):
    """A batch is ``lanes`` windows of ``events_per_window``. Time is stretched by one of ``stretch``, pitches move by up to
    ``transpose_semitones``; density and histogram are each known in ``known_share`` of the windows. ``initial`` is
    the file that a run begins from, seen from the folder in which perf-train is called: a checkpoint (.ckpt) of another run, or weights
    alone, exported (.onnx) or kept (.safetensors).
    """

    task: Literal["performance-rnn"]
    network: PerformanceRNNConfig
    lanes: int = Field(gt=0)
    events_per_window: int = Field(gt=0)
    stretch: tuple[float, ...]
    transpose_semitones: int = Field(ge=0, le=12)
    known_share: float = Field(ge=0, le=1)
    initial: str | None = None


def inputs_of(codec: EventCodec, events: np.ndarray) -> np.ndarray:
    """Return what precedes each event; a performance is preceded by the longest time shift."""
    return np.concatenate(([codec.first_velocity - 1], events[:-1]))


class Place(NamedTuple):
    """Where a lane is: the ``number`` of its performance in the run's endless order of them, the event at which that was entered, and the
    first event of the window.
    """

    number: int
    entered: int
    begin: int


class LaneSampler(torch.utils.data.IterableDataset):
    """Yields batches for ever. Each lane reads a performance window by window, then the next of a shuffled pass through all.

    ``fresh`` (lanes,) says where a lane's state begins anew, ``place`` (lanes, 3) int64 is each lane's Place. A run that is taken up
    after the ``places`` (lanes, 3) of a batch reads on from there. Without them each lane's first performance is entered anywhere, and
    ``first`` is the number of the first one.

    What is drawn of a window depends on the seed, the process and the window's place alone.
    """

    def __init__(self, notes: SoundingNotes, config: PerformanceRNNTrainingConfig, places: Tensor | None = None, first: int = 0):
        self.notes, self.config, self.places, self.first = notes, config, places, first
        self._shuffled = -1, np.zeros(0, np.int64)  # a pass, and its order

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        if self.places is None:
            numbers = count(self.first)
            lanes = [self._windows(next(numbers), anywhere=True) for _ in range(self.config.lanes)]
        else:
            places = [Place(*place) for place in self.places.tolist()]
            numbers = count(max(place.number for place in places) + 1)
            lanes = [self._windows(place.number, after=place) for place in places]
        while True:
            batch = []
            for lane in range(self.config.lanes):
                while (window := next(lanes[lane], None)) is None:
                    lanes[lane] = self._windows(next(numbers))
                batch.append(window)
            yield {name: torch.from_numpy(np.stack([window[name] for window in batch])) for name in batch[0]}

    def _random(self, *place: int) -> np.random.Generator:
        return np.random.default_rng((self.config.seed, process(), *place))

    def _performance(self, number: int) -> np.ndarray:
        pass_, index = divmod(number, len(self.notes))
        if pass_ != self._shuffled[0]:
            self._shuffled = pass_, self._random(pass_).permutation(len(self.notes))
        return self.notes.performance(self._shuffled[1][index])

    def _windows(self, number: int, anywhere: bool = False, after: Place | None = None) -> Iterator[dict[str, np.ndarray]]:
        notes = self._performance(number)
        if not len(notes):
            return
        random, reach = self._random(number, 0), self.config.transpose_semitones
        semitones = int(np.clip(random.integers(-reach, reach + 1), -notes["pitch"].min(), PITCHES - 1 - notes["pitch"].max()))
        codec = self.config.network.codec
        events, density, histogram = encode_performance(codec, notes, random.choice(self.config.stretch), semitones)
        inputs, sounding, length = inputs_of(codec, events), codec.sounding(events), self.config.events_per_window
        entered = int(random.integers(0, max(len(events) - length, 1))) if anywhere else 0
        next_begin = entered
        if after:
            entered, next_begin = after.entered, after.begin + length
        for begin in range(next_begin, len(events) - length + 1, length):
            window = slice(begin, begin + length)
            knows_density, knows_histogram = self._random(number, 1, begin).random(2) < self.config.known_share
            told = density[window] if knows_density else None, histogram[window] if knows_histogram else None
            controls = describe_controls(*told, length, sounding[window])
            place = np.array(Place(number, entered, begin), np.int64)
            described = {"event": inputs[window], "target": events[window], "controls": controls}
            yield described | {"fresh": np.array(begin == entered), "place": place}


def validation_excerpts(notes: SoundingNotes, config: PerformanceRNNTrainingConfig) -> tuple[dict[str, Tensor], float]:
    """Return excerpts of performances spread over the split, with nothing known of what is to come, and the music's seconds in all."""
    random, codec = np.random.default_rng(0), config.network.codec
    batch: list[tuple[np.ndarray, ...]] = []
    for index in random.permutation(len(notes)):
        events, _ = codec.encode(codec.quantise(notes.performance(index)))
        if len(events) >= VALIDATION_EVENTS and len(batch) < VALIDATION_EXCERPTS:
            begin = int(random.integers(0, len(events) - VALIDATION_EVENTS + 1))
            window = slice(begin, begin + VALIDATION_EVENTS)
            controls = describe_controls(None, None, VALIDATION_EVENTS, codec.sounding(events)[window])
            batch.append((inputs_of(codec, events)[window], events[window], controls))
    event, target, controls = (np.stack(columns) for columns in zip(*batch, strict=True))
    seconds = float(codec.shift_steps(target).sum() * codec.step_s)
    return {name: torch.from_numpy(array) for name, array in (("event", event), ("target", target), ("controls", controls))}, seconds
