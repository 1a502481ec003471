"""Performances as the streaming velocity transformer hears them, computed once and kept in a cache folder."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from engine.base.files import whole_file
from engine.midi.events import SOFT_PEDAL, SUSTAIN_PEDAL
from models.velocity.representation import REPRESENTATION_VERSION, NoteTracker
from training.datasets.performances import Performance


@dataclass(frozen=True)
class VelocityFeatures:
    """The notes of many performances, one after another.

    ``starts`` (performances + 1,) int64 bounds each performance. By note: ``pitch_index`` int64, ``keys`` (notes, 97) float16, ``scalars``
    (notes, 11) float32, ``onset_s`` float64, ``duration_s`` float32, ``velocity`` int64.
    """

    names: list[str]
    starts: np.ndarray
    pitch_index: np.ndarray
    keys: np.ndarray
    scalars: np.ndarray
    onset_s: np.ndarray
    duration_s: np.ndarray
    velocity: np.ndarray


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
    }


def load_velocity_features(performances: list[Performance], cache: Path) -> VelocityFeatures:
    """Describe the performances, or read their description from ``cache`` if the same ones were described before."""
    digest = hashlib.sha256(str(REPRESENTATION_VERSION).encode())
    for performance in performances:
        digest.update(performance.name.encode() + performance.notes.tobytes() + performance.pedals.tobytes())
    path = cache / f"velocity-features-{digest.hexdigest()[:16]}.npz"
    if not path.exists():
        shown = track(performances, "describing notes", console=Console(stderr=True))
        described = [describe_performance(performance) for performance in shown]
        columns: dict[str, Any] = {name: np.concatenate([columns[name] for columns in described]) for name in described[0]}
        starts = np.cumsum([0] + [len(performance.notes) for performance in performances])
        cache.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            np.savez(partial, starts=starts, **columns)
    with np.load(path) as stored:
        return VelocityFeatures([performance.name for performance in performances], **{name: stored[name] for name in stored.files})
