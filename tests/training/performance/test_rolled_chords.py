"""How widely chords under arpeggio signs are rolled."""

from types import SimpleNamespace

import numpy as np
import pytest

from engine.score.tables import MARKING_DTYPE, SCORE_NOTE_DTYPE
from training.performance.rolled_chords import RolledChord, fit_roll, rolled_chords

PERFORMED = np.dtype([("onset_sec", "f8"), ("duration_sec", "f8")])


def performances(*spreads_s):
    """A chord of three notes rolled upwards, one of two downwards that ends on the beat, and a plain one; of the last performer the first
    is not played.
    """
    notes, markings = np.zeros(7, SCORE_NOTE_DTYPE), np.zeros(7, MARKING_DTYPE)
    notes["onset_quarter"], notes["pitch"] = [0, 0, 0, 1, 1, 2, 2], [60, 64, 67, 60, 64, 60, 64]
    markings["arpeggio"] = [1, 1, 1, -1, -1, 0, 0]
    score, found = SimpleNamespace(notes=notes, markings=markings), []
    for spread_s in spreads_s:
        performed = np.zeros(7, PERFORMED)
        performed["onset_sec"] = [0, spread_s / 2, spread_s, 5 + spread_s / 2, 5 - spread_s / 2, 10, 10]
        performed["duration_sec"] = 2 * spread_s
        found.append(SimpleNamespace(piece="piece", score=score, performed=performed))
    found[-1].performed["onset_sec"][0] = np.nan
    return found


def test_chords_are_spread_in_the_direction_of_their_sign():
    first, second = rolled_chords(performances(0.1, 0.3, 0.8))
    assert first[:3] == ("piece", pytest.approx(0.2), pytest.approx(0.4)) and np.isnan(first.before)  # the two that play it
    assert second[:3] == ("piece", pytest.approx(0.4), pytest.approx(0.8))


def test_what_is_fitted_is_what_was_there():
    held_s = np.geomspace(0.1, 4, 20)
    chords = [RolledChord(f"piece {index % 3}", 0.5 * each**0.3, each, 0.7) for index, each in enumerate(held_s)]
    plain = [RolledChord("plain", 0.001, 1.0, 0.2)] * 30
    assert fit_roll([*chords, *plain]) == (pytest.approx(0.5), pytest.approx(0.3), pytest.approx(0.7))


def test_a_piece_counts_by_the_root_of_how_many_chords_it_has():
    many, one = [RolledChord("many", 0.2, 1.0, 0.8)] * 81, RolledChord("one", 0.8, 1.0, 0.8)
    assert np.log(fit_roll([*many, one])[0]) == pytest.approx((9 * np.log(0.2) + np.log(0.8)) / 10)


def test_the_beat_lies_between_the_onsets_around():
    (chord,) = rolled_chords(performances(0.2)[:1])  # the first note of the other is not played
    assert chord.before == pytest.approx(((0.15 + 10) / 2 - 4.9) / 0.2)
