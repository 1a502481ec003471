"""A foot on the sustain pedal: the sequence of gestures that most pianists agree with, and a piece's pedal window by window."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from models.dexter.pedalling import (
    DELAYS_S,
    GESTURES,
    LEAST_AGREEING,
    LEAST_DOWN_S,
    LEAST_UP_S,
    PEDALLING,
    PEDALLING_FEATURES,
    Foot,
    ReadPedalling,
    alternate,
)
from models.performance.features import denormalise, normalise, note_features
from models.performance.pedal import decode_pedal
from models.performance.representation import BEAT_PERIOD, PEDAL, PERFORMANCE_COLUMNS, find_anchors
from models.performance.score_representation import SCORE_COLUMNS

LIFT, PRESS = range(len(GESTURES))
HALF = np.full(3, 0.5)  # depths that suit neither


def shares_of(anchors, *agreed):
    """Return shares (anchors, 2, D) in which all agree on each (anchor, gesture, delay's index)."""
    shares = np.zeros((anchors, len(GESTURES), len(DELAYS_S)))
    for each in agreed:
        shares[each] = 1
    return shares


def test_gestures_are_where_most_agree():
    shares = shares_of(3, (0, PRESS, 3), (1, LIFT, 0), (1, PRESS, 2), (2, LIFT, 1))
    moves, begins_down = alternate(np.array([0.0, 1.0, 2.0, 3.0]), shares, HALF, False)
    assert not begins_down
    assert moves == [(pytest.approx(0.12), True), (1.0, False), (pytest.approx(1.08), True), (pytest.approx(2.04), False)]


def test_a_foot_that_is_up_does_not_lift_and_one_that_nobody_knows_of_is_where_it_suits():
    shares = 0.3 * shares_of(3, (1, LIFT, 0))  # too few to press for that before
    edges = np.array([0.0, 1.0, 2.0, 3.0])
    assert alternate(edges, shares, HALF, False) == ([], False)
    assert alternate(edges, shares, HALF, True) == ([(1.0, False)], True)
    assert alternate(edges, shares, HALF, None) == ([(1.0, False)], True)


def test_the_pedal_is_down_where_the_mean_has_it_deep_though_few_agree_on_when():
    moves, begins_down = alternate(np.array([0.0, 1.0, 2.0, 3.0]), np.zeros((3, 2, len(DELAYS_S))), np.array([0.0, 1.0, 1.0]), None)
    assert not begins_down and [press for _, press in moves] == [True] and 0.9 < moves[0][0] < 1.1


def test_what_comes_after_the_last_moment_counts():
    moves, _ = alternate(np.array([0.0, 10.0]), np.zeros((1, 2, len(DELAYS_S))), np.array([0.52]), False)
    assert [press for _, press in moves] == [True]


def test_no_alternating_sequence_suits_better():
    """Against all sequences of four moments' gestures, added up in another way."""
    random = np.random.default_rng(3)
    for _ in range(40):
        edges = np.concatenate([[0.0], np.cumsum(random.uniform(0.03, 0.2, 2))])
        shares, depths = random.uniform(0, 0.6, (2, 2, len(DELAYS_S))), random.uniform(0, 1, 2)
        assert suits(edges, shares, depths, *alternate(edges, shares, depths, None)) == pytest.approx(best(edges, shares, depths))


def suits(edges, shares, depths, moves, is_down):
    """Return the sum that ``alternate`` is to make as large as it can be."""
    total, at = 0.0, np.linspace(0, edges[-1], 20_001)[:-1]
    down = np.full(len(at), is_down)
    for time, press in moves:
        down[at >= time] = press
        gesture = PRESS if press else LIFT
        moments = edges[:-1, None] + np.array(DELAYS_S)
        total += (shares[:, gesture] - LEAST_AGREEING[gesture])[np.isclose(moments, time)].max()
    deep = depths[np.searchsorted(edges, at, side="right") - 1]
    return total + float(np.mean(np.where(down, 1, -1) * (2 * deep - 1)) * edges[-1])


def best(edges, shares, depths):
    moments = sorted(moment for moment in (edges[:-1, None] + np.array(DELAYS_S)).ravel().tolist() if moment < edges[-1])
    found = []
    for count in range(5):
        for times in itertools.combinations(moments, count):
            for begins in (False, True):
                moves = [(time, (number % 2 == 0) != begins) for number, time in enumerate(times)]
                least = [LEAST_DOWN_S if earlier else LEAST_UP_S for _, earlier in moves]
                if all(b - a >= gap - 1e-9 for (a, _), (b, _), gap in zip(moves, moves[1:], least, strict=False)):
                    found.append(suits(edges, shares, depths, moves, begins))
    return max(found)


def piece(notes=40):
    """Return score columns of chords of two notes, a quarter apart, at an unknown tempo."""
    columns = np.zeros((2 * notes, len(SCORE_COLUMNS)))
    set_column = dict(zip(SCORE_COLUMNS, columns.T, strict=True))
    set_column["onset_quarter"][:] = np.repeat(np.arange(notes), 2)
    set_column["duration_quarter"][:] = 1
    set_column["pitch"][:] = np.tile([48, 64], notes)
    return columns


def performed(score_columns, depth=0.5):
    columns = np.zeros((len(score_columns), len(PERFORMANCE_COLUMNS)))
    columns[:, BEAT_PERIOD], columns[:, PEDAL:] = -1, depth  # half a second a quarter
    return normalise(columns, score_columns)


def changing(features):
    """Return odds by which all lift at each anchor and press 80 ms later; features say nothing."""
    odds = np.full((len(features), len(PEDALLING)), -9.0)
    odds[:, PEDALLING.index("lift_after_0_ms")] = odds[:, PEDALLING.index("press_after_80_ms")] = 9
    return odds


def pedal_steps(score_columns, columns):
    anchors, groups = find_anchors(score_columns[:, SCORE_COLUMNS.index("onset_quarter")])
    spans = denormalise(columns, score_columns)[np.searchsorted(groups, np.arange(len(anchors))), PEDAL:]
    return decode_pedal(spans, 0.5 * np.append(anchors, anchors[-1] + 1))


def test_the_pedal_changes_as_all_agree():
    score_columns = piece()
    reading = ReadPedalling(score_columns, note_features(score_columns), changing)
    pedalled, foot = reading.pedal(performed(score_columns), performed(score_columns), slice(0, 80), None)
    pedal = pedal_steps(score_columns, pedalled)
    moves = np.diff((pedal.value >= 64).astype(int), prepend=0)
    presses, lifts = pedal.time_sec[moves > 0], pedal.time_sec[moves < 0]
    assert_allclose(lifts[-40:-1], 0.5 * np.arange(1, 40), atol=1e-4)
    assert_allclose(presses[-39:], 0.5 * np.arange(1, 40) + 0.08, atol=1e-4)
    assert foot.is_down and foot.length_s == pytest.approx(0.5)
    assert_allclose(pedalled[:, :PEDAL], performed(score_columns)[:, :PEDAL])


@pytest.mark.parametrize("cut", [20, 21])  # between two chords, and within one
def test_a_piece_in_two_windows_is_pedalled_as_in_one(cut):
    score_columns = piece()
    columns = performed(score_columns)
    reading = ReadPedalling(score_columns, note_features(score_columns), changing)
    whole, last = reading.pedal(columns, columns, slice(0, 80), None)
    first, foot = reading.pedal(columns[:cut], columns[:cut], slice(0, cut), None)
    second, after = reading.pedal(columns[cut:], columns[cut:], slice(cut, 80), foot)
    before, together = (pedal_steps(score_columns, each) for each in (whole, np.concatenate([first, second])))
    assert_allclose(together.time_sec[together.value >= 64], before.time_sec[before.value >= 64], atol=1e-4)
    assert after.is_down == last.is_down


def test_a_foot_that_is_lifted_and_pressed_after_the_last_anchor_of_a_window_is_down_after_it():
    score_columns = piece()
    columns, odds = performed(score_columns), np.full((1, len(PEDALLING)), -9.0)
    odds[0, [PEDALLING.index("lift_after_120_ms"), PEDALLING.index("press_after_230_ms")]] = 9
    reading = ReadPedalling(score_columns, note_features(score_columns), lambda features: odds)
    one, foot = reading.pedal(columns[20:22], columns[20:22], slice(20, 22), Foot(True, np.zeros(4), 0.5))
    depth, between, change, back = denormalise(one, score_columns[20:22])[0, PEDAL:]
    assert depth > 0.5 > between and foot.is_down
    assert_allclose([change, back], [0.12 / 0.5, 0.23 / 0.5], atol=1e-6)


def test_notes_that_only_go_on_with_an_anchor_keep_its_pedal():
    score_columns = piece()
    columns, reading = performed(score_columns), ReadPedalling(score_columns, note_features(score_columns), changing)
    foot = Foot(True, np.array([0.1, 0.2, 0.3, 0.4]), 0.5)
    one, same = reading.pedal(columns[21:22], columns[21:22], slice(21, 22), foot)
    assert_allclose(denormalise(one, score_columns[21:22])[0, PEDAL:], foot.span, atol=1e-6)
    assert same == foot


@pytest.mark.parametrize("is_down", [False, True])
def test_a_foot_stays_where_it_was_where_nobody_moves(is_down):
    score_columns = piece()
    columns = performed(score_columns)
    reading = ReadPedalling(score_columns, note_features(score_columns), lambda features: np.full((len(features), len(PEDALLING)), -9.0))
    pedalled, foot = reading.pedal(columns[20:], columns[20:], slice(20, 80), Foot(is_down, np.zeros(4), 0.5))
    depths = denormalise(pedalled, score_columns[20:])[:, PEDAL]
    assert foot.is_down == is_down and ((depths > 0.5) == is_down).all()


def test_features_are_those_of_the_lowest_note_and_know_the_intervals():
    score_columns, seen = piece(4), []

    def predict(features):
        seen.append(features)
        return np.zeros((len(features), len(PEDALLING)))

    columns = performed(score_columns)
    ReadPedalling(score_columns, note_features(score_columns), predict).pedal(columns, columns, slice(0, 8), None)
    (features,) = seen
    assert features.shape == (4, len(PEDALLING_FEATURES)) and features.dtype == np.float32
    assert_allclose(features[:, : len(note_features(score_columns)[0])], note_features(score_columns)[::2])
    assert_allclose(features[:, -2:], -1)
