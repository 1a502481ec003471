"""What DExter's performer reads of a score, and how wide its samples are."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from score_playing import melody
from synthetic_dexter import write_models

from engine.base.errors import PerfLiveError
from engine.onnx.model import Model
from engine.performers.dexter.networks import OnnxNetworks
from engine.performers.dexter.performer import FILES, PEDALLING_FILE, load_performer
from engine.performers.score_playing.columns import playback_columns
from engine.performers.score_playing.feature_check import columns_read
from models.dexter.expression_profile import PIECE_FEATURES
from models.dexter.hold_quantiles import LEVELS, NOTATED_OCTAVES, SHORTEST_HOLD_S, HoldQuantiles
from models.dexter.representation import Settings
from models.dexter.windows import perform
from models.performance.descriptors import DESCRIPTORS
from models.performance.features import FEATURES, denormalise, notated_octaves, note_features
from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    PEDAL,
    REPRESENTATION_VERSION,
    VELOCITY,
    decode_performance,
)
from models.pretrained import pretrained


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), None)


def sampler_of(performer, score):
    return performer.sampler(score.notes, playback_columns(score), 0)


def test_a_score_is_read_by_the_trees_too(performer, tmp_path):
    score, mean = melody().score, Settings(temperature=0)
    alone = load_performer(write_models(tmp_path, share=0), None)
    apart, own = (perform(sampler_of(each, score), mean, len(score.notes)) for each in (performer, alone))
    columns = playback_columns(score)
    reading = performer._trees.read(columns, note_features(columns))
    added = 0.5 * (reading.predict(slice(None)) - (own - sampler_of(alone, score).average) / 1.5)  # without the gain
    np.testing.assert_allclose(((apart - own) / 1.5)[:, :4], added[:, :4], atol=1e-4)


def test_the_timing_of_keys_that_voices_meet_on_does_not_count_for_how_wide_it_is(tmp_path):
    score = melody(bars=2).score
    score.notes["onset_quarter"][1], score.notes["pitch"][1] = score.notes["onset_quarter"][0], score.notes["pitch"][0]
    passage = sampler_of(load_performer(write_models(tmp_path), None), score)._passage
    assert np.flatnonzero(passage.shares_key).tolist() == [0, 1]


def test_a_piece_gets_as_much_expression_as_suits_it(tmp_path):
    """Velocities deviate by what is said, times the gain; samples are further apart by what is said."""
    score = melody(bars=60).score
    said = (0.1, 1.0), (0.2, 2.0)
    folders = [write_models(tmp_path / str(apart), deviation=deviation, apart=apart) for deviation, apart in said]
    performers = [load_performer(folder, None) for folder in folders]
    means = [perform(sampler_of(each, score), Settings(temperature=0), len(score.notes)) for each in performers]
    samples = [perform(sampler_of(each, score), Settings(), len(score.notes)) for each in performers]
    deviation = sampler_of(performers[0], score).deviation[VELOCITY]
    assert 0.2 / 3 < deviation < 0.3  # within what a gain may do
    assert [mean[:, VELOCITY].std() for mean in means] == pytest.approx([0.15, 0.3], rel=0.1)
    others = np.arange(8) != VELOCITY
    np.testing.assert_allclose(means[1][:, others], means[0][:, others], atol=1e-5)
    small, large = (np.std((sample - mean)[:, VELOCITY]) for sample, mean in zip(samples, means, strict=True))
    assert large > 1.5 * small


def test_no_key_is_held_for_less_than_a_finger_takes(performer):
    score = melody().score
    score.notes["duration_quarter"] = 0.001
    sampler, columns = sampler_of(performer, score), playback_columns(score)
    for settings in (Settings(temperature=0), Settings()):
        normalised = perform(sampler, settings, len(score.notes))
        held = denormalise(normalised, columns)[:, ARTICULATION] + notated_octaves(columns)
        period = denormalise(normalised, columns)[:, BEAT_PERIOD] - np.log2(60 / 100)
        assert (np.exp2(held + period) >= 0.99 * SHORTEST_HOLD_S).all()


def test_samples_hold_keys_as_humans_do_and_the_mean_as_it_does(performer):
    score = melody().score
    shape = len(NOTATED_OCTAVES), len(LEVELS)
    shorter = replace(
        performer.scales, hold_quantiles=HoldQuantiles(np.zeros(shape) + np.linspace(-9, 9, len(LEVELS)), np.full(shape, -2.0))
    )

    def articulation(scales, **settings):
        columns = playback_columns(score)
        sampler = performer.sampler(score.notes, columns, 0, scales=scales)
        return denormalise(perform(sampler, Settings(**settings), len(score.notes)), columns)[:, ARTICULATION]

    plain, all_alike = (articulation(scales, temperature=1) for scales in (performer.scales, shorter))
    np.testing.assert_allclose(all_alike, (plain - 2) / 2, atol=1e-4)
    half = articulation(shorter, temperature=0.5)
    np.testing.assert_allclose(half, 0.75 * articulation(performer.scales, temperature=0.5) - 0.5, atol=1e-4)
    np.testing.assert_array_equal(articulation(shorter, temperature=0), articulation(performer.scales, temperature=0))


def test_a_profile_of_other_features_are_refused_in_one_line(tmp_path, monkeypatch):
    folder = write_models(tmp_path / "models")
    monkeypatch.setattr("engine.performers.dexter.expression_profile.PIECE_FEATURES", (*PIECE_FEATURES[1:], "pitch"))
    with pytest.raises(PerfLiveError, match="dexter_profile.onnx: contract constant 'features'.*use a model exported for this version"):
        load_performer(folder, None)


def test_a_model_of_other_features_is_refused(tmp_path):
    folder = write_models(tmp_path / "models", features=["loudness"])
    with pytest.raises(PerfLiveError, match="dexter_mean.onnx: contract constant 'features': found 'loudness', which is none of the"):
        load_performer(folder, None)


def test_a_model_reads_the_features_that_it_knows(tmp_path):
    """One that was exported before there were more, or with them in another order."""
    names = [*FEATURES[:40], *FEATURES[:50:-1]]
    model = Model(write_models(tmp_path / "models", features=names) / "dexter_mean.onnx", FILES["dexter_mean.onnx"], REPRESENTATION_VERSION)
    assert [FEATURES[column] for column in columns_read(model)] == names
    features = np.random.default_rng(0).normal(size=(5, len(FEATURES))).astype(np.float32)
    nothing = np.zeros((5, len(DESCRIPTORS)), np.float32)
    mean, _ = OnnxNetworks(model, model).mean(features, nothing, nothing[:, :1])
    named = np.stack([features[:, FEATURES.index(name)] for name in names], axis=1)
    inputs = {"features": named[None], "descriptors": nothing[None], "descriptors_known": nothing[None, :, :1]}
    np.testing.assert_array_equal(mean, model.run(inputs, {})[0]["mean"][0])


def test_a_foot_moves_the_pedal_where_a_model_knows_when_but_not_in_a_transfer(tmp_path):
    score, mean = melody(bars=8).score, Settings(temperature=0)
    folder, columns = write_models(tmp_path), playback_columns(score)
    without = load_performer(folder, None)
    shutil.copy(pretrained(PEDALLING_FILE), folder)
    performer = load_performer(folder, None)
    of_mean, of_foot = (perform(sampler_of(each, score), mean, len(score.notes)) for each in (without, performer))
    np.testing.assert_array_equal(of_foot[:, :PEDAL], of_mean[:, :PEDAL])
    assert not np.allclose(of_foot[:, PEDAL:], of_mean[:, PEDAL:])
    reference = decode_performance(score.notes, denormalise(of_mean, columns))
    kept = perform(performer.sampler(score.notes, columns, 0, reference=reference), replace(mean, depth=0), len(score.notes))
    other = perform(without.sampler(score.notes, columns, 0, reference=reference), replace(mean, depth=0), len(score.notes))
    np.testing.assert_array_equal(kept, other)
