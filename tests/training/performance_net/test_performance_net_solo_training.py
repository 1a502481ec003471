"""What is measured of notes that are held, the melodies that solo instruments play, and the checkpoint that is made of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from stage_work import work

from engine.base.errors import PerfLiveError
from engine.sound.fluidsynth import FluidSynthesizer
from models.performance_net.instruments import SOLO_INSTRUMENTS, Instrument
from models.performance_net.key_spectra import LOOK_AHEAD, RELEASE_VELOCITIES, ROLL_HISTORY, STEPS
from models.performance_net.representation import (
    BINS,
    FFT_SAMPLES,
    FRAME_RATE,
    HOP_SAMPLES,
    LOWEST_KEY,
    NOTE_BEGIN,
    NOTE_END,
    SAMPLE_RATE,
    SoundEvent,
    roll_of,
    transform,
)
from models.performance_net.sustained_keys import (
    ENVELOPE_ROWS,
    HARMONICS,
    NOISE_AGES,
    PITCH_ROWS,
    SUSTAINED_TAIL,
    SustainedKeys,
)
from training.datasets.performances import NOTE_DTYPE
from training.performance_net.keys import KEYS_FILE, SIGNS
from training.performance_net.melodies import melody
from training.performance_net.rendered_audio import choose_program, render_sound
from training.performance_net.solo import SoloConfig, measure
from training.performance_net.solo_keys import (
    HEARD_FRAMES,
    SOLO_BUFFERS,
    find_loop,
    fit_harmonics,
    follow_pitch,
    measure_solo_key,
    set_solo_keys,
)

HERTZ, VIBRATO_HERTZ, VIBRATO_CENTS = 441.0, 5.513, 20.0


def bowed(seconds, hertz=HERTZ, vibrato_hertz=VIBRATO_HERTZ, lowest=1):
    """Return a tone of harmonics, up to the eighth, with a vibrato, and how often its fundamental has turned, sample by sample."""
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    course = hertz * 2 ** (VIBRATO_CENTS / 1200 * np.sin(2 * np.pi * vibrato_hertz * times))
    turns = np.cumsum(course) / SAMPLE_RATE
    swelling = np.minimum(times / 0.1, 1) * (1 + 0.2 * np.sin(2 * np.pi * vibrato_hertz * times))
    return (0.1 * swelling * sum(np.cos(2 * np.pi * number * turns + number) / number for number in range(lowest, 9))), turns


def test_the_loop_is_of_whole_vibratos():
    vibratos = find_loop(bowed(HEARD_FRAMES / float(FRAME_RATE))[0]) * VIBRATO_HERTZ / SAMPLE_RATE
    assert vibratos > 2 and abs(vibratos - round(vibratos)) < 0.01


@pytest.mark.parametrize(("vibrato", "vibratos"), [(8016, 4), (8000 + 64 / 3, 3), (8000 + 64 / 5, 5)])
def test_of_loops_that_are_alike_it_is_the_nearest_to_whole_steps(vibrato, vibratos):
    """``vibrato``: samples, of which ``vibratos`` are whole steps."""
    rate = SAMPLE_RATE / vibrato
    period = find_loop(bowed(HEARD_FRAMES / float(FRAME_RATE), 80 * rate, rate)[0])
    assert abs(period - vibratos * vibrato) < 2 and period % (HOP_SAMPLES // STEPS) in (0, 1, HOP_SAMPLES // STEPS - 1)


@pytest.mark.parametrize("lowest", [1, 2], ids=["with", "without its fundamental"])
def test_the_pitch_that_is_followed_is_the_vibratos(lowest):
    sound, turns = bowed(HEARD_FRAMES / float(FRAME_RATE), lowest=lowest)
    sound = sound + np.random.default_rng(0).normal(0, 1e-4, len(sound))
    found, bins = follow_pitch(sound, HERTZ * 1.01, find_loop(sound))
    inner = slice(SAMPLE_RATE // 5, 4 * SAMPLE_RATE)
    cents = 1200 * np.log2(bins[inner] * SAMPLE_RATE / FFT_SAMPLES / HERTZ)
    assert abs(cents.max() - VIBRATO_CENTS) < 1 and abs(cents.min() + VIBRATO_CENTS) < 1
    away = (found - turns)[inner]
    assert np.ptp(away) < 0.01


def test_harmonics_that_are_fitted_are_those_that_were_there():
    sound, _ = bowed(HEARD_FRAMES / float(FRAME_RATE))
    turns, bins = follow_pitch(sound, HERTZ, find_loop(sound))
    rows = (LOOK_AHEAD + np.arange(PITCH_ROWS)) * HOP_SAMPLES
    spectra = (transform(sound) * SIGNS)[:, LOOK_AHEAD : LOOK_AHEAD + PITCH_ROWS]
    envelope, heard = fit_harmonics(spectra, turns[rows], bins[rows])
    assert envelope.shape == (ENVELOPE_ROWS, 2 * HARMONICS)
    assert np.linalg.norm(heard - spectra) < 0.08 * np.linalg.norm(spectra)
    fundamental = np.hypot(envelope[50:250, 0], envelope[50:250, HARMONICS])
    assert abs(fundamental.mean() - 0.1) < 0.005 and 0.015 < np.ptp(fundamental) / 2 < 0.025


def notes_of(*rows):
    notes = np.zeros(len(rows), NOTE_DTYPE)
    notes["onset_sec"], notes["duration_sec"], notes["pitch"] = np.array(rows).T
    notes["velocity"] = 80
    return notes


def test_a_melody_is_the_highest_voice_and_never_two_notes():
    notes = notes_of((0.0, 1.0, 60), (0.01, 2.0, 72), (0.5, 0.3, 64), (1.0, 3.0, 74), (1.02, 0.5, 55), (3.0, 1.0, 76), (9.0, 1.0, 50))
    top = melody(notes, SOLO_INSTRUMENTS["violin"])
    assert top["pitch"].tolist() == [72, 74, 76, 62]  # the last is an octave higher than it was
    assert top["onset_sec"].tolist() == [0.01, 1.0, 3.0, 9.0]
    np.testing.assert_allclose(top["duration_sec"], [0.99, 2.0, 1.0, 1.0])
    bass = melody(notes, Instrument(42, 36, 62, bass=True))
    assert bass["pitch"].tolist() == [60, 55, 52, 50]  # 76 is two octaves lower
    assert not len(melody(notes[:0], SOLO_INSTRUMENTS["violin"]))


def some_notes(folder, instrument="flute"):
    """Write notes without any sound but noise."""
    keys = SOLO_INSTRUMENTS[instrument].keys
    measured = {
        "attack": np.zeros((keys, FFT_SAMPLES), np.float32),
        "pitch": np.full((keys, PITCH_ROWS, 2), 20.0, np.float32),
        "envelope": np.zeros((keys, ENVELOPE_ROWS, 2 * HARMONICS), np.float16),
        "loop": np.full(keys, 700.0, np.float32),
        "advance": np.zeros(keys, np.float32),
        "noise": np.full((keys, NOISE_AGES, BINS), 50.0, np.float32),
        "release": np.full((keys, len(RELEASE_VELOCITIES)), 0.2, np.float32),
    }
    np.savez(folder / KEYS_FILE, **measured)


FLUTE = SoloConfig.model_validate({"task": "performance-net-solo", "instrument": "flute"})


def test_a_run_is_a_checkpoint_of_what_was_measured(tmp_path: Path):
    stage = work(tmp_path, tmp_path / "run")
    some_notes(stage.folder)  # which are not measured again
    assert measure(FLUTE, stage).artefacts == ("last.ckpt", KEYS_FILE)
    stored = torch.load(stage.folder / "last.ckpt", weights_only=True)
    assert stored["hyper_parameters"]["config"] == {"task": "performance-net-solo", "instrument": "flute"}
    assert {f"key_sounds.{name}" for name in SOLO_BUFFERS} < stored["state_dict"].keys()
    assert (stored["state_dict"]["key_sounds.loop"] == 700).all()


def test_the_notes_of_another_instrument_are_refused_in_one_line(tmp_path: Path):
    stage = work(tmp_path, tmp_path / "run")
    some_notes(stage.folder, "cello")
    with pytest.raises(PerfLiveError, match="the keys' spectra cannot be read .*; make them with perf-eval sound-data"):
        measure(FLUTE, stage)


@pytest.mark.sound
def test_the_notes_of_an_instrument_are_its_single_notes(tmp_path: Path):
    flute = SOLO_INSTRUMENTS["flute"]
    pitch, begin_s, end_s = 74, 20 / float(FRAME_RATE), 3.5
    synthesizer = FluidSynthesizer(None, SAMPLE_RATE, reverb=0)
    measured = measure_solo_key(pitch - LOWEST_KEY, synthesizer, flute)
    events = [SoundEvent(begin_s, NOTE_BEGIN, pitch, 60), SoundEvent(end_s, NOTE_END, pitch, 0)]
    choose_program(synthesizer, flute.program)
    truth = transform(render_sound(events, 4.0, synthesizer)) * SIGNS
    synthesizer.close()
    np.savez(tmp_path / KEYS_FILE, **{name: np.stack([value] * flute.keys) for name, value in measured.items()})
    keys = SustainedKeys(flute)
    set_solo_keys(keys, tmp_path / KEYS_FILE)
    roll = np.pad(roll_of(events, truth.shape[1]), ((0, 0), (ROLL_HISTORY, 0)))[None]
    with torch.no_grad():
        found = keys(torch.from_numpy(roll), torch.zeros(1, flute.keys, SUSTAINED_TAIL))[0]
    waves = (found.real + 1j * found.imaginary)[0, :, LOOK_AHEAD:].numpy()
    truth = truth[:, : waves.shape[1]]
    for first_s in (0.0, 2.0, 2.8):  # 2.8: the loop has come round
        part = slice(int(first_s * float(FRAME_RATE)), int((first_s + 0.7) * float(FRAME_RATE)))
        assert np.linalg.norm(truth[:, part]) > 100
        assert np.linalg.norm(waves[:, part] - truth[:, part]) < 0.12 * np.linalg.norm(truth[:, part])
    spectrum = np.sqrt(found.power[0, :, LOOK_AHEAD:].numpy() / 1000)
    assert np.linalg.norm(spectrum - np.abs(truth)) < 0.2 * np.linalg.norm(truth)
