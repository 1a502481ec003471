"""Calls are timed after a warm-up and compared from beginning to end; eager PyTorch is measured in a process of its own."""

from itertools import count
from pathlib import Path

import pytest

from engine.bench.measuring import eager_pytorch, timing
from engine.bench.measuring.figures import Distribution

SAID = "import json, os, sys; print(json.dumps({'said': sys.argv[1:], 'threads': os.environ['OMP_NUM_THREADS']}))"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Calls, each of which lasts a millisecond longer than the one before."""
    made: list[None] = []
    passed, moments = 0, count()

    def now_ns() -> int:
        nonlocal passed
        passed += next(moments) % 2 * len(made) * 1_000_000
        return passed

    monkeypatch.setattr(timing.time, "perf_counter_ns", now_ns)
    return made


def test_the_first_calls_do_not_count(calls: list[None]) -> None:
    assert timing.time_calls(lambda: calls.append(None), 3) == Distribution(3, 22.0, 22.98, 23.0)
    assert len(calls) == timing.WARM_UP_CALLS + 3


def test_the_last_tenth_is_compared_with_the_first(calls: list[None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "resident_bytes", lambda process_id: 1_000_000 * len(calls))
    assert timing.compare_tenths(lambda: calls.append(None), 30) == (2.0, 29.0, 14.5, 26.0)


def test_a_module_says_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "said.py").write_text(SAID, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert eager_pytorch.run_eager_pytorch("said", ["1", "x"]) == {"said": ["1", "x"], "threads": "1"}
    assert eager_pytorch.run_eager_pytorch("said", [], threads=2) == {"said": [], "threads": "2"}


def test_ratios_are_of_medians() -> None:
    eager, ours = Distribution(1, 6.0, 9.0, 9.0), Distribution(1, 4.0, 5.0, 5.0)
    assert eager_pytorch.times_faster(eager, ours) == 1.5
    assert eager_pytorch.times_faster(None, ours) is None
