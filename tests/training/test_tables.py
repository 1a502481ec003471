"""Columns in Arrow files: they come back as they were, and a data set of ten times the memory is written and learnt from."""

import resource
import sys

import numpy as np
import pytest

from engine.base.errors import PerfLiveError
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE, Performance
from training.stages.tables import code_digest, load_columns
from training.velocity.data import VelocityFeatures, VelocityTrainingConfig, VelocityWindows, describe_performance

MIB = 2**20


def parts():
    for rows in (3, 0, 5):
        numbers = np.arange(rows)
        yield {"level": numbers.astype(np.int8), "place": numbers + 0.5, "near": np.full((rows, 2, 3), rows, np.float16)}


def test_columns_come_back_as_they_were(tmp_path):
    for _ in range(2):
        arrays, starts = load_columns(tmp_path / "cache" / "some.arrow", parts)
        assert starts.tolist() == [0, 3, 3, 8]
        assert arrays["level"].dtype == np.int8 and arrays["level"].tolist() == [0, 1, 2, 0, 1, 2, 3, 4]
        assert arrays["place"].tolist() == [0.5, 1.5, 2.5, 0.5, 1.5, 2.5, 3.5, 4.5]
        assert arrays["near"].shape == (8, 2, 3) and arrays["near"].dtype == np.float16
        assert arrays["near"][:, 1, 2].tolist() == [3] * 3 + [5] * 5
        assert not arrays["level"].flags.writeable
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["some.arrow"]


def test_what_cannot_be_kept_leaves_no_file(tmp_path):
    def broken():
        yield next(parts())
        raise PerfLiveError("a file that cannot be read")

    with pytest.raises(PerfLiveError, match="a file that cannot be read"):
        load_columns(tmp_path / "some.arrow", broken)
    with pytest.raises(PerfLiveError, match="there is nothing to keep"):
        load_columns(tmp_path / "some.arrow", list)
    assert not list(tmp_path.iterdir())
    (tmp_path / "some.arrow").write_bytes(b"no columns")
    with pytest.raises(PerfLiveError, match="cannot be read .*; remove it"):
        load_columns(tmp_path / "some.arrow", parts)


def test_other_code_is_another_digest():
    assert code_digest(parts) == code_digest(parts) != code_digest(test_other_code_is_another_digest)


@pytest.fixture
def little_memory():
    """Let the process occupy 24 MiB more of memory of its own, mapped files not counted, until the test ends."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with open("/proc/self/status") as status:
        (occupied_kib,) = [int(line.split()[1]) for line in status if line.startswith("VmData")]
    resource.setrlimit(resource.RLIMIT_DATA, (occupied_kib * 1024 + 24 * MIB, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)


@pytest.fixture(scope="module")
def described():
    """Return the columns of a made-up performance of 10,000 notes."""
    notes = np.zeros(200, NOTE_DTYPE)
    notes["onset_sec"], notes["duration_sec"], notes["velocity"] = np.arange(200) * 0.1, 0.2, np.arange(200) % 100 + 1
    notes["pitch"] = 40 + np.arange(200) % 40
    once = describe_performance(Performance("", "", notes, np.zeros(0, PEDAL_DTYPE)))
    return {name: np.concatenate([array] * 50) for name, array in once.items()}


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is of Linux")
def test_a_data_set_of_ten_times_the_memory_is_written_and_learnt_from(tmp_path, described, little_memory):
    arrays, starts = load_columns(tmp_path / "large.arrow", lambda: (described for _ in range(96)))
    features = VelocityFeatures([""] * 96, starts, **arrays)
    assert sum(array.nbytes for array in arrays.values()) > 240 * MIB
    network = {"looks_ahead": False, "width": 16, "layers": 1, "heads": 2, "head_width": 8, "feed_forward": 32, "window": 16}
    network["dropout"] = 0.1
    settings = {"task": "velocity", "network": network, "windows_per_batch": 16, "notes_per_window": 256, "transpose_semitones": 2}
    settings |= {"stretch": 0.2, "hint_share": 0.5, "steps": 1, "learning_rate": 0.1, "warm_up_steps": 1, "weight_decay": 0.0, "seed": 0}
    windows = VelocityWindows(features, VelocityTrainingConfig.model_validate(settings), seed=0, augment=True)
    batches = 0
    for batch, _ in zip(windows, range(235), strict=False):  # a pass
        assert batch["keys"].shape == (16, 256, 97)
        batches += 1
    assert batches == 235
    with pytest.raises(MemoryError):  # as it was until now
        {name: np.array(array) for name, array in arrays.items()}
