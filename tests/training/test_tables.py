"""Columns in Arrow files: they come back as they were, and a data set of ten times the memory is written and learnt from."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.base.errors import PerfLiveError
from training.stages.tables import code_digest, load_columns


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


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is of Linux")
def test_a_data_set_of_ten_times_the_memory_is_written_and_learnt_from(tmp_path):
    support = Path(__file__).parents[1] / "support"
    environment = os.environ | {"PYTHONPATH": str(support.parents[1]), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, support / "little_memory.py", tmp_path], env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {"mebibytes": 245, "batches": 235, "whole": "MemoryError"}
