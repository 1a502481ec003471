"""``perf-eval describe``: how a performance sounds, as ``perf-render --descriptors`` reads it."""

from pathlib import Path

import mido
import pytest

from engine.base.command_line import run
from engine.score.descriptors import read_score_descriptors
from engine.score.files import read_score
from models.performance.descriptors import DESCRIPTORS
from training.evaluation.command import app

PITCHES = [60, 64, 67, 72, 71, 69, 65, 62] * 4
ARTICULATION = DESCRIPTORS.index("articulation")


def write_midi(path: Path, length_ticks: int, pitches: list[int] = PITCHES) -> Path:
    """Write quarters of 480 ticks, of which each is held for some."""
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=600_000)]))
    for number, pitch in enumerate(pitches):
        file.tracks[0].append(mido.Message("note_on", note=pitch, velocity=60 + number % 5, time=480 - length_ticks if number else 0))
        file.tracks[0].append(mido.Message("note_off", note=pitch, time=length_ticks))
    file.save(path)
    return path


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:

    from synthetic_dexter import write_models

    return write_models(tmp_path / "models")


def describe(*arguments: object) -> int:
    return run(app, "perf-eval", ["describe", *(str(argument) for argument in arguments)])


def test_a_table_says_what_the_performance_differs_in(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score = write_midi(tmp_path / "score.mid", 480)
    tables = {}
    for name, length in (("short", 60), ("long", 470)):
        take, table = write_midi(tmp_path / f"{name}.mid", length), tmp_path / f"{name}.csv"
        assert describe(score, take, "-o", table, "--model", models) == 0
        tables[name] = read_score_descriptors(table, read_score(score))
        shown = dict(line.split() for line in capsys.readouterr().out.splitlines())
        assert list(shown) == list(DESCRIPTORS)
    assert tables["long"].shape == (len(PITCHES), len(DESCRIPTORS))
    assert (tables["long"][:, ARTICULATION] > tables["short"][:, ARTICULATION]).all()


def test_what_is_no_performance_of_the_score_is_refused(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score, other = write_midi(tmp_path / "score.mid", 480), write_midi(tmp_path / "other.mid", 480, [90] * 32)
    assert describe(score, other, "-o", tmp_path / "table.csv", "--model", models) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "other.mid" in error and "at least 60%" in error
    assert not (tmp_path / "table.csv").exists()
