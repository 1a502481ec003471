"""Performances as Performance RNN reads them: notes with their sustain, kept in a cache folder, and their events on demand."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console
from rich.progress import track

from engine.base.files import whole_file
from engine.midi.events import SUSTAIN_PEDAL
from models.performance_rnn.representation import REPRESENTATION_VERSION, EventCodec, extend_by_sustain
from training.datasets import asap, maestro
from training.datasets.performances import NOTE_DTYPE, Performance

Split = Literal["train", "validation"]


@dataclass(frozen=True)
class SoundingNotes:
    """The notes of many performances, one after another, as long as they sound; ``starts`` (performances + 1,) bounds each performance."""

    notes: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def performance(self, index: int) -> np.ndarray:
        return self.notes[self.starts[index] : self.starts[index + 1]]


def sounding_notes(performance: Performance) -> np.ndarray:
    """Return the notes of a performance as long as they sound, from its first onset on."""
    sustain = performance.pedals[performance.pedals["number"] == SUSTAIN_PEDAL]
    notes = extend_by_sustain(performance.notes, sustain["time_sec"], sustain["value"])
    if len(notes):
        notes["onset_sec"] -= notes["onset_sec"].min()
    return notes


def load_sounding_notes(root: Path, split: Split, cache: Path) -> SoundingNotes:
    """Read the split of an (n)ASAP or a MAESTRO folder, or what ``cache`` keeps of it. Raises PerfLiveError when it is neither."""
    in_maestro = (root / maestro.TABLE).exists()
    rows = maestro.performance_rows(root, split) if in_maestro else asap.performance_rows(root, split)
    digest = hashlib.sha256(f"{REPRESENTATION_VERSION} {rows}".encode()).hexdigest()[:16]
    path = cache / f"performance-rnn-{split}-{digest}.npz"
    if not path.exists():
        performances = maestro.read_maestro(root, split) if in_maestro else asap.read_asap(root, split)
        shown = track(performances, f"reading {split} performances", len(rows), console=Console(stderr=True))
        tables = [sounding_notes(performance) for performance in shown]
        cache.mkdir(parents=True, exist_ok=True)
        notes = np.concatenate([np.zeros(0, NOTE_DTYPE), *tables])
        with whole_file(path) as partial:
            np.savez(partial, notes=notes, starts=np.cumsum([0] + [len(table) for table in tables]))
    with np.load(path) as stored:
        return SoundingNotes(stored["notes"], stored["starts"])


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
