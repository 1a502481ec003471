"""perf-bench score-performer counts right. What it measures depends on the machine and is not tested."""

import pytest
from synthetic_score_performer import write_models

from engine.bench import score_performer as bench
from engine.bench.measuring import eager_pytorch
from engine.performers.score_performer.performer import load_performer


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), None)


def test_notes_are_counted(performer, monkeypatch):
    monkeypatch.setattr(eager_pytorch, "find_spec", lambda name: None)
    note = bench.time_note(performer, calls=40)
    assert (note.step.count, note.note.count, note.eager_pytorch, note.step_times_faster) == (40, 40, None, None)
    piece = bench.time_piece(performer, 60)
    assert piece.notes == 60 and piece.last_to_first == pytest.approx(piece.last_tenth_ms / piece.first_tenth_ms, rel=0.01)
    assert min(bench.time_score(performer, 60)) > 0


def test_what_is_played_is_decided_ahead(performer):
    played = bench.play(performer, 1.0)
    assert played["decided_ahead"].count >= played["played_notes_per_s"] * 1.0 - 1 and 0 < played["first_note_s"]
    assert 0 <= played["decided_ahead"].median_ms
