"""The PerformanceNet of solo instruments: streams in chunks, notes that are held for long, many notes, the pedal."""

import numpy as np
import pytest
import torch

from engine.sound.performance_net.stream import spectra_of
from models.performance_net.instruments import SOLO_INSTRUMENTS
from models.performance_net.inversion import OverlapAdd
from models.performance_net.key_spectra import LOOK_AHEAD, ROLL_HISTORY, STEPS
from models.performance_net.representation import (
    FFT_SAMPLES,
    FRAME_RATE,
    HOP_SAMPLES,
    NOTE_BEGIN,
    NOTE_END,
    SAMPLE_RATE,
    SUSTAIN_CHANGE,
    SoundEvent,
    roll_of,
)
from models.performance_net.solo_network import HISS_FRAMES, SoloPerformanceNet
from models.performance_net.sustained_keys import PITCH_ROWS, lobe_table

A4, HERTZ, LEVEL = 69, 441.3, 0.1
LOOP_FRAMES = 101.25


@pytest.fixture(scope="module")
def flute():
    """Each key is a steady sine of HERTZ, whatever its pitch; there is no noise."""
    torch.manual_seed(0)
    network = SoloPerformanceNet("flute")
    keys = network.key_sounds
    turns_a_frame = HERTZ * HOP_SAMPLES / SAMPLE_RATE
    keys.pitch[..., 0] = turns_a_frame * (LOOK_AHEAD + torch.arange(PITCH_ROWS))
    keys.pitch[..., 1] = HERTZ * FFT_SAMPLES / SAMPLE_RATE
    keys.envelope.zero_()
    keys.envelope[..., 0] = LEVEL
    keys.loop.fill_(LOOP_FRAMES * STEPS)
    keys.advance.fill_(turns_a_frame * LOOP_FRAMES % 1)
    keys.attack.copy_(LEVEL * torch.cos(2 * torch.pi * HERTZ / SAMPLE_RATE * torch.arange(FFT_SAMPLES)))
    keys.noise_log.fill_(-20.0)
    return network


def perform(network, roll, first_frame=0, chunk=64):
    """Return the sound of a roll [CHANNELS, T] from a frame on, whose history is the roll's own, and the largest power."""
    state = list(network.initial_state(1))
    history = np.pad(roll, ((0, 0), (ROLL_HISTORY, 0)))[:, first_frame : first_frame + ROLL_HISTORY]
    state[0] = torch.from_numpy(history)[None]
    overlap_add, parts = OverlapAdd(), []
    with torch.no_grad():
        for begin in range(first_frame, roll.shape[1], chunk):
            spectrum, real, imaginary, *state = network(torch.from_numpy(roll[None, :, begin : begin + chunk]), *state)
            outputs = {"log_power": spectrum[0].numpy(), "real": real[0].numpy(), "imaginary": imaginary[0].numpy()}
            parts.append(overlap_add.push(spectra_of(outputs)))
    return np.concatenate(parts)[LOOK_AHEAD * HOP_SAMPLES :]


def held(pitch, begin_s, end_s, velocity=127):
    return [SoundEvent(begin_s, NOTE_BEGIN, pitch, velocity), SoundEvent(end_s, NOTE_END, pitch, 0)]


def frames(seconds):
    return int(seconds * float(FRAME_RATE))


def test_lobes_are_those_of_a_sine_through_the_window():
    table = lobe_table()
    times = np.arange(FFT_SAMPLES) - FFT_SAMPLES // 2
    window = 0.5 + 0.5 * np.cos(2 * np.pi * times / FFT_SAMPLES)
    sine = np.exp(2j * np.pi * 100.25 * times / FFT_SAMPLES) / 2
    spectrum = [(window * sine * np.exp(-2j * np.pi * bin_ * times / FFT_SAMPLES)).sum().real for bin_ in range(97, 105)]
    np.testing.assert_allclose(table[64].numpy(), spectrum, rtol=1e-3, atol=0.05)


def test_a_note_goes_on_as_long_as_it_is_held_without_a_seam(flute):
    roll = roll_of(held(A4, 0.0, 60.0), frames(19))
    for first_s in (0.5, 15.0):  # where the loop comes round, and where the roll's ages end
        sound = perform(flute, roll[:, : frames(first_s + 4)], frames(first_s))[2 * FFT_SAMPLES :]
        times = (frames(first_s) * HOP_SAMPLES + 2 * FFT_SAMPLES + np.arange(len(sound))) / SAMPLE_RATE
        expected = LEVEL * np.cos(2 * np.pi * HERTZ * times)
        assert len(sound) > 3.5 * SAMPLE_RATE and np.abs(sound - expected).max() < 0.05 * LEVEL


def test_a_note_ends_when_it_is_let_go_and_with_the_pedal_when_that_is(flute):
    pedal = [SoundEvent(0.1, SUSTAIN_CHANGE, 0, 127), SoundEvent(1.0, SUSTAIN_CHANGE, 0, 0)]
    for events, end_s in ((held(A4, 0.2, 0.6), 0.6), (sorted(held(A4, 0.2, 0.6) + pedal), 1.0)):
        sound = perform(flute, roll_of(events, frames(2.0)))
        before, after = (np.abs(sound[int(SAMPLE_RATE * (end_s + away)) :][:2000]).max() for away in (-0.1, 0.6))
        assert before > 0.9 * LEVEL and after < 1e-3 * LEVEL


def test_fast_repetition_is_no_louder_than_its_notes(flute):
    events = [event for number in range(100) for event in held(A4, 0.02 * number, 0.02 * number + 0.019)]
    sound = perform(flute, roll_of(events, frames(3.0)))
    assert np.isfinite(sound).all() and np.abs(sound).max() < 2.5 * LEVEL and np.abs(sound[int(2.6 * SAMPLE_RATE) :]).max() < 1e-3


def test_every_note_at_once_sounds(flute):
    instrument = SOLO_INSTRUMENTS["flute"]
    events = [event for pitch in range(instrument.lowest_pitch, instrument.highest_pitch + 1) for event in held(pitch, 0.0, 2.0)]
    sound = perform(flute, roll_of(sorted(events), frames(0.5)))
    assert np.isfinite(sound).all() and LEVEL < np.abs(sound).max() < 1.1 * LEVEL * instrument.keys


def test_chunks_of_any_length_give_what_the_whole_gives():
    torch.manual_seed(1)
    network = SoloPerformanceNet("cello")
    pedal = [SoundEvent(0.2 + 0.04 * number, SUSTAIN_CHANGE, 0, 127 * ((number + 1) % 2)) for number in range(15)]
    struck_again = held(50, 0.05, 0.29) + held(50, 0.3, 0.75, 20)  # under a pedal that flickers
    events = sorted(struck_again + held(57, 0.1, 0.6, 70) + pedal)
    roll = roll_of(events, 150)
    whole = perform(network, roll, chunk=150)
    for chunk in (1, 7, 64):
        np.testing.assert_allclose(perform(network, roll, chunk=chunk), whole, atol=2e-5 * np.abs(whole).max())


def test_noise_has_its_power_and_comes_round():
    torch.manual_seed(2)
    network = SoloPerformanceNet("flute")
    spectra = network.hiss_spectra()
    assert abs(spectra.square().mean().item() * 2 - 1) < 0.02
    state = network.initial_state(1)
    *_, frame = network(torch.zeros(1, 353, HISS_FRAMES + 3), *state)
    assert frame.tolist() == [[3.0]]


def test_silence_is_silent(flute):
    assert not perform(flute, np.zeros((353, 100), np.float32)).any()
