"""Training of PerformanceNet: windows, losses, the keys that it begins with, and a run that is taken up again."""

import csv

import numpy as np
import pytest
import torch
from made_up_sound import a_take, some_keys, write_takes
from stage_work import work

from engine.base.errors import PerfLiveError
from engine.sound.fluidsynth import FluidSynthesizer
from models.performance_net.key_spectra import (
    LOOK_AHEAD,
    NOISE_AGES,
    PARTIALS,
    ROLL_HISTORY,
    TAIL,
    KeySpectra,
)
from models.performance_net.representation import (
    BINS,
    FFT_SAMPLES,
    FRAME_RATE,
    HOP_SAMPLES,
    KEYS,
    LOWEST_KEY,
    NOTE_BEGIN,
    NOTE_END,
    SAMPLE_RATE,
    SoundEvent,
    frame_count,
    log_power,
    paper_roll,
    roll_of,
    transform,
)
from training.performance_net.data import PerformanceNetTrainingConfig, cut
from training.performance_net.figures import spectrum_distance, spectrum_loss
from training.performance_net.keys import KEYS_FILE, SIGNS, find_partials, fit_partials, measure_key, set_key_spectra
from training.performance_net.rendered_audio import render_sound
from training.performance_net.task import load_task, train

# Lightning's own: advice on workers and on resuming inside an endless pass, and a deprecation between its parts
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:lightning", "ignore::FutureWarning:lightning", "ignore::DeprecationWarning")

STREAMING = {"kind": "streaming", "width": 8, "on_off_width": 4, "dilations": (1,), "bands": (64,)}
PAPER = {"kind": "paper", "encoder": (4, 8, 8, 8, 16), "on_off_encoder": (4, 8, 8), "decoder": (16, 16, 8, 8), "bands": (2,)}


def config(network=STREAMING, **changes):
    settings = {"task": "performance-net", "network": network, "windows": 1, "frames": 80, "coarse_weight": 0.5, "steps": 2}
    settings |= {"learning_rate": 0.01, "warm_up_steps": 1, "weight_decay": 0.0, "validate_every_steps": 1, "seed": 0}
    return PerformanceNetTrainingConfig.model_validate(settings | changes)


@pytest.mark.parametrize("network", [STREAMING, PAPER], ids=["streaming", "paper"])
def test_a_window_is_a_piece_of_the_take(network):
    take, random = a_take(), np.random.default_rng(0)
    frames = frame_count(len(take.audio))
    paper = network is PAPER
    whole_roll = paper_roll(take.notes, frames) if paper else roll_of(take.events, frames)
    whole = log_power(take.sound, 1.0 if paper else 1000.0)
    for _ in range(20):
        window = cut(take, config(network), random)
        firsts = [first for first in range(frames - 79) if np.allclose(whole[:, first : first + 80], window["spectrum"], atol=1e-3)]
        assert len(firsts) == 1
        np.testing.assert_allclose(window["roll"], whole_roll[:, firsts[0] : firsts[0] + 80], atol=1e-5)


def test_a_take_that_is_shorter_than_a_window_is_filled_with_silence():
    window = cut(a_take(seconds=0.2), config(), np.random.default_rng(0))
    assert window["spectrum"].shape == (BINS, 80) and not window["spectrum"][:, 40:].any() and window["spectrum"][:, 10].all()


def test_the_loss_is_none_for_the_truth_and_hears_levels_at_every_resolution():
    target = torch.rand(2, BINS, 32) * 8
    assert spectrum_loss(target, target, 0.5) == 0
    torch.testing.assert_close(spectrum_distance(target + 0.2, target), torch.tensor(0.1 + np.exp(0.1) - 1), check_dtype=False)
    louder, rough = target + 0.5, target + 0.5 * torch.randn_like(target).sign()
    fine = [spectrum_distance(each, target) for each in (louder, rough)]
    coarse = [spectrum_loss(each, target, 1.0) - distance for each, distance in zip((louder, rough), fine, strict=True)]
    assert coarse[0] > 2 * coarse[1]


def curve(folder):
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["validation_loss"]]


@pytest.fixture
def data(tmp_path):
    return write_takes(tmp_path)


