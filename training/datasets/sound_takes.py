"""Sound beside the notes that made it, one file a take: what PerformanceNet learns from and is measured by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from models.performance_net.representation import SoundEvent, sound_events

FULL_SCALE = 16384  # the stored integer of a sample of 1; what is louder, up to 2, is kept


@dataclass(frozen=True)
class SoundTake:
    """``audio`` (samples,) int16, mono, 44.1 kHz, in steps of 1 / FULL_SCALE, and what was played, in its time.

    ``notes`` is of NOTE_DTYPE, durations the keys' own; ``pedals`` of PEDAL_DTYPE. ``piece`` is what splits are made by.
    """

    name: str
    piece: str
    audio: np.ndarray
    notes: np.ndarray
    pedals: np.ndarray

    @property
    def sound(self) -> np.ndarray:
        """The samples as float32."""
        return self.audio.astype(np.float32) / FULL_SCALE

    @property
    def events(self) -> list[SoundEvent]:
        return sound_events(self.notes, self.pedals)


def to_integers(sound: np.ndarray) -> np.ndarray:
    """Return samples as they are stored, int16; what is louder than twice full scale is cut off."""
    return np.clip(np.rint(sound * FULL_SCALE), -32768, 32767).astype(np.int16)


def excerpt(notes: np.ndarray, pedals: np.ndarray, begin_sec: float, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the notes that begin within the span, and the pedals: as they are at its beginning, and as they move. Its beginning is 0."""
    chosen = notes[(notes["onset_sec"] >= begin_sec) & (notes["onset_sec"] < begin_sec + seconds)].copy()
    chosen["onset_sec"] -= begin_sec
    moves = pedals[(pedals["time_sec"] > begin_sec) & (pedals["time_sec"] < begin_sec + seconds)].copy()
    before = pedals[pedals["time_sec"] <= begin_sec]
    standing = [before[before["number"] == number][-1:] for number in np.unique(before["number"])]
    moves = np.concatenate([*standing, moves])
    moves["time_sec"] = np.maximum(moves["time_sec"] - begin_sec, 0)
    return chosen, moves


def save_take(path: Path, take: SoundTake) -> None:
    """Write one take; the file appears whole or not at all. Raises PerfLiveError."""
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, name=take.name, piece=take.piece, audio=take.audio, notes=take.notes, pedals=take.pedals)


def load_takes(folder: Path) -> list[SoundTake]:
    """Return all takes of a folder, in the order of their names. Raises PerfLiveError when there is none, or one cannot be read."""
    return [read_take(path) for path in take_paths(folder)]


def take_paths(folder: Path) -> list[Path]:
    """Return the files of a folder's takes, in the order of their names. Raises PerfLiveError when there is none."""
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise PerfLiveError(f"{folder}: there are no rendered takes here; make some with perf-eval sound-data")
    return paths


def read_take(path: Path) -> SoundTake:
    """Return one take. Raises PerfLiveError when it cannot be read."""
    try:
        with np.load(path) as stored:
            take = SoundTake(str(stored["name"]), str(stored["piece"]), stored["audio"], stored["notes"], stored["pedals"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        what = type(error).__name__
        raise PerfLiveError(f"{path}: cannot be read as a rendered take ({what}); make it again with perf-eval sound-data") from error
    return take
