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
from models.performance_net.key_spectra import LOOK_AHEAD, OLDEST_FRAMES, KeySpectra, interpolation, spectrum_ages
from models.performance_net.representation import (
    FRAME_RATE,
    KEYS,
    LOWEST_KEY,
    NOTE_BEGIN,
    NOTE_END,
    OLDEST_S,
    POWER_SCALE,
    SAMPLE_RATE,
    SoundEvent,
    transform,
)
from training.datasets.rendered_audio import render_sound

KEYS_FILE = "keys.npz"
VELOCITY = 100
ONSET_FRAME = 8
RELEASED_FRAMES = 60  # that are heard after the key is let go
FIRST_RELEASED, LAST_RELEASED = 12, 48  # between these the fading is measured
LEAST_POWER = 1e-6  # of the unit above which log_power is a logarithm


def build_keys(folder: Path, sound_font: Path | None = None) -> Path:
    """Write the power by age of every key into ``folder`` unless it is there; return the file. Raises PerfLiveError without FluidSynth.

    ``power`` [KEYS, AGES, BINS] is of a note of velocity 127, in log_power's unit, averaged around each age of ``spectrum_ages``;
    ``release`` [KEYS] is in nepers of power a frame.
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


def measure_key(key: int, synthesizer: FluidSynthesizer) -> tuple[np.ndarray, float]:
    """Return a key's power by age [AGES, BINS], and its release."""
    held = int(OLDEST_FRAMES)
    begin_sec, end_sec = (frame / float(FRAME_RATE) for frame in (ONSET_FRAME, ONSET_FRAME + held))
    events = [SoundEvent(begin_sec, NOTE_BEGIN, LOWEST_KEY + key, VELOCITY), SoundEvent(end_sec, NOTE_END, LOWEST_KEY + key, 0)]
    synthesizer.reset()
    sound = render_sound(events, OLDEST_S + (ONSET_FRAME + RELEASED_FRAMES) / float(FRAME_RATE), synthesizer)
    spectrum = transform(sound)
    power = POWER_SCALE * (spectrum.real**2 + spectrum.imag**2) * (127 / VELOCITY) ** 4  # amplitudes go with the velocity's square
    held_power = power[:, ONSET_FRAME - LOOK_AHEAD : ONSET_FRAME + held - LOOK_AHEAD]
    weight = interpolation(torch.arange(-LOOK_AHEAD, held_power.shape[1] - LOOK_AHEAD, dtype=torch.float32), spectrum_ages()).numpy()
    at_ages = (held_power @ weight / weight.sum(0)).T
    return at_ages, _measure_release(key, synthesizer)


def _measure_release(key: int, synthesizer: FluidSynthesizer) -> float:
    """Return how fast a note of a tenth of a second fades that is let go."""
    frames = ONSET_FRAME + 20
    begin_sec, end_sec = (frame / float(FRAME_RATE) for frame in (ONSET_FRAME, frames))
    events = [SoundEvent(begin_sec, NOTE_BEGIN, LOWEST_KEY + key, VELOCITY), SoundEvent(end_sec, NOTE_END, LOWEST_KEY + key, 0)]
    synthesizer.reset()
    spectrum = transform(render_sound(events, (frames + RELEASED_FRAMES) / float(FRAME_RATE), synthesizer))
    level = np.log((np.abs(spectrum) ** 2).sum(0) + 1e-12)
    return float((level[frames + FIRST_RELEASED] - level[frames + LAST_RELEASED]) / (LAST_RELEASED - FIRST_RELEASED))


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
        key_spectra.release_log.copy_(release.clamp(min=1e-3).log())
