"""What the picture of a performed score shows, and that it comes out for any score."""

from pathlib import Path

import numpy as np
import pytest
from pictured_scores import make_performed, make_score

from engine.base.errors import PerfLiveError
from engine.output.score_picture import draw_score_picture, show_performance


def test_a_performance_is_shown_where_the_score_has_it() -> None:
    shown = show_performance(make_score(8), make_performed(8, 0.75), "red", "performed")
    np.testing.assert_allclose(shown.left, np.arange(8), atol=0.02)
    np.testing.assert_allclose(shown.right - shown.left, 0.5, atol=0.02)
    np.testing.assert_allclose(shown.tempo, 80, rtol=0.01)
    np.testing.assert_allclose(shown.beats, np.arange(7) + 0.5)
    np.testing.assert_allclose(shown.pedal, [[1, 127]], atol=0.02)


def test_chords_are_shown_spread_as_they_were_played() -> None:
    score, performed = make_score(8), make_performed(8)
    score.notes["onset_quarter"] //= 2
    onset_sec = 3 + 0.5 * score.notes["onset_quarter"] + np.tile([-0.05, 0.05], 4)
    shown = show_performance(score, performed._replace(onset_sec=onset_sec), "red", "performed")
    np.testing.assert_allclose(shown.left - score.notes["onset_quarter"], np.tile([-0.1, 0.1], 4), atol=0.02)


def test_notes_that_are_not_played_are_not_shown() -> None:
    performed = make_performed(8)
    performed.onset_sec[2] = np.nan
    shown = show_performance(make_score(8), performed, "red", "performed")
    assert shown.onset_quarter.tolist() == [0, 1, 3, 4, 5, 6, 7]
    with pytest.raises(ValueError, match="at least one performed note"):
        show_performance(make_score(8), performed._replace(onset_sec=np.full(8, np.nan)), "red", "performed")


@pytest.mark.parametrize("quarters", [1, 2, 40])
@pytest.mark.parametrize("with_human", [False, True])
def test_a_picture_of_any_score(tmp_path: Path, quarters: int, with_human: bool) -> None:
    path = tmp_path / "piece.png"
    score = make_score(quarters, ((0.0, 100.0),))
    human = (score, make_performed(quarters, 0.6)) if with_human else None
    draw_score_picture(path, score, make_performed(quarters), "a title", human)
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(content[begin : begin + 4], "big") for begin in (16, 20))
    assert width == 1650 and height > (1300 if with_human else 900)


def test_what_is_notated_lies_where_it_is_seen() -> None:
    """The legend names the notated tempo, so that it must be in the picture, however far from it the performance is."""
    from matplotlib.figure import Figure

    from engine.output.score_picture import _tempo_of

    axes = Figure().add_subplot()
    score = make_score(16, ((0.0, 240.0), (8.0, 30.0)))
    _tempo_of([show_performance(score, make_performed(16), "red", "performed")], score)(axes, 0.0, 16.0)
    notated = next(line for line in axes.get_lines() if line.get_label() == "notated")
    lowest, highest = axes.get_ylim()
    assert set(notated.get_ydata()) == {240, 30} and lowest < 30 < 240 < highest
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"performed", "notated"}


def test_a_long_score_has_systems_so_that_its_notes_are_wide_enough(tmp_path: Path) -> None:
    draw_score_picture(tmp_path / "long.png", make_score(1200), make_performed(1200), "a title")
    width, height = (int.from_bytes((tmp_path / "long.png").read_bytes()[begin : begin + 4], "big") for begin in (16, 20))
    assert width == 1650 and height > 5000


def test_a_picture_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(PerfLiveError, match="none"):
        draw_score_picture(tmp_path / "none" / "piece.png", make_score(4), make_performed(4), "a title")
