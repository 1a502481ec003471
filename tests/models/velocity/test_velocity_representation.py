"""What the streaming velocity transformer hears of a note."""

import copy

import numpy as np
import pytest

from models.velocity.representation import (
    KEY_REACH,
    LONGEST_S,
    SCALARS,
    NoteTracker,
    pitch_index,
    velocity_hint,
)


def scalar(features, name):
    return float(features.scalars[SCALARS.index(name)])


@pytest.mark.parametrize(("pitch", "index"), [(0, 0), (20, 0), (21, 0), (60, 39), (108, 87), (109, 87), (127, 87)])
def test_pitches_outside_the_piano_get_the_nearest_key(pitch, index):
    assert pitch_index(pitch) == index


@pytest.mark.parametrize(("velocity", "hint"), [(1, 1), (56, 1), (57, 2), (73, 2), (74, 3), (127, 3)])
def test_hints_change_at_the_articles_edges(velocity, hint):
    assert velocity_hint(velocity) == hint


def test_the_first_note_knows_of_nothing_before_it():
    features = NoteTracker().note_on(5.0, 60)
    assert scalar(features, "inter_onset_s") == scalar(features, "same_key_s") == scalar(features, "release_s") == LONGEST_S
    assert not features.keys.any()
    assert scalar(features, "density_1") == 0


def test_a_note_hears_held_and_released_keys_at_their_intervals():
    tracker = NoteTracker()
    tracker.note_on(0.0, 60)
    tracker.note_on(0.5, 64)
    tracker.note_off(0.75, 64)
    features = tracker.note_on(1.0, 67)
    assert features.keys[KEY_REACH - 7] == pytest.approx(1.0)  # 60: held for a second
    assert features.keys[KEY_REACH - 3] == pytest.approx(-0.25)  # 64: released a quarter of a second ago
    assert np.count_nonzero(features.keys) == 2
    assert scalar(features, "inter_onset_s") == pytest.approx(0.5)
    assert scalar(features, "second_inter_onset_s") == pytest.approx(1.0)
    assert scalar(features, "release_s") == pytest.approx(0.25)


def test_a_key_struck_in_the_same_instant_is_heard_as_held():
    tracker = NoteTracker()
    tracker.note_on(1.0, 60)
    assert tracker.note_on(1.0, 64).keys[KEY_REACH - 4] > 0


def test_keys_at_the_ends_of_the_range_are_heard():
    tracker = NoteTracker()
    tracker.note_on(0.0, 127)
    assert tracker.note_on(1.0, 127 - KEY_REACH).keys[-1] == pytest.approx(1.0)
    tracker.note_on(2.0, 0)
    assert tracker.note_on(3.0, KEY_REACH).keys[0] == pytest.approx(1.0)


def test_a_release_is_forgotten_after_two_seconds():
    tracker = NoteTracker()
    tracker.note_on(0.0, 60)
    tracker.note_off(1.0, 60)
    assert copy.deepcopy(tracker).note_on(2.9, 60).keys.any()
    assert not tracker.note_on(3.1, 60).keys.any()


def test_what_was_struck_or_let_go_again_is_not_forgotten_with_its_first_release():
    tracker = NoteTracker()
    for pitch in (60, 62):
        tracker.note_on(0.0, pitch)
        tracker.note_off(1.0, pitch)
        tracker.note_on(1.5, pitch)
    tracker.note_off(2.0, 62)
    features = tracker.note_on(3.5, 67)
    assert features.keys[KEY_REACH - 7] == pytest.approx(2.0)
    assert features.keys[KEY_REACH - 5] == pytest.approx(-1.5)


@pytest.mark.parametrize(("gap_s", "heard_s"), [(0.0, 0.1), (0.01, 0.1), (0.03, 0.03), (0.5, 0.5)])
def test_a_repetition_as_it_is_written_is_heard_as_it_is_played(gap_s, heard_s):
    tracker = NoteTracker()
    tracker.note_on(0.0, 60)
    tracker.note_off(1.0, 60)
    tracker.note_on(1.0, 64)
    features = tracker.note_on(1.0 + gap_s, 60)
    assert features.keys[KEY_REACH] == pytest.approx(-heard_s)
    assert features.keys[KEY_REACH + 4] > 0


def test_pedals():
    tracker = NoteTracker()
    tracker.sustain_pedal(1.0, 127)
    tracker.sustain_pedal(2.0, 100)  # deeper or shallower, but no crossing of half-way
    tracker.soft_pedal(64)
    features = tracker.note_on(3.0, 60)
    assert scalar(features, "pedal_depth") == pytest.approx(100 / 127)
    assert scalar(features, "pedal_change_s") == pytest.approx(2.0)
    assert scalar(features, "soft_pedal_depth") == pytest.approx(64 / 127)


def test_density_settles_at_the_rate_of_notes():
    tracker = NoteTracker()
    for number in range(400):
        features = tracker.note_on(number / 8, 60)
    assert scalar(features, "density_5") == pytest.approx(8, rel=0.05)


def test_time_shifts_change_nothing():
    def described(shift_s):
        tracker = NoteTracker()
        for number in range(50):
            features = tracker.note_on(shift_s + number * 0.25, 40 + number)
            tracker.note_off(shift_s + number * 0.25 + 0.125, 40 + number)
        return features

    np.testing.assert_array_equal(described(0.0).keys, described(1024.0).keys)
    np.testing.assert_array_equal(described(0.0).scalars, described(1024.0).scalars)
