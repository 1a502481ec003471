"""Where a drummer may add strokes."""

import numpy as np
from drum_tracks import HAT, KICK, SNARE, as_strokes

from models.drums.added import candidates, loudest_ghost, may_be_flams


def test_ghost_notes_may_be_where_the_snare_rests_in_bars_with_strokes():
    strokes = as_strokes([(0, KICK), (1, SNARE), (2, KICK), (20, SNARE)])
    places = candidates(strokes)
    first = [place / 4 for place in range(1, 16) if place != 4]
    assert places["quarter"].tolist() == first and set(places["key"]) == {SNARE} and set(places["tempo"]) == {120}
    assert set(places["bar_quarter"]) == {0}
    later = candidates(as_strokes([(0, KICK), (20, HAT), (21, HAT)]))["quarter"]
    assert later.tolist() == [*(place / 4 for place in range(1, 16)), 20, 20.25, 20.5, 20.75]


def test_a_groove_in_triplets_has_ghost_notes_on_triplets():
    places = candidates(as_strokes([(0, HAT), (1, HAT), (1 + 2 / 3, HAT), (2, HAT), (2 + 2 / 3, HAT), (3, HAT)]))["quarter"]
    np.testing.assert_allclose(places, np.arange(1, 9) / 3)
    assert len(candidates(as_strokes([(0, HAT)])[:0])) == 0


def test_a_flam_needs_room_on_its_drum():
    strokes = as_strokes([(0, SNARE), (1, SNARE), (1.25, SNARE), (2, KICK), (3, SNARE), (3, HAT)])
    assert may_be_flams(strokes).tolist() == [True, False, False, False, True, False]


def test_a_ghost_note_is_no_louder_than_beside_loud_strokes():
    assert loudest_ghost(np.array([100] * 10)) == 40
    assert loudest_ghost(np.array([1])) == 1
