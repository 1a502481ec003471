"""What a score is like as a whole."""

import numpy as np
import pytest
from dexter_pieces import made_up_notes, made_up_score_columns

from models.dexter.expression_profile import PIECE_FEATURES, expected_slowing, fastest_interval, piece_features
from models.performance.features import FEATURES, note_features
from models.performance.harmony import HARMONY, harmony


def test_a_piece_is_what_its_notes_and_onsets_are_on_average_and_how_they_differ():
    columns = made_up_score_columns(made_up_notes(256))
    features, onsets = note_features(columns), harmony(columns)
    found = dict(zip(PIECE_FEATURES, piece_features(columns, features).tolist(), strict=True))
    assert len(found) == 2 * len(FEATURES) + 2 * len(HARMONY) + 1 and found["notes"] == 8
    for name, measure in (("mean", np.mean), ("deviation", np.std)):
        expected = {f"{each}_{name}": measure(features[:, FEATURES.index(each)]) for each in ("pitch", "duration", "dynamic")}
        expected |= {f"onset_{each}_{name}": measure(onsets[:, HARMONY.index(each)]) for each in ("top", "bass_is_tonic", "novelty_8")}
        np.testing.assert_allclose([found[each] for each in expected], list(expected.values()), rtol=1e-4)


def test_the_interval_that_a_tenth_of_the_notes_are_shorter_than():
    intervals = np.log2(np.linspace(0.1, 1.1, 101))
    assert fastest_interval(np.append(intervals, np.nan)) == pytest.approx(np.log2(0.2))
    assert np.isnan(fastest_interval(np.full(3, np.nan)))


def test_what_is_faster_than_humans_play_is_likely_slower():
    humans = np.linspace(-3.5, -1.5, 60)
    far, near, among, slow = (expected_slowing(predicted, humans) for predicted in (-5.0, -3.5, -2.5, -1.0))
    assert -5 + far == pytest.approx(-3.5, abs=0.15)  # as the fastest are
    assert 0.15 < near < 0.3 and among == pytest.approx(0, abs=0.01) and slow == 0
    assert expected_slowing(float("nan"), humans) == expected_slowing(-5.0, np.zeros(0)) == 0
    assert expected_slowing(-1e6, humans) == pytest.approx(1e6 - 3.5)
