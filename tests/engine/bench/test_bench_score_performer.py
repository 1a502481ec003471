"""perf-bench score-performer counts right. What it measures depends on the machine and is not tested."""

import pytest
from synthetic_score_performer import write_models

from engine.bench import score_performer as bench
from engine.performers.score_performer.performer import load_performer


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), None)


def test_notes_are_counted(performer):
    cost = bench.time_notes(performer, calls=40, long_run_notes=60)
    assert (cost.unit, cost.step.hot.count, cost.whole.hot.count, cost.step.paced) == ("note", 40, 40, None)
    assert (cost.long_run.count, cost.long_run.minutes) == (60, None)
    assert cost.long_run.last_to_first == pytest.approx(cost.long_run.last_tenth_ms / cost.long_run.first_tenth_ms, rel=0.01)
    assert min(bench.time_score(performer, 60)) > 0


def test_what_is_played_is_decided_ahead(performer):
    played = bench.play(performer, 1.0)
    assert played["decided_ahead"].count >= played["played_notes_per_s"] * 1.0 - 1 and 0 < played["first_note_s"]
    assert 0 <= played["decided_ahead"].median_ms


def test_everything_is_in_the_table(performer, monkeypatch, capsys):
    monkeypatch.setattr(bench, "load_performer", lambda model, lookahead_s: performer)
    monkeypatch.setattr(bench, "CALLS", 20)
    monkeypatch.setattr(bench, "LONG_PIECE_NOTES", 40)
    monkeypatch.setattr(bench, "NOTES", 60)
    stages = []
    bench.print_table(bench.measure(4.0, on_stage=stages.append))
    shown = capsys.readouterr().out
    assert len(stages) == 3 and "40 notes: " in shown and "decided before it was due" in shown
