"""Hands of a piano's notes where the file does not tell them apart."""

import numpy as np

from engine.score.estimation.hands import left_hand


def hands(rows, tracks=None):
    """Return who plays the notes of ``rows`` (onset, pitch), in order, as a string of l and r."""
    onsets, pitches = np.array(rows, float).reshape(-1, 2).T
    tracks = np.zeros(len(pitches), int) if tracks is None else np.array(tracks)
    return "".join("rl"[int(left)] for left in left_hand(onsets, pitches.astype(int), tracks))


def test_of_two_tracks_the_lower_one_is_the_left_hands_wherever_it_stands():
    rows = [(0, 40), (0, 72), (1, 75), (1, 74)]
    assert hands(rows, [0, 1, 0, 1]) == "lrlr" and hands(rows, [5, 2, 5, 2]) == "lrlr"


def test_chords_that_no_hand_reaches_are_divided():
    assert hands([(0, 36), (0, 48), (0, 64), (0, 72)]) == "llrr"


def test_both_hands_may_be_above_or_below_middle_c():
    high = [(quarter, pitch) for quarter in range(8) for pitch in (65, 69, 84, 88)]
    low = [(quarter, pitch) for quarter in range(8) for pitch in (33, 40, 52, 57)]
    assert hands(high) == hands(low) == "llrr" * 8


def test_a_run_goes_over_to_the_other_hand_and_the_tune_stays_with_one():
    tune = [(quarter, 76) for quarter in range(8)] + [(quarter + 0.5, 48 + quarter) for quarter in range(8)]
    rows = sorted(tune)
    assert hands(rows) == "".join("r" if pitch == 76 else "l" for _, pitch in rows)
    assert hands([(0, 60 - 12), *[(step / 4, 50 + step) for step in range(1, 36)]])[0] == "l"
    assert hands([(step / 4, 40 + 2 * step) for step in range(24)])[::23] == "lr"


def test_no_notes():
    assert hands([]) == ""
