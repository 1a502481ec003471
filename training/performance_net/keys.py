"""Measures how each key of a sound font's instrument sounds. PerformanceNet's ``KeySpectra`` begins from these measurements.

FluidSynth renders each key alone and in full. So no note has to be separated from others, and keys that few pieces use are measured too.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from engine.sound.fluidsynth import FluidSynthesizer, find_sound_font
from models.performance_net.key_spectra import (
    LOOK_AHEAD,
    OLDEST_FRAMES,
    PARTIAL_BINS,
    PARTIALS,
    RELEASE_VELOCITIES,
    KeySounds,
    KeySpectra,
    envelope_ages,
    interpolation,
    lobes,
    noise_ages,
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
    POWER_SCALE,
    SAMPLE_RATE,
    SoundEvent,
    transform,
)
from training.performance_net.rendered_audio import choose_program, render_sound

Measure = Callable[[int, FluidSynthesizer], dict[str, np.ndarray]]  # key -> measured arrays, by name

KEYS_FILE = "keys.npz"
VELOCITY = 100
ONSET_FRAME = 8
RELEASED_FRAMES = 44  # rendered after the key is released
HELD_FRAMES = 20  # how long the key is held before its release is measured
FIRST, LAST = 8, 32  # frames after the release; the decay is measured between them
LEAST_VELOCITY, LEAST_RELEASE = 20, 1e-3  # softer notes are too faint to measure
LEAST_POWER = 1e-6  # in units of log_power; keeps logarithms finite
PEAK_SAMPLES = 16 * FFT_SAMPLES
APART = 1.25  # bins; peaks closer together than this count as one partial
LEAST_LEVEL = 1e-9
RIDGE = 1e-3
SIGNS = np.where(np.arange(BINS) % 2, -1, 1)[:, None]  # from phases at a window's beginning to phases at its centre


def build_keys(folder: Path, sound_font: Path | None = None) -> Path:
    """Measure all keys and write the result into ``folder``, unless it is there already. Return the file's path.

    ``attack``, ``bins``, ``envelope`` and ``noise`` have the shapes of the buffers of ``KeySpectra`` and describe notes of velocity 127.
    ``release`` [KEYS, RELEASE_VELOCITIES] is the additional decay after the release, in nepers of power a frame. Raises PerfLiveError
    without FluidSynth.
    """
    return write_keys(folder / KEYS_FILE, range(KEYS), measure_key, sound_font)


def write_keys(path: Path, keys: Sequence[int], measure: Measure, sound_font: Path | None) -> Path:
    """Measure ``keys`` one by one, stack the results and write them to ``path``, unless it is there already. Return the path.

    Raises PerfLiveError without FluidSynth.
    """
    if path.exists():
        return path
    synthesizer = FluidSynthesizer(find_sound_font(sound_font), SAMPLE_RATE, reverb=0)
    try:
        measured = [measure(key, synthesizer) for key in track(keys, "listening to keys", console=Console(stderr=True))]
    finally:
        synthesizer.close()
    arrays: dict[str, Any] = {name: np.stack([each[name] for each in measured]) for name in measured[0]}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)
    return path


def measure_key(key: int, synthesizer: FluidSynthesizer) -> dict[str, np.ndarray]:
    """Return the arrays that ``build_keys`` writes, for one key."""
    held = render_note(key, 127, int(OLDEST_FRAMES) + LOOK_AHEAD, synthesizer)[ONSET_FRAME * HOP_SAMPLES :]
    bins = find_partials(held)
    before = LOOK_AHEAD * HOP_SAMPLES
    spectra = transform(np.concatenate([np.zeros(before, np.float32), held]))[:, 2 * LOOK_AHEAD : int(OLDEST_FRAMES) + LOOK_AHEAD] * SIGNS
    envelope, heard = fit_partials(spectra, bins)
    noise = POWER_SCALE * np.abs(spectra - heard) ** 2
    weight = interpolation(torch.arange(LOOK_AHEAD, LOOK_AHEAD + noise.shape[1]).float(), noise_ages()).numpy()
    return {
        "attack": held[:FFT_SAMPLES],
        "bins": bins.astype(np.float32),
        "envelope": envelope.astype(np.float16),
        "noise": ((noise @ weight) / weight.sum(0)).T.astype(np.float32),
        "release": measure_releases(key, synthesizer),
    }


def find_partials(held: np.ndarray) -> np.ndarray:
    """Return the frequencies (PARTIALS,) of the highest spectral peaks of a note's first 0.7 s, in bins, ascending.

    Where a note has fewer peaks, the rest are 0.
    """
    finer = PEAK_SAMPLES // FFT_SAMPLES
    level = np.log(np.abs(np.fft.rfft(held[:PEAK_SAMPLES] * np.hanning(PEAK_SAMPLES))) + LEAST_LEVEL)
    peaks = 1 + np.flatnonzero((level[1:-1] >= level[:-2]) & (level[1:-1] > level[2:]))
    peaks = peaks[np.argsort(-level[peaks], kind="stable")]
    found: list[float] = []
    for peak in peaks[(peaks > finer) & (peaks < finer * (PARTIAL_BINS - 1))].tolist():
        before, at, after = level[peak - 1 : peak + 2].tolist()
        place = (peak + (before - after) / (2 * (before - 2 * at + after))) / finer  # the top of the parabola
        if len(found) < PARTIALS and all(abs(place - other) >= APART for other in found):
            found.append(place)
    return np.pad(np.sort(found), (0, PARTIALS - len(found)))


def fit_partials(spectra: np.ndarray, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the amplitudes of a note's partials. Return their envelope [ENVELOPE_AGES, 2 PARTIALS] and their part of the spectra [BINS, T].

    ``spectra`` [BINS, T] are the frames of a note from the age LOOK_AHEAD on, with phases at the windows' centres; ``bins`` (PARTIALS,)
    are the frequencies. Each frame is fitted by least squares. The part that is returned is interpolated linearly between the ages, as
    ``KeySpectra`` will do it.
    """
    lobe = lobes(torch.from_numpy(bins)).numpy()
    square = lobe @ lobe.T + RIDGE * (FFT_SAMPLES / 4) ** 2 * np.eye(len(bins))
    amplitude = np.linalg.solve(square, lobe @ spectra[:PARTIAL_BINS])
    ages = np.arange(LOOK_AHEAD, LOOK_AHEAD + spectra.shape[1])
    rotation = np.exp(2j * np.pi * HOP_SAMPLES / FFT_SAMPLES * bins[:, None] * ages)
    at_ages = (amplitude / rotation)[:, np.clip(np.rint(envelope_ages().numpy()).astype(int) - LOOK_AHEAD, 0, len(ages) - 1)]
    weight = interpolation(torch.from_numpy(ages).float(), envelope_ages()).numpy()
    heard = np.zeros_like(spectra)
    heard[:PARTIAL_BINS] = lobe.T @ (at_ages @ weight.T * rotation)
    return np.concatenate([at_ages.real, at_ages.imag]).T, heard


