"""perf-bench dexter with a small model: every figure is there, whatever it is."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from synthetic_dexter import write_models

from engine.bench import dexter


def test_all_figures_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    performer = dexter.load_performer(write_models(tmp_path / "models"), None)
    monkeypatch.setattr(dexter, "load_performer", lambda model, lookahead_s: performer)
    monkeypatch.setattr(dexter, "NOTES", 300)
    monkeypatch.setattr(dexter, "LOOKAHEAD_NOTES", 60)
    monkeypatch.setattr(dexter, "notes_for", lambda seconds: 300)
    stages: list[str] = []
    report = dexter.measure(5.0, on_stage=stages.append)
    assert len(stages) == 4 and report.lookahead_window_ms > 0 and report.notes == 300 and report.evaluations_per_window == 6
    assert report.windows > 5 and report.carried == 0 and report.scheduler_error.count > 50
    numbers = [value for value in asdict(report).values() if isinstance(value, float)]
    assert all(math.isfinite(number) for number in numbers) and report.first_note_s > 0
    dexter.print_table(report)
    shown = capsys.readouterr().out
    assert "a thousand steps" in shown and " s at least" in shown and " s median" in shown
    dexter.print_table(replace(report, least_lead_s=None, median_lead_s=None))
    assert capsys.readouterr().out.count("unknown: none was due") == 2
