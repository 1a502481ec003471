"""DExter's performance columns: there and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.score.tables import SCORE_NOTE_DTYPE
from models.performance.pedal import Pedal
from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    LONGEST_BEAT_PERIOD_S,
    PEDAL,
    PEDAL_BETWEEN,
    PEDAL_CHANGE,
    PEDAL_RETURN,
    SHORTEST_BEAT_PERIOD_S,
    TIMING,
    VELOCITY,
    Performed,
    decode_performance,
    encode_performance,
    find_anchors,
    nearest_stroke,
    settle,
    strokes,
)

NO_PEDAL = Pedal(np.zeros(0), np.zeros(0, dtype=int))


def make(score, performance, pedal=()):
    """Return notes and what was performed from rows (onset, duration, is_grace) and (onset_sec, duration_sec, velocity)."""
    notes = np.zeros(len(score), SCORE_NOTE_DTYPE)
    for note, row in zip(notes, score, strict=True):
        note["onset_quarter"], note["duration_quarter"], note["is_grace"] = row
    onset_sec, duration_sec, velocity = (np.array(column) for column in zip(*performance, strict=True))
    times, values = zip(*pedal, strict=True) if pedal else ((), ())
    steps = Pedal(np.array(times, dtype=float), np.array(values, dtype=int))
    return notes, Performed(onset_sec.astype(float), duration_sec.astype(float), velocity, steps)


def there_and_back(notes, performed, dtype=np.float64):
    columns, start_sec = encode_performance(notes, performed)
    return decode_performance(notes, columns.astype(dtype), start_sec)


def depth_at(pedal, times):
    return np.append(0, pedal.value)[np.searchsorted(pedal.time_sec, times, side="right")]


def assert_same_notes(decoded, performed):
    np.testing.assert_allclose(decoded.onset_sec, performed.onset_sec, rtol=0, atol=1e-3)
    np.testing.assert_allclose(decoded.duration_sec, performed.duration_sec, rtol=0, atol=1e-3)
    np.testing.assert_array_equal(decoded.velocity, performed.velocity)


@st.composite
def performances(draw):
    """Chords, grace notes, notes without duration, overlaps, a single note; performed in any order, however wrongly."""
    score, performance = [], []
    position, time_ms = draw(st.sampled_from([0.0, 1.5])), draw(st.integers(0, 100_000))
    for _ in range(draw(st.integers(1, 12))):
        for _ in range(draw(st.integers(1, 4))):
            duration = draw(st.sampled_from([0.0, 1 / 64, 1 / 12, 0.25, 1.0, 7.0]))
            score.append((position, duration, duration == 0 and draw(st.booleans())))
            onset_ms = max(0, time_ms + draw(st.integers(-300, 300)))
            performance.append((onset_ms / 1000, draw(st.integers(0, 8000)) / 1000, draw(st.integers(1, 127))))
        step = draw(st.sampled_from([1 / 64, 1 / 16, 1 / 12, 1 / 8, 1 / 3, 0.25, 1.0, 4.0]))
        position += step
        time_ms += int(step * draw(st.integers(10, 20_000)))
    order = draw(st.permutations(range(len(score))))
    pedal = draw(st.lists(st.tuples(st.integers(0, time_ms + 5000), st.integers(0, 127)), max_size=20))
    steps = [(at_ms / 1000, value) for at_ms, value in sorted(pedal)]
    return make([score[i] for i in order], [performance[i] for i in order], steps)


repeatable = settings(deadline=None, derandomize=True)


@repeatable
@given(performances())
def test_notes_come_back(performance):
    assert_same_notes(there_and_back(*performance), performance[1])


@repeatable
@given(performances())
def test_columns_come_back_from_what_they_say(performance):
    notes, performed = performance
    columns, start_sec = encode_performance(notes, performed)
    again, start_again = encode_performance(notes, decode_performance(notes, columns, start_sec))
    assert start_again == pytest.approx(start_sec, abs=1e-6)
    np.testing.assert_allclose(again[:, :PEDAL], columns[:, :PEDAL], atol=1e-4)
    np.testing.assert_allclose(again[:, [PEDAL, PEDAL_BETWEEN]], columns[:, [PEDAL, PEDAL_BETWEEN]], atol=1e-9)
    np.testing.assert_allclose(again[:, [PEDAL_CHANGE, PEDAL_RETURN]], columns[:, [PEDAL_CHANGE, PEDAL_RETURN]], atol=1e-4)


def test_a_depth_of_the_pedal_that_lasts_for_no_time_is_none():
    notes, performed = make([(0.0, 1.0, False), (1.0, 1.0, False)], [(0.0, 0.5, 64), (1.0, 0.5, 64)], [(1.0, 2), (1.5, 0), (1.5, 3)])
    columns, _ = encode_performance(notes, performed)
    np.testing.assert_allclose(columns[1, PEDAL:], [2 / 127, 3 / 127, 0.5 / 4, 1])  # the last span lasts four quarters, of 1 s


def test_the_pedal_returns_after_it_was_changed():
    notes, performed = make([(0.0, 1.0, False)], [(0.0, 0.5, 64)], [(0.0, 2), (0.5, 0), (1.0, 3)])
    columns, _ = encode_performance(notes, performed)
    np.testing.assert_allclose(columns[0, PEDAL:], [2 / 127, 3 / 127, 1.0 / 2, 1])  # the span lasts four quarters, of .5 s


@repeatable
@given(performances())
def test_pedal_depth_comes_back_at_the_onsets_and_is_0_in_the_end(performance):
    notes, performed = performance
    columns, start_sec = encode_performance(notes, performed)
    decoded = decode_performance(notes, columns, start_sec).pedal
    anchors, _ = find_anchors(notes["onset_quarter"])
    at_note = np.array([columns[i, TIMING] + performed.onset_sec[i] for i in range(len(notes))])
    exactly = np.isin(notes["onset_quarter"], anchors)
    for index in np.flatnonzero(exactly):
        assert depth_at(decoded, at_note[index] + 1e-6) == depth_at(performed.pedal, at_note[index] + 1e-6)
    assert len(decoded.value) == 0 or decoded.value[-1] == 0


QUARTERS = [(float(i), 1.0, False) for i in range(4)]
STEADY = [(0.5 * i, 0.5, 64) for i in range(4)]


@pytest.mark.parametrize(
    "pedal",
    [
        [(0.6, 90), (0.9, 0)],
        [(0.2, 30), (0.6, 90), (0.9, 20), (1.4, 0)],
        [(0.1, 127), (0.6, 0)],
        [(0.1, 127), (0.55, 0), (0.7, 100), (1.05, 0), (1.2, 64), (1.9, 0)],
        [(0.0, 40), (0.3, 10), (0.45, 40), (1.5, 0)],
        [(0.2, 127)],
    ],
)
def test_lifts_presses_and_depths_come_back_at_their_times(pedal):
    notes, performed = make(QUARTERS, STEADY, pedal)
    decoded = there_and_back(notes, performed).pedal
    times = np.arange(0, 2.0, 0.013)
    far = np.abs(times[:, None] - performed.pedal.time_sec).min(axis=1) > 1e-3
    np.testing.assert_array_equal(depth_at(decoded, times)[far], depth_at(performed.pedal, times)[far])


def test_a_pedal_that_is_never_lifted_is_lifted_after_the_end():
    notes, performed = make(QUARTERS, STEADY, [(0.2, 127)])
    decoded = there_and_back(notes, performed).pedal
    assert decoded.value.tolist() == [127, 0]
    assert decoded.time_sec[-1] >= 2.0


def test_a_pedal_that_moves_gradually_lifts_half_way():
    ramp = [(0.0, 120), (0.6, 90), (0.625, 60), (0.65, 0), (0.75, 50), (0.775, 100), (0.8, 120)]
    columns, _ = encode_performance(*make(QUARTERS, STEADY, ramp))
    assert columns[1, [PEDAL, PEDAL_BETWEEN]] == pytest.approx([120 / 127, 0])
    assert columns[1, [PEDAL_CHANGE, PEDAL_RETURN]] == pytest.approx([0.25, 0.55])


def test_steady_playing_is_all_zeros_at_a_quarter_a_second():
    columns, start_sec = encode_performance(*make(QUARTERS, [(3 + i, 1.0, 127) for i in range(4)]))
    assert start_sec == 3
    np.testing.assert_allclose(columns[:, [BEAT_PERIOD, TIMING, ARTICULATION, PEDAL]], 0, atol=1e-12)
    np.testing.assert_array_equal(columns[:, VELOCITY], 1)


def test_early_is_positive_and_short_is_negative():
    score = [(0.0, 1.0, False), (0.0, 1.0, False), (0.0, 1.0, False), (1.0, 1.0, False)]
    columns, _ = encode_performance(*make(score, [(0.97, 0.5, 64), (1.0, 1.0, 64), (1.0, 2.0, 64), (2.0, 1.0, 64)]))
    np.testing.assert_allclose(columns[:, TIMING], [0.03, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(columns[:, ARTICULATION], [-1, 0, 1, 0], atol=1e-12)


def test_a_note_held_through_a_ritardando_is_held_for_its_length():
    score = [(0.0, 3.0, False), (0.0, 1.0, False), (1.0, 1.0, False), (2.0, 1.0, False), (3.0, 1.0, False)]
    columns, _ = encode_performance(*make(score, [(0, 7, 64), (0, 1, 64), (1, 2, 64), (3, 4, 64), (7, 4, 64)]))
    np.testing.assert_allclose(columns[:, BEAT_PERIOD], [0, 0, 1, 2, 2])
    np.testing.assert_allclose(columns[:, ARTICULATION], 0, atol=1e-12)


def test_grace_notes_and_fast_asynchronous_notes_are_no_tempo():
    score = [(0.0, 1.0, False), (1.0, 0.0, True), (1.0, 1.0, False), (1 + 1 / 64, 1.0, False), (2.0, 1.0, False)]
    notes, performed = make(score, [(0, 1, 64), (0.7, 0.1, 64), (1, 1, 64), (1.3, 0.7, 64), (2, 1, 64)])
    columns, _ = encode_performance(notes, performed)
    np.testing.assert_allclose(columns[:, BEAT_PERIOD], 0, atol=1e-12)
    assert columns[1, TIMING] == pytest.approx(0.3)
    assert columns[3, TIMING] == pytest.approx(1 / 64 - 0.3)
    assert_same_notes(there_and_back(notes, performed), performed)


def test_impossible_tempos_stay_within_bounds_and_are_caught_up_with():
    onsets = [0.0, 1.0, 40.0, 40.001, 40.002, 40.003, 60.0, 61.0]
    score = [(float(i), 1.0, False) for i in range(len(onsets))]
    notes, performed = make(score, [(onset, 0.5, 64) for onset in onsets])
    columns, _ = encode_performance(notes, performed)
    assert (columns[:, BEAT_PERIOD] >= np.log2(SHORTEST_BEAT_PERIOD_S)).all()
    assert (columns[:, BEAT_PERIOD] <= np.log2(LONGEST_BEAT_PERIOD_S)).all()
    assert columns[2, TIMING] == pytest.approx(17 - 40)
    assert columns[-1, TIMING] == pytest.approx(0)
    assert_same_notes(there_and_back(notes, performed), performed)


def test_notes_that_are_not_performed_are_marked_and_time_goes_on_through_them():
    notes, performed = make(QUARTERS, [(0, 1, 64), (np.nan, np.nan, 0), (2, 1, 64), (np.nan, np.nan, 0)])
    columns, start_sec = encode_performance(notes, performed)
    np.testing.assert_array_equal(np.isnan(columns[:, [VELOCITY, TIMING, ARTICULATION]]).all(axis=1), [False, True, False, True])
    np.testing.assert_allclose(columns[:, BEAT_PERIOD], 0, atol=1e-12)
    assert_same_notes(decode_performance(notes, columns, start_sec), performed)


def test_an_unperformed_beginning_keeps_the_time_of_the_rest():
    notes, performed = make(QUARTERS, [(np.nan, np.nan, 0), (5, 1, 64), (6, 1, 64), (7, 1, 64)])
    _, start_sec = encode_performance(notes, performed)
    assert start_sec == pytest.approx(4)


def test_a_performance_without_notes_is_refused():
    with pytest.raises(ValueError, match="at least one performed note"):
        encode_performance(*make(QUARTERS[:1], [(np.nan, np.nan, 0)]))


def test_single_precision_is_enough_for_an_hour():
    random = np.random.default_rng(0)
    count = 10_000
    notes = np.zeros(count, SCORE_NOTE_DTYPE)
    notes["onset_quarter"] = np.arange(count) / 3
    notes["duration_quarter"] = 1 / 3
    onset_sec = np.cumsum(random.uniform(0.1, 0.6, count))
    performed = Performed(onset_sec, random.uniform(0.05, 1.0, count), random.integers(1, 128, count), NO_PEDAL)
    assert_same_notes(there_and_back(notes, performed, np.float32), performed)


def test_columns_from_elsewhere_are_averaged_over_a_chord_and_brought_into_range():
    notes, _ = make([(0.0, 1.0, False), (0.0, 1.0, False), (1.0, 1.0, False)], [(0, 1, 64)] * 3)
    columns = np.zeros((3, 8))
    columns[:, BEAT_PERIOD] = [1, -1, 99]
    columns[:, VELOCITY] = [2, -1, 0.5]
    columns[:, [PEDAL, PEDAL_BETWEEN, PEDAL_CHANGE, PEDAL_RETURN]] = [3, 9, -1, -2]
    decoded = decode_performance(notes, columns, 10.0)
    np.testing.assert_allclose(decoded.onset_sec, [10, 10, 11])
    assert decoded.velocity.tolist() == [127, 1, 64]
    assert decoded.pedal.value.tolist() == [127, 0]
    assert (np.diff(decoded.pedal.time_sec) > 0).all()


def test_settled_notes_are_on_time_in_the_middle_of_their_anchor():
    score = [(0, 1, False), (0, 1, False), (0, 1, False), (1, 1, False), (2, 0, True), (2, 1, False), (2 + 1 / 16, 1, False)]
    performance = [(0.02, 0.4, 60), (0.0, 0.4, 61), (0.01, 0.4, 62), (0.5, 0.4, 63), (0.9, 0.1, 64), (1.0, 0.4, 65), (1.05, 0.4, 66)]
    notes, performed = make(score, performance)
    notes["pitch"] = 60 + np.arange(len(notes))
    columns, _ = encode_performance(notes, performed)
    np.testing.assert_allclose(settle(columns, notes), columns, atol=1e-9)
    strayed = columns.copy()
    strayed[:, TIMING] += [0.03, 0.03, 0.03, -0.02, 0.05, 0.05, 0.05]
    np.testing.assert_allclose(settle(strayed, notes), columns, atol=1e-9)
    strayed[:, TIMING] = [0.5, 0.1, 0.2, 0.3, 0.9, 0.4, 0.6]
    np.testing.assert_allclose(settle(strayed, notes)[:, TIMING], [0.3, -0.1, 0, 0, 0.5, 0, 0.2], atol=1e-9)
    np.testing.assert_allclose(settle(strayed[3:4], notes[3:4])[:, TIMING], 0)  # an anchor alone, as a stream has it
    assert strayed[0, TIMING] == 0.5


def test_a_key_that_voices_meet_on_is_struck_once():
    score = [(0, 1, False), (0, 0.5, False), (0, 1, False), (0, 0, True), (1, 1, False), (1 + 1 / 16, 1, False)]
    notes, _ = make(score, [(0, 0.5, 60)] * 6)
    notes["pitch"] = [60, 60, 64, 60, 60, 60]
    np.testing.assert_array_equal(np.unique(strokes(notes), return_counts=True)[1], [2, 1, 1, 1, 1])
    columns = np.zeros((6, 8))
    columns[:, TIMING], columns[:, VELOCITY], columns[:, ARTICULATION] = [0.4, -0.01, 0.01, 0.3, 0.05, 0.2], np.arange(6) / 10, np.arange(6)
    settled = settle(columns, notes)
    np.testing.assert_allclose(settled[:3, TIMING], [0, 0, 0.02], atol=1e-9)  # the middle of the three is where the key is struck
    np.testing.assert_allclose(settled[:, VELOCITY], [0.1, 0.1, 0.2, 0.3, 0.4, 0.5])
    np.testing.assert_array_equal(settled[:, ARTICULATION], columns[:, ARTICULATION])  # each voice is held as long as its own note
    assert nearest_stroke(notes, np.array([np.nan, 9, 0, 0, 0, 0])).tolist() == [1, 1, 2, 3, 4, 5]
