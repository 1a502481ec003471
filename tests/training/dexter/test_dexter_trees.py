"""Trees beside DExter's networks: from made-up pieces to a graph that the performer reads."""

from dataclasses import replace

import numpy as np
import pytest
from dexter_pieces import made_up_pieces
from stage_work import work

from engine.base.errors import PerfLiveError
from engine.onnx.model import Model
from engine.performers.dexter.trees import Trees
from export.command import export_all, export_verified
from export.dexter import trees_spec
from export.trees import TOGETHER, write_trees
from models.performance.features import FEATURES, SCALE
from models.performance.representation import ARTICULATION, BEAT_PERIOD, PEDAL_CHANGE, REPRESENTATION_VERSION, TIMING, VELOCITY
from models.performance.surroundings import WIDE_FEATURES
from training.dexter import trees as dexter_trees
from training.dexter.networks import BoostedTrees
from training.dexter.trees import (
    ALONE,
    SHARES,
    Boosting,
    TreesConfig,
    boost,
    collect,
    collect_timing,
    fit_trees,
    of_column,
    read_trees,
    wide_features,
)
from training.performance.windows import show

SYSTEM = "dexter-trees"
SMALL = Boosting(rounds=20, learning_rate=0.035, smallest_leaf=2, feature_share=1.0, penalty=0)


def shares():
    array = np.zeros(8)
    array[list(SHARES)] = list(SHARES.values())
    return array


def export(boosted, path):
    return export_verified(trees_spec(BoostedTrees(boosted, shares()), "0"), path, "float32")


@pytest.fixture
def examples():
    return collect(made_up_pieces(), np.random.default_rng(0))


def test_examples_are_about_their_pieces_average_and_weigh_only_what_is_known(examples):
    features, targets, weights = examples
    assert features.shape == (70 + 70 + 50 + 6, len(WIDE_FEATURES)) and targets.shape == weights.shape == (196, 8)
    assert (targets[weights == 0] == 0).all() and (weights[:, BEAT_PERIOD] > 0).all() and not weights[1, VELOCITY]
    first = weights[:70, VELOCITY] > 0
    assert targets[:70, VELOCITY][first].mean() == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(weights[:, [BEAT_PERIOD, VELOCITY]].mean(0), 1, rtol=1e-4)
    one, three = weights[140:190, VELOCITY].max(), weights[:140, VELOCITY].max()  # one performer, one format; three, and two formats
    assert three / one == pytest.approx(3**0.5 / 2 * (50 / 70) ** 0.5)


def test_a_tempo_that_is_nowhere_believed_weighs_nothing():
    piece = made_up_pieces()[1]
    unknown = replace(piece.presentations[0], columns=piece.presentations[0].columns * np.where(np.arange(8) == BEAT_PERIOD, np.nan, 1))
    _, targets, weights = collect([replace(piece, presentations=(unknown,))], np.random.default_rng(0))
    assert not weights[:, BEAT_PERIOD].any() and not targets[:, BEAT_PERIOD].any() and weights[:, VELOCITY].any()


def test_a_piece_that_is_played_with_little_freedom_counts_as_much_in_tempo():
    piece = made_up_pieces()[1]
    (shown,) = piece.presentations
    period = shown.columns[..., BEAT_PERIOD]
    pieces = []
    for freedom in (10, 2):
        columns = shown.columns.copy()
        columns[..., BEAT_PERIOD] = np.nanmean(period) + freedom * (period - np.nanmean(period))
        pieces.append(replace(piece, presentations=(replace(shown, columns=columns),)))
    _, targets, weights = collect(pieces, np.random.default_rng(0))
    free, even = np.split(weights[:, BEAT_PERIOD] * targets[:, BEAT_PERIOD] ** 2, 2)
    assert np.square(targets[:50, BEAT_PERIOD]).sum() > 8 * np.square(targets[50:, BEAT_PERIOD]).sum()
    assert free.sum() < 3 * even.sum()
    np.testing.assert_array_equal(*np.split(weights[:, VELOCITY], 2))


