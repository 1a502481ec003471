"""What is learnt of styles: which way is louder, faster and longer, and their principal components."""

import numpy as np
import pytest
from score_performer_pieces import config, made_up_item
from stage_work import work
from synthetic_score_performer import WINDOW, write_models

from engine.performers.score_performer.networks import open_networks
from engine.performers.score_performer.style import open_style_space
from models.score_performer.score_representation import BAR_LEVEL, ONSET_LEVEL
from models.score_performer.vocabulary import FIELDS, ONSET_DEVIATION, PERFORMED_DURATION, SPECIALS, TEMPO, VELOCITY, to_tokens
from training.runs.checkpoints import save_task
from training.score_performer import fits
from training.score_performer.data import token_piece
from training.score_performer.fits import (
    KNOBS,
    StyledWindow,
    StyleSpaceConfig,
    collect_windows,
    fit_space,
    fit_style_space,
    measure_qualities,
    principal_components,
    regress,
    segment_means,
)
from training.score_performer.task import ScorePerformerTask

LATENTS = (4, 3, 2, 1)
WIDTH = sum(LATENTS)
WAYS = np.random.default_rng(9).normal(size=(3, WIDTH))
DEVIATIONS = np.array([10.0, 0.4, 0.5])


def styled_window(seed):
    """Eight bars of four onsets of two notes, whose styles follow from what is measured of them; tempo and loudness go together."""
    random = np.random.default_rng(seed)
    bars, onsets = np.repeat(np.arange(8), 8), np.repeat(np.arange(32), 2)
    by_bar = random.normal(size=(8, 3))
    by_bar[:, 1] += by_bar[:, 0]
    by_onset = 0.3 * random.normal(size=(32, 3))
    by_onset -= segment_means(by_onset, np.arange(32) // 4)[np.arange(32) // 4]
    moved = by_bar[bars] @ WAYS + by_onset[onsets] @ WAYS[::-1]
    styles = random.normal(size=WIDTH) + moved + 0.05 * random.normal(size=(64, WIDTH))
    qualities = random.normal(size=3) + (by_bar[bars] + by_onset[onsets]) * DEVIATIONS
    return StyledWindow(styles, qualities, np.stack([bars, onsets // 2, onsets], axis=1))


@pytest.fixture(scope="module")
def windows():
    return [styled_window(seed) for seed in range(60)]


def test_what_is_measured_of_notes():
    tokens = np.full((5, len(FIELDS)), SPECIALS)
    for field, values in (
        (VELOCITY, [10, 20, 30, 40, 50]),
        (TEMPO, [60, 60, 120, 120, 120]),
        (ONSET_DEVIATION, [0.1, -0.1, 1.0, 1.0, -2.0]),
        (PERFORMED_DURATION, [1, 0.5, 0.25, 1, 1.5]),
    ):
        tokens[:, field] = to_tokens(field, np.array(values))
    found = measure_qualities(tokens, np.array([0, 0, 1, 1, 2]))
    np.testing.assert_array_equal(found[:, 0], [10, 20, 30, 40, 50])
    np.testing.assert_allclose(found[:, 1], np.log2([60, 60, 60, 60, 960]), atol=0.02)  # an onset two gaps early counts as the fastest
    np.testing.assert_allclose(found[:, 2], [0, -1, -2, 0, np.log2(1.5)], atol=0.05)


def test_bars_are_told_apart_quality_by_quality(windows):
    found = regress(windows, BAR_LEVEL)
    np.testing.assert_allclose(found.moves / found.deviations[:, None] * DEVIATIONS[:, None], WAYS, atol=0.05)
    assert found.deviations[1] / DEVIATIONS[1] == pytest.approx(2**0.5, rel=0.1)
    assert (found.explained > 0.95).all()
    of_onsets = regress(windows, ONSET_LEVEL)
    np.testing.assert_allclose(of_onsets.moves / of_onsets.deviations[:, None] * DEVIATIONS[:, None], WAYS[::-1], atol=0.1)


def test_what_styles_do_not_tell_is_not_explained():
    random = np.random.default_rng(0)
    blind = [styled_window(seed)._replace(styles=random.normal(size=(64, WIDTH))) for seed in range(60)]
    assert (np.abs(regress(blind, BAR_LEVEL).explained) < 0.1).all()


def test_the_space_has_moves_and_components(windows):
    space, of_bars = fit_space(windows, LATENTS)
    np.testing.assert_array_equal(space.moves["pace"], of_bars.moves[1])
    assert space.deviations == dict(zip(("loudness", "pace", "length"), of_bars.deviations, strict=True))
    np.testing.assert_allclose(space.moves["delay"], -regress(windows, ONSET_LEVEL).moves[1])
    styles = np.concatenate([window.styles for window in windows])
    np.testing.assert_allclose(space.mean, styles.mean(0))
    for level, begin in enumerate((0, 4, 7, 9)):
        own = space.columns(level)
        assert own.start == begin
        np.testing.assert_allclose(space.components[own, own].T @ space.components[own, own], np.cov(styles[:, own].T), atol=1e-9)
        assert not space.components[own, :begin].any()
    numbers = {"piece": 4, "bar": 3, "beat": 2, "onset": 1}
    names = [f"{level}-{number}" for level, most in numbers.items() for number in range(1, most + 1)]
    assert list(space.meanings) == ["loudness", "pace", "length", *names] and KNOBS == (4, 4, 2, 2)


def test_a_knob_turned_up_moves_what_it_goes_with_up(windows):
    space, _ = fit_space(windows, LATENTS)
    styles, qualities = (np.concatenate(each) for each in list(zip(*windows, strict=True))[:2])
    for name in ("bar-1", "bar-2", "beat-1"):
        quality = ("loudness", "pace", "length").index(space.meanings[name].split()[2].rstrip(":"))
        correlation = np.corrcoef(styles @ space.knobs[name], qualities[:, quality])[0, 1]
        assert correlation > 0 and f"{correlation:.2f}" == space.meanings[name].split()[-1]


def test_principal_components():
    random = np.random.default_rng(1)
    latents = random.normal(size=(5000, 3)) * (1, 3, 2)
    found = principal_components(latents)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [3, 2, 1], rtol=0.05)
    np.testing.assert_allclose(np.abs(found), [[0, 3, 0], [0, 0, 2], [1, 0, 0]], atol=0.15)
    assert principal_components(latents[:, :1]).shape == (1, 1)


def test_windows_of_every_performance_are_read(tmp_path):
    networks = open_networks(write_models(tmp_path / "models"))
    piece = token_piece([made_up_item(2 * WINDOW, seed=1), made_up_item(2 * WINDOW, seed=2)])
    found = collect_windows(networks, [piece, token_piece([made_up_item(12)])], 2, seed=0)
    assert [len(window.styles) for window in found] == [WINDOW] * 4 + [11, 11]
    assert found[0].styles.shape == (WINDOW, networks.style_width) and found[0].qualities.shape == (WINDOW, 3)
    again = collect_windows(networks, [piece], 2, seed=0)
    np.testing.assert_array_equal(again[0].styles, found[0].styles)
    assert not np.array_equal(found[1].qualities, found[0].qualities)  # windows begin at random notes


def test_the_stage_writes_a_space_that_is_read_again(tmp_path, monkeypatch):
    pieces = [token_piece([made_up_item(2 * WINDOW, seed=seed)]) for seed in range(3)]
    monkeypatch.setattr(fits, "load_token_pieces", lambda root, split, cache: pieces)
    network, stage = work(tmp_path, tmp_path / "network"), work(tmp_path, tmp_path / "space", network=tmp_path / "network")
    task = ScorePerformerTask(config())
    save_task(task, network.folder / "best.ckpt")
    outcome = fit_style_space(StyleSpaceConfig(task="score-performer-style-space"), stage)
    assert outcome.figure.startswith("told by styles: loudness")
    space = open_style_space(stage.folder / outcome.artefacts[0], tuple(task.config.network.latents))
    assert space.width == task.config.network.style_width and "piece-1" in space.meanings