def test_a_run_leaves_checkpoints_and_is_taken_up_again(data, capsys):
    run_folder = data / "run"
    train(config(), work(data, run_folder))
    rows = curve(run_folder / "curve_from_000000")
    assert len(rows) == 2 and rows[0]["validation_keys_alone_distance"] == rows[1]["validation_keys_alone_distance"]
    assert rows[0]["validation_distance"] != rows[1]["validation_distance"]
    assert "keys_alone_error" in capsys.readouterr().out
    train(config(steps=3), work(data, run_folder))
    assert len(curve(run_folder / "curve_from_000002")) == 1
    task = load_task(run_folder / "last.ckpt")
    keys = task.network.key_spectra
    assert task.config.steps == 3 and not task.training
    torch.testing.assert_close(keys.noise_log.float().exp(), torch.full((KEYS, NOISE_AGES, BINS), 50.0), rtol=2e-3, atol=0)
    assert task.network.output.weight.any()


def test_the_papers_network_is_trained_alike(data):
    train(config(PAPER, steps=1), work(data, data / "run"))
    assert load_task(data / "run" / "last.ckpt").predict(torch.rand(1, 256, 50)).shape == (1, BINS, 50)


def test_a_run_without_keys_says_how_to_make_them(data):
    (data / KEYS_FILE).unlink()
    with pytest.raises(PerfLiveError, match="the keys' spectra cannot be read .*; make them with perf-eval sound-data"):
        train(config(), work(data, data / "run"))


def struck(frequencies, seconds):
    """A note of sines, in bins, that fade."""
    times = np.arange(int(seconds * SAMPLE_RATE))
    sines = [np.cos(2 * np.pi * frequency / FFT_SAMPLES * times + frequency) for frequency in frequencies]
    return (0.1 * np.exp(-times / SAMPLE_RATE) * sum(sines)).astype(np.float32)


def test_partials_are_found_at_their_frequencies():
    frequencies = (12.3, 25.0, 40.62, 300.5)
    found = find_partials(struck(frequencies, 1.5))
    assert len(found) == PARTIALS and (np.diff(found[found > 0]) >= 1).all()
    assert [np.abs(found - frequency).min() < 0.01 for frequency in frequencies] == [True] * 4
    assert len(find_partials(np.zeros(SAMPLE_RATE, np.float32))) == PARTIALS


def test_partials_that_are_fitted_are_those_that_were_there():
    sound = struck((12.3, 25.0, 40.62), 1.5)
    spectra = (transform(sound) * SIGNS)[:, LOOK_AHEAD:-LOOK_AHEAD]
    bins = np.pad([12.3, 25.0, 40.62], (PARTIALS - 3, 0))
    envelope, heard = fit_partials(spectra, bins)
    assert np.linalg.norm(heard - spectra) < 0.02 * np.linalg.norm(spectra)
    begin = 0.1 * np.exp(-LOOK_AHEAD * HOP_SAMPLES / SAMPLE_RATE) * np.exp(1j * np.array([12.3, 25.0, 40.62]))
    np.testing.assert_allclose(envelope[0, PARTIALS - 3 : PARTIALS] + 1j * envelope[0, -3:], begin, atol=2e-3)


@pytest.mark.sound
def test_the_keys_of_an_instrument_are_its_single_notes(tmp_path):
    key, held_s = 40, 1.0
    synthesizer = FluidSynthesizer(None, SAMPLE_RATE, reverb=0)
    some_keys(tmp_path, **measure_key(key, synthesizer))
    keys = KeySpectra()
    set_key_spectra(keys, tmp_path / KEYS_FILE)
    begin_s = 20 / float(FRAME_RATE)
    events = [SoundEvent(begin_s, NOTE_BEGIN, LOWEST_KEY + key, 60), SoundEvent(begin_s + held_s, NOTE_END, LOWEST_KEY + key, 0)]
    synthesizer.reset()
    truth = transform(render_sound(events, 1.6, synthesizer)) * SIGNS
    synthesizer.close()
    roll = np.pad(roll_of(events, truth.shape[1]), ((0, 0), (ROLL_HISTORY, 0)))[None]
    with torch.no_grad():
        found = keys(torch.from_numpy(roll), torch.zeros(1, KEYS, TAIL))[0]
    spectrum = (found.real + 1j * found.imaginary)[0, :, LOOK_AHEAD:].numpy()
    truth = truth[:, : spectrum.shape[1]]
    assert np.linalg.norm(truth) > 100 and np.linalg.norm(spectrum - truth) < 0.1 * np.linalg.norm(truth)