def test_timing_is_about_the_chord():
    pieces = made_up_pieces()[:1]
    features, targets, weights = collect_timing(pieces, np.random.default_rng(0))
    notes, columns = pieces[0].presentations[0].notes, pieces[0].presentations[0].columns
    rows = np.delete(np.arange(70), 1)  # which nobody plays
    assert features.shape == (2 * 69, len(FEATURES)) and targets.shape == weights.shape == (2 * 69,)
    _, onset, counts = np.unique(notes["onset_quarter"][rows], return_inverse=True, return_counts=True)
    chords, timing = counts[onset] > 1, columns[:, rows, TIMING].mean(0)
    expected = (timing - (np.bincount(onset, timing) / counts)[onset]) / SCALE[TIMING]
    np.testing.assert_allclose(targets[:69], 3 * np.arcsinh(expected / 3), atol=1e-5)
    assert chords.any() and not targets[:69][~chords].any()
    np.testing.assert_allclose(weights[:69] / weights[:69][chords][0], np.where(chords, 1, ALONE))


def test_a_piece_whose_chords_are_together_counts_as_much():
    piece = made_up_pieces()[0]
    wider = [replace(shown, columns=shown.columns * np.where(np.arange(8) == TIMING, 5, 1)) for shown in piece.presentations]
    _, targets, weights = collect_timing([piece, replace(piece, presentations=tuple(wider))], np.random.default_rng(0))
    narrow, wide = np.split(weights * targets**2, 2)
    assert np.square(targets[138:]).sum() > 10 * np.square(targets[:138]).sum()
    assert wide.sum() < 1.8 * narrow.sum()


def test_a_graph_answers_as_the_trees_and_is_read_as_what_it_is(examples, tmp_path):
    timing = collect_timing(made_up_pieces(), np.random.default_rng(0))
    boosted = {column: boost(timing if column == TIMING else of_column(examples, column), SMALL, 1, 0) for column in SHARES}
    export(boosted, tmp_path / "trees.onnx")
    trees = Trees(Model(tmp_path / "trees.onnx", SYSTEM, REPRESENTATION_VERSION))
    shown = show(made_up_pieces()[0].presentations[0])
    reading = trees.read(shown.score_columns, shown.features)
    told = reading.predict(slice(10, 30))
    assert told.shape == (20, 8) and told.dtype == np.float32 and not told[:, PEDAL_CHANGE].any()
    expected = boosted[VELOCITY].predict(wide_features(shown).rows(slice(10, 30)))
    np.testing.assert_allclose(told[:, VELOCITY], expected, atol=1e-5)
    expected = boosted[TIMING].predict(shown.features[10:30])
    np.testing.assert_allclose(told[:, TIMING], expected, atol=1e-5)
    known = np.isfinite(shown.mean[:, VELOCITY])
    assert (
        np.corrcoef(reading.predict(slice(None))[known, VELOCITY], shown.mean[known, VELOCITY])[0, 1] > 0.8
    )  # it has learnt them by heart
    assert reading.weights[PEDAL_CHANGE] == 0 and reading.weights[VELOCITY] == SHARES[VELOCITY]


def test_the_stage_learns_from_unverified_pieces_too_but_not_their_timing(tmp_path, monkeypatch):
    monkeypatch.setattr(dexter_trees, "load_performed_pieces", lambda data, split, cache: made_up_pieces())
    monkeypatch.setattr(dexter_trees, "load_unverified_pieces", lambda data, cache: made_up_pieces()[1:])
    stage = work(tmp_path, tmp_path / "trees")
    outcome = fit_trees(TreesConfig(task="dexter-trees", around=SMALL, in_chords=SMALL), stage)
    assert outcome.figure == "252 notes, 192 for timing" and set(outcome.artefacts) == {path.name for path in stage.folder.iterdir()}
    trees, shown = read_trees(stage.folder), show(made_up_pieces()[0].presentations[0])
    assert list(trees.boosted) == list(SHARES) and trees.shares.tolist() == shares().tolist()
    export_verified(trees_spec(trees, "0"), tmp_path / "trees.onnx", "float32")
    graph = Trees(Model(tmp_path / "trees.onnx", SYSTEM, REPRESENTATION_VERSION))
    told, expected = (each.read(shown.score_columns, shown.features).predict(slice(5, 60)) for each in (graph, trees))
    np.testing.assert_allclose(told, expected, atol=1e-5)


