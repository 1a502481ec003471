import numpy as np
import pytest

from models.velocity import article_representation as representation
from models.velocity.article_representation import (
    NOTE_DTYPE,
    SOURCE_VOCABULARY,
    SPECIAL_TOKENS,
    TARGET_VOCABULARY,
    bracket,
    decode_notes,
    decode_velocities,
    encode_notes,
    encode_velocities,
    inter_onsets,
    velocity_bins,
    windows,
)


def table(*notes):
    return np.array(list(notes), dtype=NOTE_DTYPE)


def test_vocabularies_have_the_corrected_sizes():
    assert (SOURCE_VOCABULARY, TARGET_VOCABULARY) == (2379, 131)


@pytest.mark.parametrize(
    ("note", "next_onset_sec", "token"),
    [
        ((0.0, 0.0, 21, 0), 0.0, 3),  # the first
        ((0.0, 0.0, 21, 57), 0.0, 4),  # velocity changes fastest
        ((0.0, 0.145833, 21, 0), 0.0, 6),  # then duration
        ((0.0, 0.0, 21, 0), 0.048177, 12),  # then the time to the next onset
        ((0.0, 0.0, 22, 0), 0.0, 30),  # then pitch
        ((0.0, 0.45, 108, 74), 0.5, 2378),  # the last
    ],
)
def test_tokens_are_numbered_by_pitch_inter_onset_duration_velocity(note, next_onset_sec, token):
    assert encode_notes(table(note, (next_onset_sec, 0.1, 60, 64)))[0] == token


def test_a_bin_begins_at_its_lower_edge():
    assert velocity_bins(np.array([0, 56, 57, 73, 74, 127])).tolist() == [0, 0, 1, 1, 2, 2]


def test_inter_onset_time_looks_at_the_next_note_and_is_zero_for_the_last():
    assert inter_onsets(np.array([1.0, 1.25, 3.0])).tolist() == [0.25, 1.75, 0.0]
    assert inter_onsets(np.array([])).tolist() == []


def test_unsorted_notes_are_refused():
    with pytest.raises(ValueError, match="sorted by onset"):
        encode_notes(table((1.0, 0.1, 60, 64), (0.5, 0.1, 60, 64)))


def test_quantised_notes_survive_the_round_trip_exactly():
    tokens = np.random.default_rng(0).permutation(np.arange(SPECIAL_TOKENS, SOURCE_VOCABULARY))
    tokens = np.append(tokens, SPECIAL_TOKENS)  # the last note's distance to the next is 0
    assert (encode_notes(decode_notes(tokens)) == tokens).all()


def test_notes_decode_to_bin_centres():
    notes = decode_notes(np.array([3, 3 + 9 + 3 + 1, 3 + 18 + 6 + 2, 3]))
    assert notes["velocity"].tolist() == [45, 65, 101, 45]
    assert notes["duration_sec"] == pytest.approx([0.0729165, 0.2979165, 0.9, 0.0729165])
    assert np.diff(notes["onset_sec"]) == pytest.approx([0.0240885, 0.2740885, 1.0])


def test_pitches_beyond_the_keyboard_take_the_nearest_key_and_come_back_as_they_were():
    notes = table((0.0, 0.1, 3, 64), (0.1, 0.1, 120, 64))
    nearest = table((0.0, 0.1, 21, 64), (0.1, 0.1, 108, 64))
    assert (encode_notes(notes) == encode_notes(nearest)).all()
    assert decode_notes(encode_notes(notes), notes["pitch"])["pitch"].tolist() == [3, 120]
    assert decode_notes(encode_notes(notes))["pitch"].tolist() == [21, 108]


def test_every_velocity_survives_and_special_tokens_are_skipped():
    velocities = np.arange(128)
    tokens = bracket(encode_velocities(velocities))
    assert (tokens[0], tokens[-1], tokens[1:-1].min(), tokens.max()) == (representation.START, representation.END, 3, TARGET_VOCABULARY - 1)
    assert (decode_velocities(tokens) == velocities).all()
    assert len(decode_notes(bracket(np.array([3, 4])))) == 2


@pytest.mark.parametrize("notes", [0, 1, 64, 127, 128, 129, 191, 192, 193, 1000])
def test_windows_write_each_note_once_and_leave_no_tail(notes):
    written = [note for first, length, committed in windows(notes) for note in range(first + committed, first + length)]
    assert written == list(range(notes))


@pytest.mark.parametrize("notes", [129, 192, 500, 1001])
def test_every_window_but_the_first_is_full_and_hears_half_of_itself(notes):
    planned = windows(notes)
    assert planned[0] == (0, 128, 0)
    assert all(length == 128 and committed >= 64 for _, length, committed in planned[1:])
