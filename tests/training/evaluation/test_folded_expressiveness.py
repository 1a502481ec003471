"""``perf-eval expressiveness --folds``: what performs a piece has not seen its work; figures are pooled, with intervals over works."""

import csv
import json

import numpy as np
import pytest
from score_fixtures import attributes, musicxml, note
from synthetic_dexter import write_models

from engine.base.command_line import run
from training.command import app as train_app
from training.datasets.folds import read_folds
from training.evaluation.command import app
from training.evaluation.expressiveness.figures import HUMANS, Row
from training.evaluation.expressiveness.pooled import PooledPiece, bootstrap, pool
from training.metrics.expressiveness import CURVES, LEVELS
from training.stages import read_done, write_json

# The first note's velocity of three performances; the other seven notes' are 65 to 71.
FIRST = {
    "Bach/Prelude/bwv_846": (40, 50, 60),
    "Bach/Fugue/bwv_846": (60, 70, 80),
    "Haydn/Keyboard_Sonatas/1-1": (20, 30, 40),
    "Chopin/Waltz": (100, 110, 120),
}
OTHERS = range(65, 72)
TREES = """
system: dexter
precision: float32
stages:
  - name: trees
    stage: dexter-trees
    settings:
      around: &few {rounds: 2, learning_rate: 0.1, smallest_leaf: 1, feature_share: 0.5, penalty: 1, leaves: 3}
      in_chords: *few
"""
NETWORK = (
    TREES
    + """
  - name: mean
    stage: dexter-mean
    settings:
      network: {width: 16, blocks: 1, attend_every: 2, heads: 2, kernel: 5, reach: 16, dropout: 0.1}
      windows:
        {notes: 4, per_batch: 1, midi: 0, single: 0, mixup: 0, forget_descriptors: 0, forget_markings: 0, forget_velocity: 0,
         forget_tempo: 0, transpose_semitones: 0, tempo_octaves: 0}
      shared_error: 0.3
      steps: 1
      learning_rate: 0.001
      warm_up_steps: 1
      weight_decay: 0
      seed: 1
"""
)


def score():
    """Four chords of two notes, a quarter each."""
    bars = [
        "".join(
            note(step, 1, before="<chord/>" if step == "E" else "", identifier=f"n{2 * beat + (step == 'E')}")
            for beat in (2 * bar, 2 * bar + 1)
            for step in "CE"
        )
        for bar in (0, 1)
    ]
    return musicxml([attributes(divisions=1, beats=2) + bars[0], bars[1]])


def match(velocity):
    """A performance of it, whose upper notes are later from chord to chord; ticks of 1/960 s."""
    lines = ["info(matchFileVersion,5.0).", "info(midiClockUnits,480).", "info(midiClockRate,500000).", "info(timeSignature,[2/4])."]
    for row, each in enumerate((velocity, *OTHERS)):
        beat, step, begin = row // 2, "CE"[row % 2], 960 * (1 + row // 2) + 10 * row * (row % 2)
        position = f"{1 + beat // 2}:{1 + beat % 2},0,1/4,{beat}.0,{beat + 1}.0,[]"
        lines.append(f"snote(n{row},[{step},n],4,{position})-note({row},[{step},n],4,{begin},{begin + 900},{begin + 900},{each}).")
    return "\n".join(lines) + "\n"