def test_values_at_a_threshold_go_the_same_way(tmp_path):
    """Thresholds lie between values in float64; rounded to the nearest float32 some would lie on or beyond one of them."""
    values = np.cumsum(np.full(400, np.nextafter(np.float32(1), np.float32(2)) - 1), dtype=np.float32) + np.float32(1)
    features = np.zeros((400, len(WIDE_FEATURES)), np.float32)
    features[:, 3] = values
    targets = np.arange(400) % 2 * 2.0 - 1
    booster = boost((features, targets, np.ones(400)), SMALL, 1, 0)
    assert np.ptp(booster.predict(features)) > 0
    export({VELOCITY: booster}, tmp_path / "trees.onnx")
    told = Model(tmp_path / "trees.onnx", SYSTEM, REPRESENTATION_VERSION).run({"features": features}, {})[0]["mean"][:, VELOCITY]
    np.testing.assert_allclose(told, booster.predict(features), atol=1e-6)


def test_a_tree_without_decisions_is_its_leaf(tmp_path):
    leaves = [{"tree_structure": {"leaf_value": value}} for value in (0.5, 0.25)]
    write_trees({3: {"tree_info": leaves}}, trees_spec(BoostedTrees({}, shares()), "0").contract, tmp_path / "trees.onnx")
    features = np.ones((2, len(WIDE_FEATURES)), np.float32)
    answer = Model(tmp_path / "trees.onnx", SYSTEM, REPRESENTATION_VERSION).run({"features": features}, {})
    assert answer[0]["mean"].tolist() == [[0, 0, 0, 0.75, 0, 0, 0, 0]] * 2


def test_many_trees_of_several_columns_are_those_that_were_fitted(examples, tmp_path):
    """More than a node of the graph has, in an order of columns of their own."""
    many = Boosting(rounds=TOGETHER + 30, learning_rate=0.1, smallest_leaf=4, feature_share=0.3, penalty=1, leaves=5)
    boosted = {column: boost(of_column(examples, column), many, 1, 0) for column in (ARTICULATION, VELOCITY)}
    export(boosted, tmp_path / "trees.onnx")
    answer = Model(tmp_path / "trees.onnx", SYSTEM, REPRESENTATION_VERSION).run({"features": examples[0]}, {})[0]["mean"]
    for column, booster in boosted.items():
        np.testing.assert_allclose(answer[:, column], booster.predict(examples[0]), atol=1e-5)
    assert not np.delete(answer, [VELOCITY, ARTICULATION], axis=1).any()
    assert np.ptp(answer[:, VELOCITY]) > 0.1 and np.ptp(answer[:, ARTICULATION]) > 0.1


def test_a_graph_that_differs_leaves_no_file(examples, tmp_path):
    one, other = (trees_spec(BoostedTrees({VELOCITY: boost(of_column(examples, column), SMALL, 1, 0)}, shares()), "0") for column in (0, 1))
    with pytest.raises(PerfLiveError, match="not verified: output 'mean' differs"):
        export_all({"dexter_trees.onnx": replace(one, answer=other.answer)}, tmp_path / "out", "float32")
    assert not list((tmp_path / "out").iterdir())


def test_decisions_of_another_kind_are_not_translated(tmp_path):
    root = {"decision_type": "==", "missing_type": "None", "left_child": {"leaf_value": 0}, "right_child": {"leaf_value": 1}}
    with pytest.raises(ValueError, match="'=='"):
        write_trees(
            {0: {"tree_info": [{"tree_structure": root}]}}, trees_spec(BoostedTrees({}, shares()), "0").contract, tmp_path / "trees.onnx"
        )


def test_trees_of_other_features_are_refused_in_one_line(examples, tmp_path, monkeypatch):
    export({VELOCITY: boost(of_column(examples, VELOCITY), SMALL, 1, 0)}, tmp_path / "trees.onnx")
    monkeypatch.setattr("engine.performers.dexter.trees.WIDE_FEATURES", (*WIDE_FEATURES[1:], "pitch"))
    with pytest.raises(PerfLiveError, match="trees.onnx: contract constant 'features'.*use a model exported for this version"):
        Trees(Model(tmp_path / "trees.onnx", SYSTEM, REPRESENTATION_VERSION))
