"""The neural synthesiser on a model of sines: when notes sound, in whatever portions it is asked; what is unusual; what is missing."""

import pickle

import numpy as np
import pytest
from synthetic_sound import write

from engine.base.errors import PerfLiveError
from engine.midi.events import control_change, note_off, note_on
from engine.sound.performance_net.stream import BLOCK_SAMPLES, NeuralStream, open_model
from engine.sound.performance_net.synthesizer import Keyboard, NeuralSynthesizer, render_events, shipped_model
from models.performance_net.instruments import INSTRUMENTS
from models.performance_net.representation import NOTE_BEGIN, NOTE_END, SAMPLE_RATE, SUSTAIN_CHANGE, SoundEvent

REACH = 2048  # samples: a transform's window


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write(tmp_path_factory.mktemp("model") / "sines.onnx")


def play(model, moments, samples, portion=1000):
    """Render with messages at the given samples, in portions."""
    synthesizer, parts, done = NeuralSynthesizer(model), [], 0
    for at, message in [*moments, (samples, None)]:
        while done < at:
            parts.append(synthesizer.render(min(portion, at - done)))
            done += len(parts[-1])
        if message:
            synthesizer.send(message)
    synthesizer.close()
    return np.concatenate(parts), synthesizer.latency_frames


def heard(sound):
    """Return from where to where (samples) there is sound."""
    loud = np.flatnonzero(np.abs(sound) > 1e-4)
    return int(loud[0]), int(loud[-1])


MOVES = ((0, note_on), (3500, note_off))
SCALE = [(3000 + 4000 * index + offset, message(0, 60 + index, 90)) for index in range(4) for offset, message in MOVES]


def test_a_note_sounds_a_latency_after_it_was_sent(model):
    sound, latency = play(model, [(10_000, note_on(0, 69, 100)), (20_000, note_off(0, 69))], 40_000)
    assert sound.shape == (40_000, 2) and sound.dtype == np.float32 and np.array_equal(sound[:, 0], sound[:, 1])
    begin, end = heard(sound[:, 0])
    assert abs(begin - latency - 10_000) < REACH and abs(end - latency - 20_000) < REACH
    assert latency / SAMPLE_RATE < 0.1
    spectrum = np.abs(np.fft.rfft(sound[latency + 12_000 : latency + 18_000, 0]))
    assert abs(spectrum.argmax() * SAMPLE_RATE / 6000 - 440) < 25


def test_it_does_not_matter_in_which_portions_it_is_rendered(model):
    expected, _ = play(model, SCALE, 30_000)
    for portion in (64, 2047, 2048, 30_000):
        np.testing.assert_array_equal(play(model, SCALE, 30_000, portion)[0], expected)


def test_streamed_equals_the_whole_but_for_the_latency(model):
    streamed, latency = play(model, SCALE, 40_000)
    kinds = {0x90: NOTE_BEGIN, 0x80: NOTE_END}
    events = [SoundEvent(at / SAMPLE_RATE, kinds[message[0]], message[1], message[2]) for at, message in SCALE]
    whole = render_events(events, 0.5, model)
    assert len(whole) == SAMPLE_RATE // 2
    assert not streamed[:latency].any()
    np.testing.assert_allclose(whole, streamed[latency : latency + len(whole), 0], atol=1e-6)


def test_silence_is_silent(model):
    assert not play(model, [], 50_000)[0].any()


def test_a_note_that_is_let_go_at_once_sounds(model):
    sound, _ = play(model, [(5000, note_on(0, 60, 100)), (5000, note_off(0, 60))], 30_000)
    assert np.abs(sound).max() > 1e-3


def test_a_short_notes_end_does_not_end_the_next(model):
    again = [(5000, note_on(0, 60, 100)), (5000, note_off(0, 60)), (5100, note_on(0, 60, 100)), (25_000, note_off(0, 60))]
    sound, latency = play(model, again, 40_000)
    assert abs(heard(sound[:, 0])[1] - latency - 25_000) < REACH


def test_two_hundred_notes_and_those_that_no_piano_has(model):
    pitches = [pitch for pitch in range(128) for _ in range(2)]
    sound, latency = play(model, [(2000, note_on(index % 4, pitch, 127)) for index, pitch in enumerate(pitches)], 30_000)
    assert np.isfinite(sound).all() and np.abs(sound).max() > 0.01
    for pitch in (0, 127):
        assert np.abs(play(model, [(2000, note_on(0, pitch, 127))], 20_000)[0]).max() > 1e-3


