"""How much expression a piece takes: from made-up pieces to a graph that the performer reads."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from dexter_pieces import made_up_pieces, made_up_presentation
from onnx import numpy_helper
from synthetic_dexter import write_models

from engine.base.errors import PerfLiveError
from engine.onnx.contract import Contract
from engine.onnx.model import Model
from engine.performers.dexter.expression_profile import ProfileGraph
from engine.performers.dexter.performer import FILES, DexterPerformer, load_performer
from export.command import export_all, export_verified
from export.dexter import profile_spec
from export.graph import save
from models.dexter.expression_profile import PIECE_FEATURES
from models.dexter.piece_statistics import PROFILE_NOTES
from models.dexter.representation import Settings
from models.dexter.windows import perform
from models.performance.features import denormalise, note_features
from models.performance.representation import BEAT_PERIOD, PEDAL, REPRESENTATION_VERSION, VELOCITY
from models.performance.score_representation import SCORE_COLUMNS
from models.pretrained import pretrained
from training.dexter import expression_profile as profiles
from training.dexter.calibration import AMOUNTS, human_columns
from training.dexter.expression_profile import (
    COLUMNS,
    Examples,
    Profile,
    Ridge,
    collect,
    cross_validate,
    fast_intervals,
    fit,
    read_profile,
    write_profile,
)
from training.performance.pieces import PerformedPiece

FILE = "dexter_profile.onnx"
SYSTEM = FILES[FILE]
WORKS = 40


def load_unfitted(folder):
    """Return the performer whose pieces all have the same gains."""
    return DexterPerformer(*(Model(folder / name, system, REPRESENTATION_VERSION) for name, system in FILES.items() if name != FILE))


def state(path, constants):
    """Write constants into the contract of a graph."""
    save(
        onnx.load(path),
        Contract.from_metadata({each.key: each.value for each in onnx.load(path).metadata_props}, "").model_copy(
            update={"constants": Model(path, SYSTEM, REPRESENTATION_VERSION).contract.constants | constants}
        ),
        path,
    )


@pytest.fixture
def folder(tmp_path):
    folder = write_models(tmp_path / "models")
    (folder / FILE).unlink()
    return folder


@pytest.fixture
def examples():
    """Targets that three features say, and noise."""
    random = np.random.default_rng(0)
    features = random.normal(3, 2, (WORKS, len(PIECE_FEATURES)))
    features[:, 3:] = 0
    targets = features[:, :3] @ random.normal(size=(3, 12)) + random.normal(0, 0.01, (WORKS, 12))
    targets[::4, 5] = np.nan
    return Examples(features, targets, np.ones(WORKS), np.arange(WORKS))


def test_what_a_score_says_of_expression_is_found(examples):
    known = np.isfinite(examples.targets)
    predicted = fit(examples, np.ones(WORKS, bool), 0.01).predict(examples.features)
    np.testing.assert_allclose(predicted[known], examples.targets[known], atol=0.2)
    assert (cross_validate(examples, 0.01) > 0.95).all()
    random = np.random.default_rng(1)
    noise = examples._replace(features=random.normal(size=examples.features.shape), targets=random.normal(size=(WORKS, 12)))
    assert (cross_validate(noise, 0.01) < 0.6).all()


def test_a_piece_counts_by_its_weight(examples):
    doubtful = np.arange(WORKS) % 2 == 1
    targets, weights = np.where(doubtful[:, None], 5.0, examples.targets), np.where(doubtful, 1e-9, 1.0)
    predicted = fit(examples._replace(targets=targets, weights=weights), np.ones(WORKS, bool), 0.001).predict(examples.features)
    known = np.isfinite(examples.targets) & ~doubtful[:, None]
    np.testing.assert_allclose(predicted[known], examples.targets[known], atol=0.3)


def test_what_nobody_knows_changes_nothing(examples):
    """Of a small corpus in which no piece has two performers, or all are of one work."""
    alone = examples._replace(targets=np.where(np.arange(12) // 4 == 1, np.nan, examples.targets))
    predicted = fit(alone, np.ones(WORKS, bool)).predict(examples.features)
    assert not predicted[:, 4:8].any() and predicted[:, :4].any()
    found = cross_validate(alone)
    assert np.isnan(found[4:8]).all() and np.isfinite(found[:4]).all()
    assert np.isnan(cross_validate(alone._replace(works=np.zeros(WORKS, int)))).all()


def test_a_piece_of_twice_the_weight_is_as_two():
    random = np.random.default_rng(2)
    features, target = random.normal(size=(9, 20)), random.normal(size=9)
    twice = profiles._solve(features, target, np.array([2.0, *[1.0] * 8]), 1000.0)
    two = profiles._solve(np.concatenate([features, features[:1]]), np.append(target, target[0]), np.ones(10), 1000.0)
    np.testing.assert_allclose(twice[0], two[0])
    assert twice[1] == pytest.approx(two[1])


def test_tempo_deviates_from_the_notated_one(folder):
    shown = made_up_presentation("notation", 90, 1)
    shown.score_columns[45:, SCORE_COLUMNS.index("beat_period")] += 1
    straight = np.zeros((90, 8), np.float32)
    assert AMOUNTS[BEAT_PERIOD](shown, straight) > 0.3 and profiles._tempo_deviation(shown, straight) == pytest.approx(0)
    freely = straight + np.sin(np.arange(90) / 5)[:, None].astype(np.float32)
    assert profiles._tempo_deviation(shown, freely) > 0.2
    (human,) = human_columns(shown)
    told = profiles._targets(load_unfitted(folder), shown)[COLUMNS.index(BEAT_PERIOD)]
    assert told == pytest.approx(np.log(profiles._tempo_deviation(shown, human)))


def test_the_level_is_by_how_much_humans_are_above_the_mean(folder):
    performer, shown = load_unfitted(folder), made_up_presentation("notation", 90, 2)
    before = profiles._targets(performer, shown)
    louder = replace(shown, columns=shown.columns + np.where(np.arange(8) == VELOCITY, 0.06, 0))  # of 127; not played is still NaN
    difference = profiles._targets(performer, louder)[12:] - before[12:]
    np.testing.assert_allclose(difference, np.where(np.array(COLUMNS) == VELOCITY, 0.06 / 0.15, 0), atol=1e-4)
    mean = perform(performer.sampler(shown.notes, shown.score_columns, 0), Settings(temperature=0), 90)
    own = replace(shown, columns=denormalise(mean, shown.score_columns)[None])
    assert np.abs(profiles._targets(performer, own)[12:]).max() < 0.3 < np.abs(before[12:]).max()


def test_a_typical_piece_changes_no_gain(folder):
    performer = load_unfitted(folder)
    pieces = [*made_up_pieces(), PerformedPiece("four", ("a", "b", "c"), (made_up_presentation("notation", 90, 3, 5),))]
    examples = collect(performer, pieces)
    assert examples.features.shape == (4, len(PIECE_FEATURES)) and examples.works.tolist() == [1, 1, 2, 0]  # one is too short
    assert examples.weights == pytest.approx([3**0.5 / 2, 3**0.5 / 2, 1, 3**0.5])
    assert np.isnan(examples.targets[2, 4:8]).all() and np.isfinite(examples.targets[[0, 1, 3]]).all()  # of the second piece there is one
    further = examples.targets[:, 4:8]
    known = np.isfinite(further)
    means = (np.where(known, further, 0).T @ examples.weights) / (known.T @ examples.weights)
    np.testing.assert_allclose(means, 0, atol=1e-9)
    spreads = [
        performer.sampler(shown.notes, shown.score_columns, 0).deviation[list(COLUMNS)]
        for piece in pieces
        for shown in piece.presentations
        if len(shown.notes) > 6
    ]
    wider = examples.targets[:, :4] - np.log(spreads)
    np.testing.assert_allclose(np.average(wider, axis=0, weights=examples.weights), 0, atol=1e-5)


def test_a_graph_answers_as_the_regression_and_is_read_as_what_it_is(folder, tmp_path):
    pieces = [PerformedPiece(str(each), ("a", "b", "c"), (made_up_presentation("notation", 60 + each, 3, each),)) for each in range(12)]
    examples = collect(load_unfitted(folder), pieces)
    write_profile(fit(examples, np.ones(len(examples.works), bool)), fast_intervals(pieces), tmp_path)
    profile = read_profile(tmp_path)
    export_verified(profile_spec(profile, "0"), folder / FILE, "float32")
    reader = ProfileGraph(Model(folder / FILE, SYSTEM, REPRESENTATION_VERSION))
    shown = pieces[0].presentations[0]
    given = shown.score_columns, note_features(shown.score_columns)
    answered, expected = reader.read(*given), profile.read(*given)
    for name in ("mean_deviation", "residual_gain", "mean_offset"):
        np.testing.assert_allclose(getattr(answered, name), getattr(expected, name), rtol=1e-4)
    np.testing.assert_allclose(answered.human_fastest_intervals, fast_intervals(pieces), atol=6e-4)
    assert np.isnan(answered.mean_deviation[PEDAL:]).all()
    assert (answered.residual_gain[PEDAL:] == 1).all() and (answered.mean_offset[PEDAL:] == 0).all()
    performer = load_performer(folder, None)
    sampler = performer.sampler(shown.notes, shown.score_columns, 0)
    columns = perform(sampler, Settings(temperature=0), len(shown.notes))
    for column in (BEAT_PERIOD, VELOCITY):
        wider = np.clip(answered.mean_deviation[column] / sampler.deviation[column], 1 / 3, 3) ** (len(shown.notes) / PROFILE_NOTES)
        assert columns[:, column].std() == pytest.approx(1.5 * wider * sampler.deviation[column], rel=0.15)


def test_what_ships_is_exported_again_as_it_is(tmp_path):
    """The regression is read back from the graph; its features have the contract's order."""
    shipped = Model(pretrained(FILE), SYSTEM, REPRESENTATION_VERSION)
    stored = {each.name: numpy_helper.to_array(each) for each in onnx.load(pretrained(FILE)).graph.initializer}
    ridge = Ridge(*(stored[name].astype(float) for name in Ridge._fields))
    spec = profile_spec(Profile(ridge, np.array(shipped.contract.constants["fast_intervals"])), shipped.contract.configuration_hash)
    export_verified(spec, tmp_path / FILE, "float32")
    again = Model(tmp_path / FILE, SYSTEM, REPRESENTATION_VERSION)
    assert again.contract.model_copy(update={"parameters": shipped.contract.parameters}) == shipped.contract
    features = spec.random_inputs(np.random.default_rng(1), 50)
    for name, values in shipped.run(features, {})[0].items():
        np.testing.assert_allclose(again.run(features, {})[0][name], values, rtol=1e-5)


