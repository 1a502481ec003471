"""From spectra back to sound: near the sound they are of, in its place, and the same in whatever portions frames come."""

import copy

import numpy as np
import pytest

from models.performance_net.inversion import (
    AHEAD_FRAMES,
    BLOCK_FRAMES,
    LATENCY_SAMPLES,
    OverlapAdd,
    StreamingInverter,
    griffin_lim,
    with_phases,
)
from models.performance_net.representation import BINS, FFT_SAMPLES, HOP_SAMPLES, SAMPLE_RATE, transform


def plucked(seconds: float = 0.7) -> np.ndarray:
    """Three notes that begin sharply and fade, of several partials."""
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sound = np.zeros(len(times))
    for onset, frequency in ((0.05, 220.0), (0.2, 277.2), (0.4, 659.3)):
        age = np.maximum(times - onset, 0)
        for partial in range(1, 7):
            sound += (times >= onset) * 0.2 / partial * np.exp(-age * 3 * partial) * np.sin(2 * np.pi * frequency * partial * age)
    return sound.astype(np.float32)


def convergence(sound: np.ndarray, magnitudes: np.ndarray) -> float:
    """The distance of the sound's magnitudes from what they should be, as a share of these."""
    found = np.abs(transform(sound))
    assert found.shape == magnitudes.shape
    return float(np.linalg.norm(found - magnitudes) / np.linalg.norm(magnitudes))


def stream(magnitudes: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    inverter, parts, at = StreamingInverter(), [], 0
    while at < magnitudes.shape[1]:
        size = sizes[len(parts) % len(sizes)]
        parts.append(inverter.push(magnitudes[:, at : at + size]))
        at += size
    return np.concatenate([*parts, inverter.finish()])


def test_the_guess_is_near_and_iterations_bring_it_nearer() -> None:
    magnitudes = np.abs(transform(plucked()))
    distances = [convergence(griffin_lim(magnitudes, iterations), magnitudes) for iterations in (0, 4, 16)]
    assert distances[2] < distances[1] < distances[0] < 0.2
    assert distances[2] < 0.06


def test_a_stream_is_nearly_as_good_as_the_whole() -> None:
    magnitudes = np.abs(transform(plucked()))
    assert convergence(stream(magnitudes, (5,)), magnitudes) < 0.1


@pytest.mark.parametrize("sizes", [(1,), (2, 0, 3), (17,), (1000,)])
def test_portions_do_not_matter(sizes: tuple[int, ...]) -> None:
    magnitudes = np.abs(transform(plucked(0.3)))
    np.testing.assert_array_equal(stream(magnitudes, sizes), stream(magnitudes, (7,)))


@pytest.mark.parametrize("frames", [0, 1, 2, BLOCK_FRAMES + AHEAD_FRAMES + 1, 40])
def test_there_is_a_hop_of_sound_between_two_frames(frames: int) -> None:
    magnitudes = np.full((BINS, frames), 0.1, np.float32)
    assert griffin_lim(magnitudes, 1).shape == stream(magnitudes, (3,)).shape == (max(frames - 1, 0) * HOP_SAMPLES,)


def test_sound_is_where_it_was_and_as_loud() -> None:
    sound = plucked()
    heard = griffin_lim(np.abs(transform(sound)), 16)
    spans = len(heard) // FFT_SAMPLES
    level, truth = (np.sqrt((x[: spans * FFT_SAMPLES].reshape(spans, -1) ** 2).mean(axis=1)) for x in (heard, sound))
    np.testing.assert_allclose(level, truth, atol=0.01)


def test_silence_stays_silent() -> None:
    assert not griffin_lim(np.zeros((BINS, 30), np.float32)).any()
    assert not stream(np.zeros((BINS, 30), np.float32), (4,)).any()


def test_what_was_pushed_comes_within_the_latency_and_little_is_kept() -> None:
    inverter, given = StreamingInverter(2), 0
    magnitudes = np.abs(transform(plucked()))
    for frame in range(magnitudes.shape[1]):
        given += len(inverter.push(magnitudes[:, frame : frame + 1]))
        # The last hop that could be known ends at this frame's centre; a block is waited for, and one frame more for its slope.
        assert (frame - BLOCK_FRAMES - AHEAD_FRAMES) * HOP_SAMPLES - FFT_SAMPLES // 2 <= given <= frame * HOP_SAMPLES
        assert frame * HOP_SAMPLES - given <= LATENCY_SAMPLES
        assert len(inverter._waiting) <= BLOCK_FRAMES + AHEAD_FRAMES


def test_a_copied_stream_goes_its_own_way() -> None:
    magnitudes = np.abs(transform(plucked(0.3)))
    inverter = StreamingInverter()
    begin = inverter.push(magnitudes[:, :30])
    other = copy.deepcopy(inverter)
    other.push(np.ones((BINS, 20), np.float32))
    rest = np.concatenate([inverter.push(magnitudes[:, 30:]), inverter.finish()])
    np.testing.assert_array_equal(np.concatenate([begin, rest]), stream(magnitudes, (9,)))


@pytest.mark.parametrize("sizes", [(1,), (2, 0, 3), (1000,)])
def test_spectra_with_phases_become_the_sound_that_they_are_of(sizes: tuple[int, ...]) -> None:
    sound = plucked(0.3)
    spectra = transform(sound)
    adder, parts, at = OverlapAdd(), [], 0
    while at < spectra.shape[1]:
        size = sizes[len(parts) % len(sizes)]
        parts.append(adder.push(spectra[:, at : at + size]))
        at += size
        assert len(adder._tail) == FFT_SAMPLES // HOP_SAMPLES - 1
    heard = np.concatenate(parts)
    assert len(heard) == spectra.shape[1] * HOP_SAMPLES - FFT_SAMPLES // 2
    early = FFT_SAMPLES // 2  # what frames before the first would add
    np.testing.assert_allclose(heard[early:], sound[early : len(heard)], atol=1e-6)


def test_magnitudes_take_the_phases_of_another_spectrum() -> None:
    spectrum = transform(plucked(0.3))[:, 10:30]
    at_centres = spectrum * np.where(np.arange(BINS) % 2, -1, 1)[:, None] * np.linspace(0.5, 3, 20)
    found = with_phases(np.abs(spectrum), at_centres.real, at_centres.imag)
    assert found.dtype == np.complex64
    np.testing.assert_allclose(found, spectrum, rtol=1e-3, atol=1e-3)
    silent = np.zeros((BINS, 2), np.float32)
    assert not with_phases(silent, silent, silent).any()
