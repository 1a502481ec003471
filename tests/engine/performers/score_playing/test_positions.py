"""Bars by their names: a number, or which time that one of this number is played."""

import numpy as np
import pytest
from score_playing import melody

from engine.base.errors import UsageError
from engine.performers.score_playing.positions import Positions
from engine.runtime.steering.conductor import _bar

SCORE = melody(bars=6).score


def test_a_bar_that_is_played_again_has_another_place_each_time():
    SCORE.measures["number"] = [1, 2, 1, 2, 3, 4]
    positions = Positions(SCORE)
    assert [positions.bar(_bar(text)) for text in ("2", "2.1", "2.2")] == [(4, 8), (4, 8), (12, 16)]
    assert positions.bars(2, (2, 2)) == (4, 16)
    for text, said in (("2.3", "bar 2.3: bar 2 is played 2 times"), ("5", "no such bar; allowed: 1 to 4"), ("2.0", "bar 2 is played 2")):
        with pytest.raises(UsageError, match=said):
            positions.bar(_bar(text))
    with pytest.raises(UsageError, match="bars 2.2 to 1: no notes"):
        positions.bars((2, 2), 1)
    for text in ("x", "1.", "1.2.3", ""):
        with pytest.raises(UsageError, match="give its number, as in 12, or 12.2"):
            _bar(text)
    assert np.isclose(positions.bar(_bar("4"))[0], 20)