def measure_releases(key: int, synthesizer: FluidSynthesizer, program: int = 0) -> np.ndarray:
    """Return by velocity (RELEASE_VELOCITIES,) how much faster a released note decays than a held one, in nepers of power a frame.

    The key is released after HELD_FRAMES, about a tenth of a second.
    """
    held = _power(key, VELOCITY, HELD_FRAMES + RELEASED_FRAMES, synthesizer, program).sum(0)
    frames = ONSET_FRAME + HELD_FRAMES + np.array([FIRST, LAST])
    releases = []
    for velocity in RELEASE_VELOCITIES:
        released = _power(key, max(velocity, LEAST_VELOCITY), HELD_FRAMES, synthesizer, program).sum(0)
        first, last = np.log(held[frames] / np.maximum(released[frames], LEAST_POWER))
        releases.append(max((last - first) / (LAST - FIRST), LEAST_RELEASE))
    return np.array(releases, np.float32)


def _power(key: int, velocity: int, held_frames: int, synthesizer: FluidSynthesizer, program: int) -> np.ndarray:
    """Return the power [BINS, frames] of a note, scaled to the loudness of velocity 127."""
    spectrum = transform(render_note(key, velocity, held_frames, synthesizer, program))
    return POWER_SCALE * (spectrum.real**2 + spectrum.imag**2) * (127 / velocity) ** 4  # the amplitude is proportional to velocity squared


def render_note(key: int, velocity: int, held_frames: int, synthesizer: FluidSynthesizer, program: int = 0) -> np.ndarray:
    """Return the sound (samples,) of a note whose onset is at ONSET_FRAME, to RELEASED_FRAMES after its release."""
    begin_sec, end_sec = (frame / float(FRAME_RATE) for frame in (ONSET_FRAME, ONSET_FRAME + held_frames))
    events = [SoundEvent(begin_sec, NOTE_BEGIN, LOWEST_KEY + key, velocity), SoundEvent(end_sec, NOTE_END, LOWEST_KEY + key, 0)]
    choose_program(synthesizer, program)
    return render_sound(events, end_sec + RELEASED_FRAMES / float(FRAME_RATE), synthesizer)


def set_key_spectra(key_spectra: KeySpectra, path: Path) -> None:
    """Load the measurements at ``path`` into ``key_spectra``. Raises PerfLiveError when they cannot be read."""
    set_measured(key_spectra, ("attack", "bins", "envelope"), path)


def set_measured(keys: KeySounds, names: Sequence[str], path: Path) -> None:
    """Load the buffers called ``names``, the noise and the release from ``path`` into ``keys``. Raises PerfLiveError when that fails."""
    try:
        with np.load(path) as stored:
            measured = {name: torch.from_numpy(stored[name]) for name in (*names, "noise", "release")}
            for name in names:
                keys.get_buffer(name).copy_(measured[name])
            keys.noise_log.copy_(measured["noise"].clamp(min=LEAST_POWER).log())
            keys.release_log.copy_(measured["release"].log())
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        what = f"the keys' spectra cannot be read ({type(error).__name__})"
        raise PerfLiveError(f"{path}: {what}; make them with perf-eval sound-data in another folder") from error
