"""Measures how each note of a bowed or blown instrument sounds. PerformanceNet's ``SustainedKeys`` plays from these measurements."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from engine.sound.fluidsynth import FluidSynthesizer
from models.performance_net.instruments import INSTRUMENTS, Instrument
from models.performance_net.key_spectra import LOOK_AHEAD, PARTIAL_BINS, STEPS, interpolation
from models.performance_net.representation import BINS, FFT_SAMPLES, HOP_SAMPLES, LOWEST_KEY, POWER_SCALE, SAMPLE_RATE, transform
from models.performance_net.sustained_keys import (
    ENVELOPE_ROWS,
    FRACTIONS,
    HARMONICS,
    LONGEST_LOOP,
    LOOP_BEGIN,
    PITCH_ROWS,
    ROW_FRAMES,
    TAPS,
    SustainedKeys,
    lobe_table,
    noise_ages,
)
from training.performance_net.keys import KEYS_FILE, ONSET_FRAME, RIDGE, SIGNS, measure_releases, render_note, set_measured, write_keys

COMPARED_SAMPLES = SAMPLE_RATE  # length of the two passages that are correlated to find a loop
SHORTEST_LOOP = SAMPLE_RATE // 2  # samples; long enough for several vibrato periods, one of which ends near a whole step
ALIKE = 0.002  # loops whose correlations differ by no more than this count as equally good
HEARD_FRAMES = LOOP_BEGIN + LONGEST_LOOP + COMPARED_SAMPLES // HOP_SAMPLES + 1
FOLLOWED = 8  # the pitch is measured in up to so many harmonics
MOST_AWAY = 2 ** (1 / 12)  # a semitone: the largest deviation from the notated pitch
DECIMATION = 16
SMOOTHED = 35  # decimated samples: 13 ms
HARMONIC_NUMBERS = np.arange(1, HARMONICS + 1)
LOBES = lobe_table().numpy()
SOLO_BUFFERS = ("attack", "pitch", "envelope", "loop", "advance")


def build_solo_keys(folder: Path, instrument: str, sound_font: Path | None = None) -> Path:
    """Measure all notes of one of SOLO_INSTRUMENTS and write the result into ``folder``, unless it is there already. Return its path.

    SOLO_BUFFERS and ``noise`` have the shapes of the buffers of ``SustainedKeys`` and describe notes of velocity 127; ``release`` is that
    of ``build_keys``. Raises PerfLiveError without FluidSynth.
    """
    chosen = INSTRUMENTS[instrument]
    keys = range(chosen.lowest_pitch - LOWEST_KEY, chosen.highest_pitch - LOWEST_KEY + 1)
    return write_keys(folder / KEYS_FILE, keys, partial(measure_solo_key, instrument=chosen), sound_font)


def set_solo_keys(keys: SustainedKeys, path: Path) -> None:
    """Load the measurements at ``path`` into ``keys``. Raises PerfLiveError when they cannot be read or are another instrument's."""
    set_measured(keys, SOLO_BUFFERS, path)


