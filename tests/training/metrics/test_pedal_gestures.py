"""The pedal as what a foot does, compared between two performances at their own tempos."""

import numpy as np
import pytest

from engine.score.tables import SCORE_NOTE_DTYPE
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from training.metrics.pedal_gestures import compare_gestures, find_gestures, measure_gestures


def gestures(beat_s, steps, quarters=9):
    """Return the gestures of as many quarters in even time, with the pedal's ``steps`` as (quarter, value)."""
    notes = np.zeros(quarters, SCORE_NOTE_DTYPE)
    notes["onset_quarter"], notes["duration_quarter"] = np.arange(quarters), 1
    onsets = beat_s * np.arange(quarters, dtype=float)
    times, values = (np.array(column) for column in zip(*steps, strict=True)) if steps else (np.zeros(0), np.zeros(0, int))
    performed = Performed(onsets, np.full(quarters, beat_s), np.full(quarters, 64), Pedal(beat_s * times, values))
    return find_gestures(notes, performed)


STEPS = [(0.1, 127), (0.9, 0), (1.1, 100), (2.0, 20), (4.0, 64), (6.0, 63)]


def test_the_same_gestures_at_another_tempo_are_the_same():
    assert compare_gestures(gestures(0.5, STEPS), gestures(0.8, STEPS)) == {"press": 1, "lift": 1}


def test_what_is_more_than_60_ms_away_is_another_gesture():
    """At .5 s a quarter, .1 quarters are 50 ms and .14 are 70."""
    near = [(quarter + 0.1, value) for quarter, value in STEPS]
    assert compare_gestures(gestures(0.5, near), gestures(0.5, STEPS)) == {"press": 1, "lift": 1}
    mixed = [(quarter + 0.14 * (value == 127), value) for quarter, value in STEPS]
    assert compare_gestures(gestures(0.5, mixed), gestures(0.5, STEPS)) == {"press": pytest.approx(2 / 3), "lift": 1}


def test_too_many_and_too_few_cost_the_same():
    few = compare_gestures(gestures(0.5, STEPS[:2]), gestures(0.5, STEPS))
    assert few == compare_gestures(gestures(0.5, STEPS), gestures(0.5, STEPS[:2])) == {"press": 0.5, "lift": 0.5}
    assert compare_gestures(gestures(0.5, []), gestures(0.5, STEPS)) == {"press": 0, "lift": 0}
    assert np.isnan(list(compare_gestures(gestures(0.5, []), gestures(0.5, [])).values())).all()


def test_before_the_first_and_after_the_last_onset_seconds_count():
    slow, fast = gestures(1.0, [(9.0, 127), (10.0, 0)]), gestures(0.5, [(10.0, 127), (12.0, 0)])
    assert compare_gestures(slow, fast) == {"press": 1, "lift": 1}


def test_presses_a_minute_and_half_pedals():
    found = measure_gestures(gestures(0.5, [(0, 127), (2, 64), (4, 0), (6, 127), (8, 0)]))
    assert found == {"presses_a_minute": pytest.approx(2 / 4 * 60), "half_share": pytest.approx(0.25)}
