"""What the drummer is told of a stroke: of a whole groove, and live."""

import copy

import numpy as np
import pytest
from drum_tracks import HAT, KICK, SNARE, as_strokes, pattern

from models.drums import groove, live_kit
from models.drums.groove import groove_features
from models.drums.live_kit import Beat, LiveKit
from models.drums.representation import CLOSED_HAT, KEYS, PLAIN_KEYS, Asked, known, on_grid
from models.drums.representation import KICK as KICK_ROLE
from models.drums.representation import SNARE as SNARE_ROLE

GROOVE = {name: column for column, name in enumerate(groove.FEATURES)}
LIVE = {name: column for column, name in enumerate(live_kit.FEATURES)}
BEAT = [(quarter, key) for quarter, key in pattern() if key in KEYS]


def of_groove(pairs, row, **given):
    features = groove_features(as_strokes(pairs, **given))[row]
    return lambda name: features[GROOVE[name]]


def test_a_stroke_knows_its_place_and_what_is_around_it():
    snare = of_groove([(0, KICK), (1, SNARE), (1, HAT), (1.25, KICK), (3, SNARE), (5, SNARE)], 1)
    assert (snare("role"), snare("place"), snare("place_in_quarter"), snare("tempo")) == (SNARE_ROLE, 4, 0, 120)
    assert snare(f"together_{CLOSED_HAT}") == 1 and snare(f"together_{KICK_ROLE}") == 0
    assert snare(f"since_{KICK_ROLE}") == 4 and snare(f"until_{KICK_ROLE}") == 1
    assert (snare(f"until_{SNARE_ROLE}"), snare("second_until"), snare("third_until")) == (8, 16, groove.FURTHEST_STEPS)
    assert snare("own_+8") == 1 and snare("own_+4") == 0 and snare(f"role_{KICK_ROLE}_+1") == 1
    assert snare("busy_before") == 1 and snare("busy_after") == 1


def test_a_place_is_counted_from_its_bar():
    assert of_groove([(3, KICK), (4.5, SNARE)], 1, bar_quarters=3.0)("place") == 6
    late = of_groove([(0, KICK), (3.99, SNARE)], 1)  # a stroke before the bar line is the next bar's
    assert late("place") == 0 and late("within_step") == pytest.approx(-0.04)


def test_strokes_of_a_flam_are_counted():
    pairs = [(0, SNARE), (1, SNARE), (1, SNARE), (1, KICK)]
    features = groove_features(as_strokes(pairs))
    assert features[:, GROOVE["number_of_same"]].tolist() == [0, 0, 1, 0]
    assert features[:, GROOVE["count_of_same"]].tolist() == [1, 2, 2, 1]


def test_a_groove_is_the_same_groove_two_bars_later():
    there = groove_features(as_strokes([(quarter + 8, key) for quarter, key in BEAT]))
    np.testing.assert_array_equal(there, groove_features(as_strokes(BEAT)))


def test_a_rest_of_a_year_costs_nothing():
    features = groove_features(as_strokes([(0, KICK), (1, SNARE), (6e7, KICK)]))
    assert np.isfinite(features).all() and features[2, GROOVE[f"since_{SNARE_ROLE}"]] == groove.FURTHEST_STEPS
    assert len(groove_features(as_strokes(BEAT)[:0])) == 0


def test_style_and_drummer_are_told():
    asked = groove_features(as_strokes(BEAT), Asked(3, 2))
    assert set(asked[:, GROOVE["style"]]) == {3} and set(asked[:, GROOVE["drummer"]]) == {2}


def test_keys_of_a_plain_kit_have_the_roles_of_those_that_they_stand_for():
    assert all(KEYS[plain][0] == KEYS[own][0] for own, plain in PLAIN_KEYS.items())
    assert known(np.array([KICK, 60, 22])).tolist() == [True, False, True]


def test_written_places_are_told_from_played_ones():
    assert on_grid(np.array([0, 0.25, 1 / 3, 1 / 6, 7.75])).all()
    assert not on_grid(np.array([0.02, 0.29, 0.4])).any()


def play(kit, strokes, beat=True):
    return [kit.strike(quarter / 2, key, Beat(quarter, 120.0) if beat else None) for quarter, key in strokes]


def test_a_live_stroke_knows_only_what_came_before():
    whole, half = play(LiveKit(), BEAT), play(LiveKit(), BEAT[:20])
    np.testing.assert_array_equal(whole[:20], half)
    kit = LiveKit()
    play(kit, BEAT[:20])
    np.testing.assert_array_equal(play(copy.deepcopy(kit), BEAT[20:]), whole[20:])


def test_a_live_stroke_knows_the_beat_if_there_is_one():
    with_beat, without = (play(LiveKit(), [(0, KICK), (1, SNARE), (1.5, SNARE)], beat)[-1] for beat in (True, False))
    assert with_beat[LIVE["place"]] == 6 and with_beat[LIVE["own_-2"]] == 1 and with_beat[LIVE[f"{KICK_ROLE}_-6"]] == 1
    assert without[LIVE["place"]] == live_kit.UNKNOWN and without[LIVE["own_-2"]] == 0
    for told in (with_beat, without):
        assert told[LIVE[f"since_{KICK_ROLE}_s"]] == 0.75 and told[LIVE["second_since_s"]] == live_kit.LONGEST_S


def test_what_was_struck_is_forgotten_in_time_and_when_the_sender_jumps_back():
    kit = LiveKit()
    for number in range(2000):
        features = kit.strike(number / 8, HAT, Beat(number / 4, 120.0))
    assert len(kit._steps) <= 2 * live_kit.REMEMBERED_STEPS + 2 and features[LIVE["strokes_4_s"]] == 32
    back = kit.strike(260.0, KICK, Beat(0.0, 120.0))
    assert not back[LIVE["own_-16"] :].any() and len(kit._steps) == 1
