"""PerformanceNet's rolls and spectra: the paper's exactly, ours with what the paper drops, and back."""

import copy

import numpy as np
import pytest

from models.performance_net.representation import (
    AGE,
    BINS,
    CHANNELS,
    FRAME_RATE,
    HOP_SAMPLES,
    LOWEST_KEY,
    NOTE_BEGIN,
    NOTE_END,
    OFFSET,
    OLDEST_S,
    ONSET,
    PAPER_POWER_SCALE,
    PEDAL,
    SAMPLE_RATE,
    SOUNDING,
    SUSTAIN_CHANGE,
    Roll,
    SoundEvent,
    frame_count,
    key_of,
    log_power,
    magnitude,
    nearest_octave,
    paper_roll,
    roll_of,
    sound_events,
    transform,
)

NOTES = np.dtype([("onset_sec", "f8"), ("duration_sec", "f8"), ("pitch", "i4"), ("velocity", "i4")])
PEDALS = np.dtype([("time_sec", "f8"), ("number", "i4"), ("value", "i4")])
FRAME_S = HOP_SAMPLES / SAMPLE_RATE
C4 = 60 - LOWEST_KEY


def notes_of(*rows: tuple[float, float, int, int]) -> np.ndarray:
    """Onset and duration in frames."""
    return np.array([(onset * FRAME_S, duration * FRAME_S, pitch, velocity) for onset, duration, pitch, velocity in rows], NOTES)


def some_playing(count: int = 300, seconds: float = 8.0) -> list[SoundEvent]:
    random = np.random.default_rng(5)
    notes = np.zeros(count, NOTES)
    notes["onset_sec"] = np.sort(random.uniform(0, seconds, count))
    notes["duration_sec"] = random.exponential(0.3, count)
    notes["pitch"] = random.integers(15, 115, count)
    notes["velocity"] = random.integers(1, 128, count)
    pedals = np.zeros(60, PEDALS)
    pedals["time_sec"] = np.sort(random.uniform(0, seconds, 60))
    pedals["number"] = random.choice([64, 67], 60)
    pedals["value"] = random.integers(0, 128, 60)
    return sound_events(notes, pedals)


def test_the_paper_s_roll() -> None:
    roll = paper_roll(notes_of((0, 3, 60, 90), (2, 4, 64, 20), (6, 2, 64, 20), (8.5, 0.4, 70, 9)), 10)
    assert roll.shape == (256, 10) and roll.dtype == np.float32
    assert roll[60].tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert roll[64].tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 0, 0]
    assert roll[128 + 60].tolist() == [1, 0, 0, -1, 0, 0, 0, 0, 0, 0]
    assert roll[128 + 64].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, -1, 0]  # the repeated note has no onset, in the paper
    assert not roll[70].any()  # and one between two frames is not there
    assert roll.sum() == 3 + 6 + (1 - 1) + (1 - 1)


def test_a_roll_has_velocity_time_and_age() -> None:
    roll = roll_of(sound_events(notes_of((2.25, 4, 60, 127))), 12)
    assert roll.shape == (CHANNELS, 12) and roll.dtype == np.float32
    np.testing.assert_allclose(roll[ONSET][C4], [0, 0, 0.75, 0.25] + [0] * 8, atol=1e-6)
    np.testing.assert_allclose(roll[OFFSET][C4], [0] * 6 + [0.75, 0.25] + [0] * 4, atol=1e-6)
    assert roll[SOUNDING][C4].tolist() == [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(roll[AGE][C4, 3:7] ** 2 * OLDEST_S / FRAME_S, [0.75, 1.75, 2.75, 3.75], rtol=1e-5)
    assert np.count_nonzero(roll) == 2 + 2 + 4 + 4


def test_a_repeated_note_keeps_its_marks_and_a_short_one_is_heard() -> None:
    roll = roll_of(sound_events(notes_of((1, 3, 60, 127), (4, 3, 60, 64), (8.5, 0.1, 62, 127))), 12)
    assert roll[ONSET][C4].nonzero()[0].tolist() == [1, 4] and roll[OFFSET][C4].nonzero()[0].tolist() == [4, 7]
    assert roll[ONSET][C4 + 2].sum() == pytest.approx(1) and roll[OFFSET][C4 + 2].sum() == pytest.approx(1)
    overlapping = roll_of(sound_events(notes_of((1, 9, 60, 127), (4, 3, 60, 64), (8.5, 0.1, 62, 127))), 12)
    np.testing.assert_array_equal(overlapping, roll)


def test_a_key_that_is_struck_while_the_pedal_holds_it_is_damped_first() -> None:
    pedals = np.array([(0, 64, 127)], PEDALS)
    roll = roll_of(sound_events(notes_of((1, 1, 60, 127), (4, 1, 60, 64)), pedals), 8)
    assert roll[ONSET][C4].nonzero()[0].tolist() == [1, 4] and roll[OFFSET][C4].nonzero()[0].tolist() == [4]
    assert roll[SOUNDING][C4].tolist() == pytest.approx([0, 1, 1, 1, *[64 / 127] * 4])


def test_the_pedal_holds_what_the_hands_let_go() -> None:
    def row(*pedal: tuple[float, int]) -> list[int]:
        pedals = np.array([(frame * FRAME_S, 64, value) for frame, value in pedal], PEDALS)
        return roll_of(sound_events(notes_of((1, 2, 60, 127)), pedals), 8)[SOUNDING][C4].astype(int).tolist()

    assert row() == [0, 1, 1, 0, 0, 0, 0, 0]
    assert row((0, 64), (5, 63)) == [0, 1, 1, 1, 1, 0, 0, 0]
    assert row((2, 127)) == [0, 1, 1, 1, 1, 1, 1, 1]
    assert row((3, 127)) == [0, 1, 1, 1, 1, 1, 1, 1]  # pressed as the key comes up
    assert row((4, 127)) == [0, 1, 1, 0, 0, 0, 0, 0]  # too late
    assert row((0, 63)) == [0, 1, 1, 0, 0, 0, 0, 0]
    depth = roll_of([SoundEvent(2 * FRAME_S, SUSTAIN_CHANGE, 0, 127), SoundEvent(4 * FRAME_S, SUSTAIN_CHANGE, 0, 32)], 6)[PEDAL]
    np.testing.assert_allclose(depth, [0, 0, 1, 1, 32 / 127, 32 / 127])


@pytest.mark.parametrize("sizes", [(1,), (2,), (3,), (7, 1, 40), (1379,)])
def test_a_roll_taken_in_pieces_is_the_whole(sizes: tuple[int, ...]) -> None:
    events, frames = some_playing(), 1379
    roll, parts, at, next_event = Roll(), [], 0, 0
    while at < frames:
        size = min(sizes[len(parts) % len(sizes)], frames - at)
        while next_event < len(events) and events[next_event].time_sec < (at + size) / FRAME_RATE:
            roll.add(events[next_event])
            next_event += 1
        parts.append(roll.take(size))
        at += size
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), roll_of(events, frames))


