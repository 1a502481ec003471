"""The style of a performance over the bars of a score, as pictures show it."""

from pathlib import Path

import numpy as np
import pytest
from pictured_scores import make_performed, make_score

from engine.output.score_picture import draw_score_picture
from engine.performers.score_performer.style_curve import opposites, style_curve
from models.score_performer.style_space import StyleSpace


def make_space(*qualities: str) -> StyleSpace:
    random = np.random.default_rng(0)
    moves = {quality: random.normal(size=8) for quality in qualities}
    return StyleSpace((3, 2, 2, 1), random.normal(size=8), np.eye(8), moves, {})


def test_each_bar_leans_as_far_and_towards_what_moved_it() -> None:
    score, space = make_score(16), make_space("loudness", "pace", "length")
    bars = np.arange(16) // 4
    styles = space.mean + np.array([1.5, -2.0, 0.0, 0.25])[bars][:, None] * space.moves["pace"]
    styles[bars == 2] -= 3 * space.moves["length"]
    curve = style_curve(score, styles, space)
    np.testing.assert_allclose(curve.leans, [1.5, 2, 3, 0.25])
    assert [curve.names[way] for way in curve.ways] == ["faster", "slower", "staccato", "faster"]
    np.testing.assert_array_equal(curve.edges, [[0, 4], [4, 8], [8, 12], [12, 16]])


def test_a_bar_leans_as_its_notes_do_on_average() -> None:
    score, space = make_score(8), make_space("loudness")
    styles = space.mean + np.array([2.0, 1, 0, 1, 0, 0, 0, 0])[:, None] * space.moves["loudness"]
    np.testing.assert_allclose(style_curve(score, styles, space).leans, [1, 0], atol=1e-9)


def test_directions_that_were_not_learnt_are_not_shown() -> None:
    assert opposites(make_space("pace", "length")) == {"pace": ("faster", "slower"), "length": ("legato", "staccato")}
    assert opposites(make_space("delay", "loudness")) == {"loudness": ("forte", "piano")}


@pytest.mark.parametrize("quarters", [1, 24])
@pytest.mark.parametrize("with_human", [False, True])
def test_a_picture_has_the_style_below_the_dynamics(tmp_path: Path, quarters: int, with_human: bool) -> None:
    score, space = make_score(quarters), make_space("loudness", "pace")
    styles = np.random.default_rng(1).normal(size=(quarters, 8))
    human = (score, make_performed(quarters)) if with_human else None
    sizes = []
    for curve in (None, style_curve(score, styles, space)):
        draw_score_picture(tmp_path / "piece.png", score, make_performed(quarters), "a title", human, curve)
        header = (tmp_path / "piece.png").read_bytes()[16:24]
        sizes.append((int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")))
    assert sizes[1][0] == sizes[0][0] and sizes[1][1] - sizes[0][1] == pytest.approx((1.6 * 0.8 + 0.07) * 110, abs=2)
