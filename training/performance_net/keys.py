"""What a rendered set's instrument sounds like key by key, where PerformanceNet's ``KeySpectra`` begins.

A single note is heard in full, so that nothing has to be told apart, and each key is heard, however few pieces reach it.
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

Measure = Callable[[int, FluidSynthesizer], dict[str, np.ndarray]]  # what is measured of a key, by name

KEYS_FILE = "keys.npz"
VELOCITY = 100
ONSET_FRAME = 8
RELEASED_FRAMES = 44  # that are heard after the key is let go
HELD_FRAMES = 20  # of the note whose release is measured
FIRST, LAST = 8, 32  # frames after its end, between which that is done
LEAST_VELOCITY, LEAST_RELEASE = 20, 1e-3
LEAST_POWER = 1e-6  # of the unit above which log_power is a logarithm
PEAK_SAMPLES = 16 * FFT_SAMPLES
APART = 1.25  # bins: partials nearer to each other count as one
LEAST_LEVEL = 1e-9
RIDGE = 1e-3
SIGNS = np.where(np.arange(BINS) % 2, -1, 1)[:, None]  # from phases at a window's beginning to phases at its centre


def build_keys(folder: Path, sound_font: Path | None = None) -> Path:
    """Write what every key sounds like into ``folder`` unless it is there; return the file. Raises PerfLiveError without FluidSynth.

    ``attack``, ``bins``, ``envelope`` and ``noise`` are as ``KeySpectra`` has them, of notes of velocity 127; ``release``
    [KEYS, RELEASE_VELOCITIES] is in nepers of power a frame, beside what a held note fades by.
    """
    return write_keys(folder / KEYS_FILE, range(KEYS), measure_key, sound_font)


def write_keys(path: Path, keys: Sequence[int], measure: Measure, sound_font: Path | None) -> Path:
    """Write what ``measure`` returns of each key, side by side, to ``path`` unless it is there. Raises PerfLiveError without FluidSynth."""
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
    """Return what ``build_keys`` writes of a key."""
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
    """Return the frequencies of the PARTIALS highest peaks of a note's first 0.7 s, in bins, in order; 0 where there are fewer."""
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
    """Return the envelope [ENVELOPE_AGES, 2 PARTIALS] of partials at ``bins``, and what is heard of them, as ``spectra``.

    ``spectra`` [BINS, T] are of a note from the age LOOK_AHEAD on, frame by frame, phases at the windows' centres. Each of them is fitted
    by least squares; what is heard has straight lines between the ages.
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
    """Return how much faster a note fades that is let go after a tenth of a second than one that is held, by velocity."""
    held = _power(key, VELOCITY, HELD_FRAMES + RELEASED_FRAMES, synthesizer, program).sum(0)
    frames = ONSET_FRAME + HELD_FRAMES + np.array([FIRST, LAST])
    releases = []
    for velocity in RELEASE_VELOCITIES:
        released = _power(key, max(velocity, LEAST_VELOCITY), HELD_FRAMES, synthesizer, program).sum(0)
        first, last = np.log(held[frames] / np.maximum(released[frames], LEAST_POWER))
        releases.append(max((last - first) / (LAST - FIRST), LEAST_RELEASE))
    return np.array(releases, np.float32)


def _power(key: int, velocity: int, held_frames: int, synthesizer: FluidSynthesizer, program: int) -> np.ndarray:
    """Return the power [BINS, frames] of a note, as loud as one of velocity 127."""
    spectrum = transform(render_note(key, velocity, held_frames, synthesizer, program))
    return POWER_SCALE * (spectrum.real**2 + spectrum.imag**2) * (127 / velocity) ** 4  # amplitudes go with the velocity's square


def render_note(key: int, velocity: int, held_frames: int, synthesizer: FluidSynthesizer, program: int = 0) -> np.ndarray:
    """Return a note (samples,) from ONSET_FRAME on, and RELEASED_FRAMES after its end."""
    begin_sec, end_sec = (frame / float(FRAME_RATE) for frame in (ONSET_FRAME, ONSET_FRAME + held_frames))
    events = [SoundEvent(begin_sec, NOTE_BEGIN, LOWEST_KEY + key, velocity), SoundEvent(end_sec, NOTE_END, LOWEST_KEY + key, 0)]
    choose_program(synthesizer, program)
    return render_sound(events, end_sec + RELEASED_FRAMES / float(FRAME_RATE), synthesizer)


def set_key_spectra(key_spectra: KeySpectra, path: Path) -> None:
    """Let ``key_spectra`` sound like the keys of the file at ``path``. Raises PerfLiveError when there is none."""
    set_measured(key_spectra, ("attack", "bins", "envelope"), path)


def set_measured(keys: KeySounds, names: Sequence[str], path: Path) -> None:
    """Give ``keys`` the buffers of these names, and noise and release, of the file at ``path``. Raises PerfLiveError when there is none."""
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
