"""Local tempo against a beat that is given: what is faster or slower is counted from what came before, and not from a bad beginning."""

import numpy as np
import pytest

from engine.performers.dexter.controls import CONTROLS
from engine.performers.lookahead.beats import Place
from engine.performers.lookahead.rubato import Rubato
from engine.performers.score_playing.expression import ColumnExpression
from models.performance.representation import BEAT_PERIOD, COLUMNS, VELOCITY

BOUND_S = 0.125


def shifts_ms(periods, beats_s, clocked=False):
    """Return how much later quarters are performed, one after another, whose performed beat periods and lengths these are, in s."""
    rubato, expression, time_ns, shifts = Rubato(BOUND_S), ColumnExpression({}, CONTROLS), 0, []
    for quarter, (period, beat_s) in enumerate(zip(periods, beats_s, strict=True)):
        columns = np.zeros((1, COLUMNS))
        columns[:, BEAT_PERIOD], columns[:, VELOCITY] = np.log2(period), 0.5
        place = Place(time_ns, float(quarter), beat_s * 1e9, 0, 0.0, clocked)
        (note,), _ = rubato.perform(columns, [place], [64], expression, None)
        shifts.append(1000 * note.shift_s)
        time_ns += round(beat_s * 1e9)
    return np.array(shifts)


def test_a_steady_tempo_moves_nothing():
    assert np.abs(shifts_ms([0.6] * 8, [0.5] * 8)).max() < 1e-6


def test_slower_quarters_are_late_and_then_given_back():
    late = shifts_ms([0.5] * 8 + [0.6] + [0.5] * 8, [0.5] * 17)
    assert late[9] > 40 and abs(late[16]) < 12


def test_by_a_clock_what_is_late_is_given_back_in_half_the_time():
    alone, by_clock = (shifts_ms([0.5] * 8 + [0.52] + [0.5] * 8, [0.5] * 17, clocked) for clocked in (False, True))
    assert 0 < by_clock[9] < alone[9]
    assert by_clock[10] / by_clock[9] == pytest.approx((alone[10] / alone[9]) ** 2, rel=0.05)


def test_a_first_note_at_another_tempo_is_forgotten_within_some_quarters():
    """After eight quarters it counts for an eighth of the mean at most: of 41% that is 5%, given back within a second."""
    late = shifts_ms([0.5 / np.sqrt(2)] + [0.5] * 15, [0.5] * 16)
    assert np.abs(late[8:]).max() < 50


def test_a_beat_of_another_length_moves_nothing():
    """The estimate of the beat may double when a clock is heard: the performer's quarters are as much longer then."""
    late = shifts_ms([0.3] * 8 + [0.6] * 8, [0.25] * 8 + [0.5] * 8)
    assert np.abs(late).max() < 1e-6


@pytest.mark.parametrize("beats_s", [[0.5] * 16, [0.5] * 8 + [0.25] * 8])
def test_no_note_is_moved_beyond_the_bound(beats_s):
    random = np.random.default_rng(0)
    assert np.abs(shifts_ms(np.exp(random.normal(-0.7, 0.7, 16)), beats_s)).max() <= BOUND_S * 1000
