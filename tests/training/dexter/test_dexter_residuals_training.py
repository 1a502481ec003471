"""What learns how performers differ, on made-up pieces and graphs."""

import numpy as np
import pytest
from dexter_pieces import made_up_presentation
from synthetic_dexter import write_models

from engine.performers.dexter.performer import load_performer
from models.dexter.representation import Settings
from models.dexter.residuals import PAST_INPUTS, Past, Scored
from models.dexter.windows import perform
from models.performance.representation import COLUMNS, PEDAL, TIMING, VELOCITY
from training.dexter.residuals import (
    DOWN,
    EXACT,
    NEAR,
    UP,
    Bins,
    Excerpt,
    ResidualsConfig,
    around_shared,
    exact_values,
    excerpt,
    fit,
    follow,
)

CONFIG = ResidualsConfig(task="dexter-residuals", notes=100, passes=4)


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), None)


@pytest.fixture(scope="module")
def excerpts(performer):
    pieces = [made_up_presentation("notation", 150, 3, seed) for seed in range(4)]
    return [excerpt(performer, piece, CONFIG, np.random.default_rng(number)) for number, piece in enumerate(pieces)]


def test_an_excerpt_has_the_mean_that_is_drawn_around(performer, excerpts):
    piece = made_up_presentation("notation", 90, 2)
    found = excerpt(performer, piece, CONFIG, np.random.default_rng(0))
    drawn = perform(performer.sampler(piece.notes, piece.score_columns, 0, draws=Mean()), Settings(), 90)
    np.testing.assert_allclose(found.scored.base, drawn, atol=1e-5)
    assert found.performed.shape == (2, 90, COLUMNS) and [len(each.scored.base) for each in excerpts] == [100] * 4


class Mean:
    residual_gain = mean_gain_removed = np.ones(COLUMNS)

    def draw(self, scored, past, uniform):
        return scored.base[None], past


def test_what_all_have_in_common_slowly_is_no_residual():
    """Performers are 2 above the mean, and a quarter apart."""
    own = np.array([-0.25, 0, 0.25])[:, None, None]
    noise = np.random.default_rng(0).normal(0, 0.1, (3, 400, COLUMNS))
    base = np.zeros((400, COLUMNS))
    residual = 2 + own + noise - around_shared(base, 2 + own + noise)
    levels = residual.mean(axis=1)[:, VELOCITY]
    assert levels.mean() == pytest.approx(0, abs=0.02) and levels.std() == pytest.approx(0.25, abs=0.03)
    assert residual[:, :, VELOCITY].std(axis=1) == pytest.approx(0.1, rel=0.2)
    assert (around_shared(base, 2 + own + noise)[:, :, TIMING] == 0).all()


def test_before_a_note_is_known_what_the_human_did(excerpts):
    found = follow(excerpts[0])
    first = found.read.reshape(3, 100, -1)
    assert (first[:, 0, -PAST_INPUTS:-1] == 0).all() and (first[:, 1:, -PAST_INPUTS:].std(axis=0) > 0).any(axis=1).all()
    later = excerpts[0].performed.copy()
    later[:, 90:] += 3
    changed = follow(Excerpt(excerpts[0].scored, later))
    past = slice(first.shape[2] - PAST_INPUTS, None)
    near = around_shared(excerpts[0].scored.base, later) - around_shared(excerpts[0].scored.base, excerpts[0].performed)
    untouched = int(np.flatnonzero(np.nanmax(np.abs(near), axis=(0, 2)) > 0)[0])
    assert untouched == 90 - NEAR
    np.testing.assert_array_equal(changed.read.reshape(3, 100, -1)[:, :untouched, past], first[:, :untouched, past])
    assert np.isfinite(found.residual).all()


@pytest.mark.parametrize("column", [VELOCITY, TIMING, PEDAL])
def test_a_value_is_in_its_bin_and_what_is_exact_in_its_own(column):
    values = np.clip(np.random.default_rng(0).normal(size=4000), UP, DOWN)
    values[::4] = 0
    bins = Bins.of(values, exact_values(column), 40)
    index = bins.index(values)
    assert len(bins.low) == len(bins.high) == 40
    inside = (values >= bins.edges[0]) & (values <= bins.edges[-1])
    assert ((bins.low[index] <= values + EXACT) & (values <= bins.high[index] + EXACT))[inside].all()
    if column == TIMING:
        assert (index == 39).mean() == pytest.approx(0.25, abs=0.01)
    if column == PEDAL:
        assert {round(each, 2) for each in values[index >= 38].tolist()} == {UP, DOWN}


def test_what_is_learnt_draws_as_humans_play(excerpts):
    """As wide, note by note: the velocities of the made-up humans are any, whatever the score."""
    fitted, losses = fit(excerpts, CONFIG)
    assert set(losses) and all(np.isfinite(loss) for loss in losses.values())
    notes: Scored = excerpts[0].scored
    random = np.random.default_rng(0)
    drawn = np.array([fitted.draw(notes, Past(), random.random((100, COLUMNS)))[0] for _ in range(8)])
    human = np.nanstd(excerpts[0].performed[:, :, VELOCITY])
    assert drawn[:, :, VELOCITY].std() == pytest.approx(human, rel=0.2)
    assert drawn[:, :, PEDAL:].min() >= UP - 1e-6 and drawn[:, :, PEDAL:].max() <= DOWN + 1e-6
