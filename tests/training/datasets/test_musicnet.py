"""The MusicNet reader, on both published layouts made small."""

import csv
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile

from engine.base.errors import PerfLiveError
from training.datasets.musicnet import read_musicnet

SOUND = (np.sin(np.arange(44100) / 20) / 2).astype(np.float32)
LABELS = [(22050, 33075, 43, 50), (11025, 22050, 43, 48)]  # begin and end in samples, instrument, pitch
COLUMNS = ("start_time", "end_time", "instrument", "note", "start_beat", "end_beat", "note_value")


def write_files(root: Path, numbers: dict[int, str], samples: np.ndarray = SOUND) -> None:
    (root / "musicnet_metadata.csv").write_text("id,composer\n")
    for number, split in numbers.items():
        for folder in ("data", "labels"):
            (root / f"{split}_{folder}").mkdir(exist_ok=True)
        scipy.io.wavfile.write(root / f"{split}_data" / f"{number}.wav", 44100, samples)
        with (root / f"{split}_labels" / f"{number}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows((begin, end, instrument, pitch, 0.0, 1.0, "Quarter") for begin, end, instrument, pitch in LABELS)


@pytest.fixture
def intervaltree() -> Iterator[types.SimpleNamespace]:
    """What pickles as the package's classes do."""

    class Interval(tuple):
        def __reduce__(self):
            return Interval, tuple(self)

        def __new__(cls, *fields):
            return super().__new__(cls, fields)

    class IntervalTree:
        def __init__(self, intervals=()):
            self.intervals = intervals

        def __reduce__(self):
            return IntervalTree, (self.intervals,)

    modules = {"intervaltree": types.ModuleType("intervaltree")}
    for kind, module in ((Interval, "intervaltree.interval"), (IntervalTree, "intervaltree.intervaltree")):
        modules[module] = types.ModuleType(module)
        kind.__module__, kind.__qualname__ = module, kind.__name__
        setattr(modules[module], kind.__name__, kind)
    sys.modules.update(modules)
    yield types.SimpleNamespace(Interval=Interval, IntervalTree=IntervalTree)
    for name in modules:
        del sys.modules[name]


def write_archive(root: Path, tree: types.SimpleNamespace, numbers: tuple[int, ...]) -> None:
    recordings = {}
    for number in numbers:
        recordings[str(number)] = recording = np.empty(2, object)
        labels = [tree.Interval(begin, end, (instrument, pitch, 0.0, 0.0, "Quarter")) for begin, end, instrument, pitch in LABELS]
        recording[:] = [SOUND, tree.IntervalTree(labels)]
    np.savez(root / "musicnet.npz", **recordings)


def check(take) -> None:
    assert take.notes["pitch"].tolist() == [48, 50]
    np.testing.assert_allclose(take.notes["onset_sec"], [0.25, 0.5])
    np.testing.assert_allclose(take.notes["duration_sec"], [0.25, 0.25])
    np.testing.assert_allclose(take.sound, SOUND, atol=1e-4)
    assert len(take.pedals) == 0


def test_files_as_published(tmp_path: Path) -> None:
    write_files(tmp_path, {2217: "train", 2298: "test", 2191: "test", 9999: "train"})
    (cello,) = read_musicnet(tmp_path, "cello", "train")
    assert (cello.name, cello.piece) == ("musicnet.2217", "2217")
    check(cello)
    assert [take.piece for take in read_musicnet(tmp_path, "cello", "test")] == ["2298"]
    assert [take.piece for take in read_musicnet(tmp_path, "violin", "test")] == ["2191"]
    assert not list(read_musicnet(tmp_path, "flute", "train"))


def test_the_archive_as_published(tmp_path: Path, intervaltree: types.SimpleNamespace) -> None:
    write_archive(tmp_path, intervaltree, (2217, 2218, 2298, 2202))
    takes = list(read_musicnet(tmp_path, "cello", "train"))
    assert [take.piece for take in takes] == ["2217", "2218"]
    check(takes[0])


def test_integer_sound_is_brought_to_range(tmp_path: Path) -> None:
    write_files(tmp_path, {2217: "train"}, np.rint(SOUND * 32767).astype(np.int16))
    check(next(read_musicnet(tmp_path, "cello", "train")))


def test_an_archive_can_run_no_code(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self):
            return eval, ("1 + 1",)

    recording = np.empty(2, object)
    recording[:] = [SOUND, Harmful()]
    np.savez(tmp_path / "musicnet.npz", **{"2217": recording})
    with pytest.raises(PerfLiveError, match="recording 2217 cannot be read .it refers to builtins.eval.; download it again"):
        list(read_musicnet(tmp_path, "cello", "train"))


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(PerfLiveError, match="neither musicnet_metadata.csv nor musicnet.npz"):
        list(read_musicnet(tmp_path, "cello", "train"))
    write_files(tmp_path, {2217: "train"}, np.stack([SOUND, SOUND], axis=1))
    with pytest.raises(PerfLiveError, match="expected one channel of 44100 Hz"):
        list(read_musicnet(tmp_path, "cello", "train"))
    (tmp_path / "train_data" / "2217.wav").write_bytes(b"nothing")
    with pytest.raises(PerfLiveError, match="recording 2217 cannot be read"):
        list(read_musicnet(tmp_path, "cello", "train"))