def test_its_state_does_not_grow(model):
    stream, sizes = NeuralStream(open_model(model)), []
    for block in range(60):
        time_sec = block * BLOCK_SAMPLES / SAMPLE_RATE
        stream.add(SoundEvent(time_sec, NOTE_BEGIN, 40 + block % 30, 80))
        stream.add(SoundEvent(time_sec + 0.03, NOTE_END, 40 + block % 30, 0))
        stream.block()
        sizes.append(len(pickle.dumps((stream._roll, stream._overlap_add, stream._events))))
    assert max(sizes[40:]) <= max(sizes[20:40]) * 1.01


def test_the_keyboard_is_one_piano_for_all_channels_but_drums():
    keyboard = Keyboard()
    assert keyboard.play(note_on(0, 60, 80), 1.0) == [SoundEvent(1.0, NOTE_BEGIN, 60, 80)]
    assert keyboard.play(note_on(1, 60, 90), 2.0) == [SoundEvent(2.0, NOTE_BEGIN, 60, 90)]
    assert keyboard.play(note_off(0, 60), 3.0) == []
    assert keyboard.play(note_on(1, 60, 0), 4.0) == [SoundEvent(4.0, NOTE_END, 60, 0)]
    assert keyboard.play(note_off(1, 60), 5.0) == []
    assert keyboard.play(note_on(9, 60, 80), 6.0) == [] and keyboard.play(b"\xf8", 6.0) == []
    assert Keyboard(drums=False).play(note_on(9, 60, 80), 1.0) == [SoundEvent(1.0, NOTE_BEGIN, 60, 80)]


def test_the_pedal_is_down_while_any_channels_is():
    keyboard = Keyboard()
    assert keyboard.play(control_change(0, 64, 100), 1.0) == [SoundEvent(1.0, SUSTAIN_CHANGE, 0, 100)]
    assert keyboard.play(control_change(1, 64, 80), 2.0) == []
    assert keyboard.play(control_change(0, 64, 0), 3.0) == [SoundEvent(3.0, SUSTAIN_CHANGE, 0, 80)]
    assert keyboard.play(control_change(1, 121, 0), 4.0) == [SoundEvent(4.0, SUSTAIN_CHANGE, 0, 0)]


def test_expression_makes_the_notes_of_its_channel_softer_as_they_begin():
    keyboard = Keyboard()
    keyboard.play(control_change(0, 11, 64), 0.0)
    begun = [keyboard.play(note_on(channel, 60 + channel, 100), 1.0)[0].value for channel in (0, 1)]
    assert begun == [50, 100]  # 100 x 64 / 127
    keyboard.play(control_change(0, 121, 0), 2.0)
    assert keyboard.play(note_on(0, 72, 100), 3.0)[0].value == 100


def test_all_notes_off_lets_a_channels_notes_go():
    keyboard = Keyboard()
    for channel, pitch in ((0, 60), (0, 64), (1, 67)):
        keyboard.play(note_on(channel, pitch, 80), 0.0)
    assert {event.pitch for event in keyboard.play(control_change(0, 123, 0), 1.0)} == {60, 64}
    keyboard.play(control_change(1, 64, 127), 1.5)
    kinds = [event.kind for event in keyboard.play(control_change(1, 120, 0), 2.0)]
    assert sorted(kinds) == [SUSTAIN_CHANGE, NOTE_END]


def test_notes_beyond_an_instruments_own_sound_in_its_nearest_octave(tmp_path):
    violin = write(tmp_path / "violin.onnx", {"lowest_key": 55, "keys": 39})
    for pitch, sounding in ((40, 64), (64, 64), (100, 88)):
        moments = [(0, note_on(0, pitch, 100)), (30_000, note_off(0, pitch))]
        sound, latency = play(violin, moments, 40_000)
        spectrum = np.abs(np.fft.rfft(sound[latency + 4000 : latency + 26_000, 0]))
        assert abs(spectrum.argmax() * SAMPLE_RATE / 22_000 - 440 * 2 ** ((sounding - 69) / 12)) < 25
        assert heard(sound[:, 0])[1] < latency + 30_000 + REACH


def test_a_key_that_two_octaves_of_a_pitch_hold_goes_up_with_the_last():
    keyboard = Keyboard(range(55, 94))
    keyboard.play(note_on(0, 52, 80), 0.0)
    keyboard.play(note_on(0, 64, 80), 1.0)
    assert keyboard.play(note_off(0, 52), 2.0) == []
    assert keyboard.play(note_off(0, 64), 3.0) == [SoundEvent(3.0, NOTE_END, 64, 0)]


def test_every_instrument_ships():
    assert {shipped_model(instrument).is_file() for instrument in INSTRUMENTS} == {True}


def test_a_missing_model_is_one_line(tmp_path):
    with pytest.raises(PerfLiveError, match=r"missing.onnx: cannot read the model: .*; give the path of an ONNX file"):
        NeuralSynthesizer(tmp_path / "missing.onnx")
