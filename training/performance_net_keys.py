"""What a rendered set's instrument sounds like key by key, where PerformanceNet's ``KeySpectra`` begins.

A single note is heard in full, so that nothing has to be told apart, and each key is heard, however few pieces reach it.
"""

from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from engine.errors import PerfLiveError
from engine.output_file import whole_file
from engine.sound.fluidsynth import FluidSynthesizer, find_sound_font
from models.performance_net.key_spectra import LOOK_AHEAD, OLDEST_FRAMES, RELEASE_VELOCITIES, KeySpectra, interpolation, spectrum_ages
from models.performance_net.representation import (
    FRAME_RATE,
    KEYS,
    LOWEST_KEY,
    NOTE_BEGIN,
    NOTE_END,
    POWER_SCALE,
    SAMPLE_RATE,
    SoundEvent,
    transform,
)
from training.datasets.rendered_audio import render_sound

KEYS_FILE = "keys.npz"
VELOCITY = 100
ONSET_FRAME = 8
RELEASED_FRAMES = 44  # that are heard after the key is let go
HELD_FRAMES = 20  # of the note whose release is measured
FIRST, LAST = 8, 32  # frames after its end, between which that is done
LEAST_VELOCITY, LEAST_RELEASE = 20, 1e-3
LEAST_POWER = 1e-6  # of the unit above which log_power is a logarithm


def build_keys(folder: Path, sound_font: Path | None = None) -> Path:
    """Write the power by age of every key into ``folder`` unless it is there; return the file. Raises PerfLiveError without FluidSynth.

    ``power`` [KEYS, AGES, BINS] is of a note of velocity 127, in log_power's unit, averaged around each age of ``spectrum_ages``;
    ``release`` [KEYS, RELEASE_VELOCITIES] is in nepers of power a frame, beside what a held note fades by.
    """
    path = folder / KEYS_FILE
    if path.exists():
        return path
    synthesizer = FluidSynthesizer(find_sound_font(sound_font), SAMPLE_RATE, reverb=0)
    try:
        measured = [measure_key(key, synthesizer) for key in track(range(KEYS), "listening to keys", console=Console(stderr=True))]
    finally:
        synthesizer.close()
    power, release = zip(*measured, strict=True)
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, power=np.array(power, np.float32), release=np.array(release, np.float32))
    return path


def measure_key(key: int, synthesizer: FluidSynthesizer) -> tuple[np.ndarray, np.ndarray]:
    """Return a key's power by age [AGES, BINS], and its releases by velocity."""
    held = _power(key, VELOCITY, int(OLDEST_FRAMES), synthesizer)[:, ONSET_FRAME - LOOK_AHEAD :]
    ages = torch.arange(-LOOK_AHEAD, OLDEST_FRAMES - LOOK_AHEAD, dtype=torch.float32)
    weight = interpolation(ages, spectrum_ages()).numpy()
    at_ages = (held[:, : len(weight)] @ weight / weight.sum(0)).T
    return at_ages, measure_releases(key, synthesizer)


def measure_releases(key: int, synthesizer: FluidSynthesizer) -> np.ndarray:
    """Return how much faster a note fades that is let go after a tenth of a second than one that is held, by velocity."""
    held = _power(key, VELOCITY, HELD_FRAMES + RELEASED_FRAMES, synthesizer).sum(0)
    frames = ONSET_FRAME + HELD_FRAMES + np.array([FIRST, LAST])
    releases = []
    for velocity in RELEASE_VELOCITIES:
        released = _power(key, max(velocity, LEAST_VELOCITY), HELD_FRAMES, synthesizer).sum(0)
        first, last = np.log(held[frames] / np.maximum(released[frames], LEAST_POWER))
        releases.append(max((last - first) / (LAST - FIRST), LEAST_RELEASE))
    return np.array(releases, np.float32)


def _power(key: int, velocity: int, held_frames: int, synthesizer: FluidSynthesizer) -> np.ndarray:
    """Return the power [BINS, frames] of a note from ONSET_FRAME on, as loud as one of velocity 127, and RELEASED_FRAMES after its end."""
    begin_sec, end_sec = (frame / float(FRAME_RATE) for frame in (ONSET_FRAME, ONSET_FRAME + held_frames))
    events = [SoundEvent(begin_sec, NOTE_BEGIN, LOWEST_KEY + key, velocity), SoundEvent(end_sec, NOTE_END, LOWEST_KEY + key, 0)]
    synthesizer.reset()
    spectrum = transform(render_sound(events, end_sec + RELEASED_FRAMES / float(FRAME_RATE), synthesizer))
    return POWER_SCALE * (spectrum.real**2 + spectrum.imag**2) * (127 / velocity) ** 4  # amplitudes go with the velocity's square


def set_key_spectra(key_spectra: KeySpectra, path: Path) -> None:
    """Let ``key_spectra`` sound like the keys of the file at ``path``. Raises PerfLiveError when there is none."""
    try:
        with np.load(path) as stored:
            power, release = torch.from_numpy(stored["power"]), torch.from_numpy(stored["release"])
    except (OSError, ValueError, KeyError) as error:
        what = f"the keys' spectra cannot be read ({type(error).__name__})"
        raise PerfLiveError(f"{path}: {what}; make them with perf-eval sound-data") from error
    with torch.no_grad():
        key_spectra.power_log.copy_(power.clamp(min=LEAST_POWER).log())
        key_spectra.release_log.copy_(release.log())