def test_a_regression_that_the_graph_does_not_follow_leaves_no_file(examples, tmp_path):
    spec = profile_spec(Profile(fit(examples, np.ones(WORKS, bool)), np.zeros(0)), "0")
    other = profile_spec(Profile(fit(examples, examples.works < 20), np.zeros(0)), "0")
    with pytest.raises(PerfLiveError, match="not verified: output 'mean_deviation' differs"):
        export_all({FILE: replace(spec, answer=other.answer)}, tmp_path / "out", "float32")
    assert not list((tmp_path / "out").iterdir())


def test_a_score_that_is_read_as_faster_than_humans_play_is_slower(tmp_path):
    folder = write_models(tmp_path / "models")
    shown = made_up_presentation("notation", 2 * PROFILE_NOTES, 1)

    def period():
        return load_performer(folder, None).sampler(shown.notes, shown.score_columns, 0).average[BEAT_PERIOD]

    before = period()  # of a graph that tells no intervals
    state(folder / FILE, {"fast_intervals": [-20.0]})
    assert period() == before
    state(folder / FILE, {"fast_intervals": [0.0]})
    assert period() > before + 1  # from 0.2 s to one


def test_the_fast_intervals_of_pieces():
    pieces = [PerformedPiece(str(number), ("a", "b"), (made_up_presentation("notation", 60, 2, number),)) for number in range(3)]
    slow = replace(pieces[1].presentations[0], columns=pieces[1].presentations[0].columns + [1, *[0] * 7])
    chord = made_up_presentation("notation", 60, 2)
    chord.notes["onset_quarter"] = 0
    found = fast_intervals([*pieces, PerformedPiece("chord", ("a", "b"), (chord,))])
    assert len(found) == 3 and found == sorted(found) and -4 < found[0] < 0
    slower = fast_intervals([pieces[0], PerformedPiece("slow", ("a", "b"), (slow,))])
    assert sum(slower) - sum(fast_intervals(pieces[:2])) == pytest.approx(1, abs=1e-3)