def test_a_copied_roll_goes_its_own_way() -> None:
    roll = Roll()
    roll.add(SoundEvent(0.1, NOTE_BEGIN, 60, 100))
    other = copy.deepcopy(roll)
    other.add(SoundEvent(0.2, NOTE_END, 60, 0))
    assert roll.take(100)[SOUNDING][C4, -1] > 0 == other.take(100)[SOUNDING][C4, -1]


def test_what_comes_too_late_is_refused() -> None:
    roll = Roll()
    roll.take(10)
    with pytest.raises(ValueError, match="frame 8 was already taken"):
        roll.add(SoundEvent(8.5 * FRAME_S, NOTE_BEGIN, 60, 100))


def test_pitches_beyond_the_keyboard_sound_in_the_nearest_octave() -> None:
    assert [key_of(pitch) for pitch in (21, 60, 108)] == [0, 39, 87]
    assert all((key_of(pitch) + LOWEST_KEY - pitch) % 12 == 0 and 0 <= key_of(pitch) < 88 for pitch in range(128))
    assert (key_of(20), key_of(9), key_of(109)) == (11, 0, 76)


def test_the_spectrum_s_logarithm_is_inverted_exactly() -> None:
    audio = np.random.default_rng(1).normal(0, 0.1, 20_000).astype(np.float32) * np.linspace(0, 1, 20_000, dtype=np.float32) ** 8
    for scale in (1000.0, PAPER_POWER_SCALE):
        spectrum = log_power(audio, scale)
        assert spectrum.shape == (BINS, frame_count(20_000)) == (BINS, 79) and spectrum.dtype == np.float32
        np.testing.assert_allclose(magnitude(spectrum, scale), np.abs(transform(audio)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(log_power(audio, PAPER_POWER_SCALE), np.log1p(np.abs(transform(audio)) ** 2), rtol=1e-5, atol=1e-5)
    assert not magnitude(np.full((BINS, 2), -1.0, np.float32)).any()


def test_frames_are_centred_where_they_say() -> None:
    audio = np.zeros(8192, np.float32)
    audio[16 * HOP_SAMPLES] = 1
    power = (np.abs(transform(audio)) ** 2).sum(axis=0)
    assert power.argmax() == 16
    np.testing.assert_allclose(power[16 - 4 : 16], power[16 + 4 : 16 : -1], rtol=1e-4, atol=1e-6)
    assert FRAME_RATE * HOP_SAMPLES == SAMPLE_RATE


def test_an_instruments_nearest_octave_is_within_its_notes():
    for lowest, highest in ((55, 93), (36, 84), (59, 98)):
        for pitch in range(128):
            found = nearest_octave(pitch, lowest, highest)
            assert lowest <= found <= highest and (found - pitch) % 12 == 0
            assert found == pitch or abs(found - pitch) < min(abs(lowest - pitch), abs(highest - pitch)) + 12