def write_corpus(root):
    rows = []
    for piece, velocities in FIRST.items():
        (root / piece).mkdir(parents=True)
        (root / piece / "xml_score.musicxml").write_text(score())
        for velocity in velocities:
            (root / piece / f"{velocity}.match").write_text(match(velocity))
            files = {"match_file": f"{piece}/{velocity}.match", "xml_score": f"{piece}/xml_score.musicxml"}
            rows.append({"folder": piece, **files, "robust_note_alignment": "1.0"})
    with (root / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    pieces = list(FIRST)
    write_json(root / "splits.json", {"train": pieces[:2], "validation": pieces[2:]})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a folder with a corpus, a recipe of trees, and its folds by work, trained."""
    folder = tmp_path_factory.mktemp("trained")
    write_corpus(folder / "asap")
    (folder / "recipe.yaml").write_text(TREES)
    given = [str(folder / "recipe.yaml"), "--data", str(folder / "asap"), "--out", str(folder / "folds" / "work"), "--folds", "work"]
    assert run(train_app, "perf-train", given) == 0
    return folder


def evaluate(folder, *more):
    return run(app, "perf-eval", ["expressiveness", "--data", str(folder / "asap"), "--folds", str(folder / "folds" / "work"), *more])


def export_synthetic_models(folder, not_exported=0):
    """Put graphs of a few kilobytes where those of each run belong, as if they were exported from it; but for one fold's trees."""
    for fold in read_folds(folder / "folds" / "work").folds:
        write_models(fold.model)
        write_json(fold.model / "stages.json", {"trees": read_done(fold.run / "trees").hash if fold.number != not_exported else "another"})


def test_each_piece_is_measured_in_the_fold_that_has_not_seen_it(trained, capsys):
    export_synthetic_models(trained, not_exported=1)
    capsys.readouterr()
    assert evaluate(trained) == 0, capsys.readouterr().err
    told, progress = capsys.readouterr()
    assert progress.count("done before") == 3  # by work: Bach, Haydn, Chopin
    first, second, _ = read_folds(trained / "folds" / "work").folds
    assert json.loads((first.model / "stages.json").read_text()) == {"trees": read_done(first.run / "trees").hash}
    assert (first.model / "dexter_trees.onnx").read_bytes() != (second.model / "dexter_trees.onnx").read_bytes()  # was exported
    assert "4 pieces of 3 works: correlation" in told and "complete folds of 3: 1, 2, 3\n" in told
    with (trained / "folds" / "work" / "pieces.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted({row["performed"] for row in rows}) == ["MusicXML, as written", "MusicXML, mean", "humans"]
    assert sorted(row["piece"] for row in rows if row["performed"] == "humans") == sorted(FIRST)
    for fold in read_folds(trained / "folds" / "work").folds:
        splits = json.loads((fold.corpus / "splits.json").read_text())
        assert {row["piece"] for row in rows if row["fold"] == str(fold.number)} == set(splits["held_out"])

    # By hand: as written all eight velocities are 64.
    levels = {piece: 64 - (np.mean(velocities) + sum(OTHERS)) / 8 for piece, velocities in FIRST.items()}
    written = {row["piece"]: float(row["level_velocity"]) for row in rows if row["performed"] == "MusicXML, as written"}
    assert written == pytest.approx(levels)
    assert f"{np.sqrt(np.mean(np.square(list(levels.values())))):.3f} (" in told
    # A human is 15, 0 and 15 from the mean of the others in one note of eight.
    apart = np.sqrt(np.mean(np.square([[15 / 8, 0, 15 / 8]] * 4)))
    assert f"{apart:.3f} ({apart:.3f} to {apart:.3f})" in told


def test_a_fold_that_is_not_complete_is_waited_for(trained, capsys):
    (trained / "recipe.yaml").write_text(NETWORK)
    capsys.readouterr()
    assert evaluate(trained) == 2
    told = capsys.readouterr().err
    assert "complete folds of 3: none; fold 1 waits for 'mean'; fold 2 waits for 'mean'; fold 3 waits for 'mean'; go on with perf-t" in told
    (trained / "recipe.yaml").write_text(TREES)
    export_synthetic_models(trained)
    (trained / "folds" / "work" / "2" / "run" / "trees" / "done.json").unlink()  # what is quick is done here
    assert evaluate(trained, "--pieces", "Chopin") == 0, capsys.readouterr().err
    told, progress = capsys.readouterr()
    assert progress.count("dexter-trees") == 1 and "1 pieces of 1 works" in told


def test_what_is_said_beside_folds_is_a_wrong_call(tmp_path, capsys):
    (tmp_path / "asap").mkdir()
    assert evaluate(tmp_path) == 2
    assert "no folds are there" in capsys.readouterr().err
    assert evaluate(tmp_path, "--performer", "dexter") == 2
    assert "its performers are those of the folds" in capsys.readouterr().err


def pooled_piece(name, velocity, error, fold=1):
    correlation = dict.fromkeys(CURVES, velocity)
    return PooledPiece(fold, name, {HUMANS: Row({"correlation": correlation, "level_error": dict.fromkeys(LEVELS, error)}, [])})


def test_pooled_figures_are_of_all_pieces_whatever_their_fold():
    pieces = [pooled_piece("A/one", 0.2, 3.0), pooled_piece("B/two", 0.6, 4.0, fold=2), pooled_piece("B/three", np.nan, np.nan)]
    assert pool(pieces, "correlation")[HUMANS]["velocity"].figure == pytest.approx(0.4)  # (.2 + .6) / 2
    assert pool(pieces, "level_error")[HUMANS]["tempo"].figure == pytest.approx(12.5**0.5)  # (9 + 16) / 2
    assert str(pool(pieces[2:], "correlation")[HUMANS]["pedal"]) == ""


def test_works_are_drawn_not_pieces():
    """Of two works, one piece of 0 and three of 1, a draw is 0, 3/4 or 1, each end in a quarter of the draws."""
    values, works = np.array([0.0, 1, 1, 1]), ["one", "two", "two", "two"]
    assert bootstrap(values, works) == (0.75, 0.0, 1.0)
    assert bootstrap(values, ["one"] * 4) == (0.75, 0.75, 0.75)


def test_intervals_are_the_same_every_time_and_as_wide_as_theory_says():
    values = np.random.default_rng(1).normal(size=400)
    works = [str(number) for number in range(400)]
    figure, low, high = bootstrap(values, works)
    assert bootstrap(values, works) == (figure, low, high)
    assert figure == pytest.approx(values.mean())
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.1)
