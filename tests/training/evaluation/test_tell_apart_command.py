"""The command ``perf-eval tell-apart`` on a corpus of two small pieces."""

import json

import numpy as np
import pytest
from test_expressiveness import make_piece

from engine.base.command_line import run
from training.evaluation.command import app
from training.evaluation.expressiveness.pieces import as_written
from training.evaluation.tell_apart import command
from training.evaluation.tell_apart.classifiers import CLASSIFIERS


@pytest.fixture
def corpus(monkeypatch):
    """Stand for the corpus: two pieces, of one of which there are two editions. What renders is louder than it is written."""
    pieces = [make_piece(name, 3, seed) for seed, name in enumerate(("Bach/one", "Bach/one_no_repeat", "Liszt/two"))]
    asked = []

    def load(root, split, cache, containing):
        return [piece for piece in pieces if containing in piece.name]

    def renderer(performer, model):
        def render(piece, seed, controls):
            asked.append((performer, seed, dict(controls)))
            performed = as_written(piece.score)
            return performed._replace(velocity=performed.velocity + np.arange(len(performed.velocity)) % 7)

        return render

    monkeypatch.setattr(command, "CLASSIFIERS", {"statistics": CLASSIFIERS["statistics"]})
    monkeypatch.setattr(command, "load_held_out_pieces", load)
    monkeypatch.setattr(command, "load_renderer", renderer)
    return asked


def call(tmp_path, *arguments):
    return run(app, "perf-eval", ["tell-apart", "--data", str(tmp_path), "--cache", str(tmp_path / "cache"), *arguments])


def test_rows_of_a_performer(corpus, tmp_path, capsys):
    picture = tmp_path / "told.png"
    arguments = ["--performer", "dexter", "--seeds", "2", "--temperature", "0.7", "--json", "--picture", str(picture)]
    assert call(tmp_path, *arguments) == 0
    figures = json.loads(capsys.readouterr().out)
    assert list(figures) == ["one human among the others", "as written", "dexter, mean", "dexter, sampled"]
    assert figures["dexter, sampled"]["windows"] == 36  # three of 96 notes: two samples of three scores, as many humans
    assert list(figures["dexter, sampled"]["areas"]) == ["statistics"]
    assert ("dexter", None, {}) in corpus
    assert [asked for asked in corpus if asked[1] is not None][:2] == [("dexter", seed, {"temperature": 0.7}) for seed in (0, 1)]
    assert picture.exists() and len(list((tmp_path / "cache" / "renderings").iterdir())) == len(corpus) == 3  # the scores are the same


def test_both_editions_of_a_piece_are_one(corpus, tmp_path, capsys):
    assert call(tmp_path, "--performer", "dexter", "--pieces", "one") == 1
    assert capsys.readouterr().err.startswith("perf-eval: 1 piece with windows of both to be told apart: two are needed")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--performer", "velocity"], "--performer 'velocity': allowed: dexter, performance-rnn, score-performer"),
        (["--model", "x"], "--model 'x': it is of one performer; give one --performer of dexter, performance-rnn, score-performer"),
    ],
)
def test_wrong_calls(tmp_path, capsys, arguments, said):
    assert call(tmp_path, *arguments) == 2
    assert capsys.readouterr().err == f"perf-eval: {said}\n"