def measure_solo_key(key: int, synthesizer: FluidSynthesizer, instrument: Instrument) -> dict[str, np.ndarray]:
    """Return the arrays that ``build_solo_keys`` writes, for one key."""
    held = render_note(key, 127, HEARD_FRAMES, synthesizer, instrument.program)[ONSET_FRAME * HOP_SAMPLES :]
    period = find_loop(held)
    turns, bins = follow_pitch(held, 440 * 2 ** ((key + LOWEST_KEY - 69) / 12), period)
    loop = round(period * STEPS / HOP_SAMPLES)
    begin = LOOP_BEGIN * HOP_SAMPLES
    further = turns[begin + loop * HOP_SAMPLES // STEPS] - turns[begin]
    rows = (LOOK_AHEAD + np.arange(PITCH_ROWS)) * HOP_SAMPLES
    padded = np.concatenate([np.zeros(LOOK_AHEAD * HOP_SAMPLES, np.float32), held])
    spectra = (transform(padded) * SIGNS)[:, 2 * LOOK_AHEAD : 2 * LOOK_AHEAD + PITCH_ROWS]
    envelope, heard = fit_harmonics(spectra, turns[rows], bins[rows])
    weight = interpolation(torch.arange(LOOK_AHEAD, LOOK_AHEAD + PITCH_ROWS).float(), noise_ages()).numpy()
    noise = POWER_SCALE * np.abs(spectra - heard) ** 2
    return {
        "attack": held[:FFT_SAMPLES],
        "pitch": np.stack([turns[rows], bins[rows]], -1).astype(np.float32),
        "envelope": envelope.astype(np.float16),
        "loop": np.float32(loop),
        "advance": np.float32(further - np.round(further)),
        "noise": ((noise @ weight) / weight.sum(0)).T.astype(np.float32),
        "release": measure_releases(key, synthesizer, instrument.program),
    }


def find_loop(held: np.ndarray) -> int:
    """Return the length in samples of the loop of a held note that begins at the age LOOP_BEGIN.

    It is the lag at which the note correlates best with itself. Among lags that are equally good, the one nearest to a whole step is taken.
    """
    sound = held[LOOP_BEGIN * HOP_SAMPLES :][: COMPARED_SAMPLES + LONGEST_LOOP * HOP_SAMPLES].astype(np.float64)
    size = 2 ** int(np.ceil(np.log2(len(sound) + COMPARED_SAMPLES)))
    first = np.fft.rfft(sound[:COMPARED_SAMPLES], size)
    products = np.fft.irfft(np.fft.rfft(sound, size) * first.conj(), size)[: LONGEST_LOOP * HOP_SAMPLES]
    energy = np.cumsum(np.concatenate([[0.0], sound**2]))
    energies = (energy[COMPARED_SAMPLES:] - energy[:-COMPARED_SAMPLES])[: len(products)]
    alike = products / np.sqrt(np.maximum(energies * energies[0], 1e-20))
    lags = np.arange(SHORTEST_LOOP, len(alike))
    near = lags[alike[lags] >= alike[lags].max() - ALIKE]
    step = HOP_SAMPLES // STEPS
    away = np.abs((near + step // 2) % step - step // 2)
    return int(near[np.lexsort((-alike[near], away))[0]])


def follow_pitch(held: np.ndarray, hertz: float, period: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the fundamental's phase in turns since the onset, and its frequency in bins, both (samples,).

    ``hertz`` is the notated pitch. The frequency is the mean over the first harmonics, weighted by their power; it is then corrected so
    that the loop of ``period`` samples has a whole number of turns.
    """
    size = 2 ** int(np.ceil(np.log2(len(held))))
    spectrum, decimated = np.fft.rfft(held, size), size // DECIMATION
    weighted, weights = np.zeros(decimated - 1), np.full(decimated - 1, 1e-20)
    for number in range(1, min(FOLLOWED, int(PARTIAL_BINS * SAMPLE_RATE / FFT_SAMPLES / hertz)) + 1):
        centre = round(number * hertz * size / SAMPLE_RATE)
        half = min(round(0.4 * hertz * size / SAMPLE_RATE), decimated // 2 - 1)
        band = np.zeros(decimated, np.complex128)
        band[np.arange(-half, half)] = spectrum[centre - half : centre + half]
        around = np.fft.ifft(band)
        turning = np.convolve(around[1:] * around[:-1].conj(), np.hanning(SMOOTHED), "same")
        frequency = centre * SAMPLE_RATE / size + np.angle(turning) / (2 * np.pi) * SAMPLE_RATE / DECIMATION
        weight = number * np.abs(turning)
        weighted, weights = weighted + weight * frequency / number, weights + weight
    found = np.clip(weighted / weights, hertz / MOST_AWAY, hertz * MOST_AWAY)
    course = np.interp(np.arange(len(held)), (np.arange(decimated - 1) + 0.5) * DECIMATION, found)
    begin = LOOP_BEGIN * HOP_SAMPLES
    turned = course[begin : begin + period].sum() / SAMPLE_RATE
    course += (np.round(turned) - turned) * SAMPLE_RATE / period
    return np.cumsum(course) / SAMPLE_RATE, course * FFT_SAMPLES / SAMPLE_RATE


def fit_harmonics(spectra: np.ndarray, turns: np.ndarray, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the amplitudes of a note's harmonics. Return their envelope [ENVELOPE_ROWS, 2 HARMONICS] and their part of the spectra.

    ``spectra`` [BINS, PITCH_ROWS] are the frames of a note, with phases at the windows' centres; ``turns`` and ``bins`` (PITCH_ROWS,) are
    the phase and the frequency of its fundamental. Each frame is fitted by least squares. The part that is returned is interpolated
    linearly between the rows of the envelope, as ``SustainedKeys`` will do it.
    """
    rotation = np.exp(2j * np.pi * HARMONIC_NUMBERS * turns[:, None])  # [PITCH_ROWS, HARMONICS]
    lobes = [_lobes(HARMONIC_NUMBERS * at) for at in bins]
    ridge = RIDGE * (FFT_SAMPLES / 4) ** 2 * np.eye(HARMONICS)
    amplitudes = [np.linalg.solve(lobe @ lobe.T + ridge, lobe @ frame) for lobe, frame in zip(lobes, spectra.T, strict=True)]
    rows = np.minimum(np.arange(ENVELOPE_ROWS) * ROW_FRAMES, len(bins) - 1)
    envelope = (np.array(amplitudes) / rotation)[rows]
    place = np.arange(len(bins)) / ROW_FRAMES
    before, share = place.astype(int), (place % 1)[:, None]
    between = envelope[before] + share * (envelope[before + 1] - envelope[before])
    heard = np.stack([lobe.T @ frame for lobe, frame in zip(lobes, between * rotation, strict=True)], 1)
    return np.concatenate([envelope.real, envelope.imag], 1), heard


def _lobes(bins: np.ndarray) -> np.ndarray:
    """Return the spectra [HARMONICS, BINS] of sines of amplitude 1 in the TAPS bins around each; zeros for those above the highest bin."""
    within = np.flatnonzero(bins < PARTIAL_BINS - TAPS)
    below = np.floor(bins[within]).astype(int)
    lobes = np.zeros((len(bins), BINS + TAPS))
    heard_in = below[:, None] + 1 + np.arange(TAPS)
    lobes[within[:, None], heard_in] = LOBES[np.rint((bins[within] - below) * FRACTIONS).astype(int)]
    return lobes[:, TAPS // 2 : TAPS // 2 + BINS]
