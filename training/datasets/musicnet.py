"""MusicNet: recordings of chamber music with labelled notes (Thickstun, Harchaoui, Kakade, ICLR 2017; version 1 of the labels, CC BY 4.0).

Its two published layouts, of which either will do:

- ``musicnet_metadata.csv`` beside ``train_data``, ``train_labels``, ``test_data`` and ``test_labels``: a .wav and a .csv a recording
- ``musicnet.npz``: an array of two a recording, the sound and an interval tree of (instrument, pitch, measure, beat, note value), pickled

Times of labels are in samples at 44.1 kHz. There are no velocities (here all are VELOCITY) and no pedals. The split is the published one,
by recording.
"""

import csv
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.io.wavfile

from engine.base.errors import PerfLiveError
from models.performance_net.representation import SAMPLE_RATE
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE
from training.datasets.sound_takes import SoundTake, to_integers

Split = Literal["train", "test"]
Instrument = Literal["cello", "violin", "flute"]
LICENCE = "CC BY 4.0"
METADATA, ARCHIVE = "musicnet_metadata.csv", "musicnet.npz"
VELOCITY = 64

# The paper's recordings of each instrument alone.
SOLO_RECORDINGS: dict[Instrument, tuple[int, ...]] = {
    "cello": (*range(2217, 2223), *range(2293, 2299)),
    "violin": (2191, 2244, 2288, 2289, 2659),
    "flute": (2202, 2203, 2204),
}
TEST_RECORDINGS = (1759, 1819, 2106, 2191, 2298, 2303, 2382, 2416, 2556, 2628)  # the published ten


def read_musicnet(root: Path, instrument: Instrument, split: Split) -> Iterator[SoundTake]:
    """Yield the instrument's solo recordings of the split, in the order of their numbers; the piece is the recording.

    Raises PerfLiveError when ``root`` has neither layout, or a recording cannot be read. A recording that is not there is left out.
    """
    numbers = [number for number in SOLO_RECORDINGS[instrument] if (number in TEST_RECORDINGS) == (split == "test")]
    if (root / METADATA).is_file():
        for number in numbers:
            if (root / f"{split}_labels" / f"{number}.csv").is_file():
                yield _read_files(root, split, number)
    elif (root / ARCHIVE).is_file():
        yield from _read_archive(root / ARCHIVE, numbers)
    else:
        raise PerfLiveError(f"{root}: not a MusicNet folder, it has neither {METADATA} nor {ARCHIVE}; unpack the published files there")


def _read_files(root: Path, split: Split, number: int) -> SoundTake:
    sound_path, label_path = root / f"{split}_data" / f"{number}.wav", root / f"{split}_labels" / f"{number}.csv"
    try:
        rate, samples = scipy.io.wavfile.read(sound_path)
        with label_path.open(encoding="utf-8", newline="") as file:
            labels = [(int(row["start_time"]), int(row["end_time"]), int(row["note"])) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError) as error:
        raise PerfLiveError(f"{root}: MusicNet's recording {number} cannot be read ({error}); unpack it again") from error
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise PerfLiveError(f"{sound_path}: expected one channel of {SAMPLE_RATE} Hz, as published; unpack it again")
    if np.issubdtype(samples.dtype, np.integer):
        samples = samples / -float(np.iinfo(samples.dtype).min)
    return _take(number, samples, labels)


def _read_archive(path: Path, numbers: list[int]) -> Iterator[SoundTake]:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        for number in numbers:
            if f"{number}.npy" in names:
                try:
                    with archive.open(f"{number}.npy") as member:
                        samples, labels = _LabelUnpickler.read(member)
                    notes = [(label.begin, label.end, label.data[1]) for label in labels]
                except (pickle.UnpicklingError, ValueError, TypeError, EOFError) as error:
                    raise PerfLiveError(f"{path}: recording {number} cannot be read ({error}); download it again") from error
                yield _take(number, samples, notes)


def _take(number: int, samples: np.ndarray, labels: list[tuple[int, int, int]]) -> SoundTake:
    notes = np.array([(begin / SAMPLE_RATE, (end - begin) / SAMPLE_RATE, pitch, VELOCITY) for begin, end, pitch in labels], NOTE_DTYPE)
    return SoundTake(
        f"musicnet.{number}", str(number), to_integers(samples), np.sort(notes, order=("onset_sec", "pitch")), np.zeros(0, PEDAL_DTYPE)
    )


class _Label(NamedTuple):
    """Stands for intervaltree's Interval."""

    begin: int
    end: int
    data: Any = None


class _LabelUnpickler(pickle.Unpickler):
    """Reads an array of sound and labels, and nothing else that a pickle could hold: the archive needs no package, and can run no code."""

    _KNOWN = {
        ("intervaltree.intervaltree", "IntervalTree"): list,
        ("intervaltree.interval", "Interval"): _Label,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    @classmethod
    def read(cls, member: Any) -> Any:
        """Return the object array of an .npy file. Raises ValueError for another file, UnpicklingError for other content."""
        version = np.lib.format.read_magic(member)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        read_header(member)
        return cls(member, encoding="latin1").load()

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module.startswith("numpy."):
            return np.ndarray.__reduce__(np.zeros(0))[0]
        if name == "scalar" and module.startswith("numpy."):
            return np.int64(0).__reduce__()[0]
        if (module, name) not in self._KNOWN:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}")
        return self._KNOWN[module, name]
