"""What makes sound of MIDI messages, chosen by name; and what a user can say of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from engine.errors import UsageError
from engine.sound.wav_file import BITS

FLUIDSYNTH, NEURAL = "fluidsynth", "neural"
SAMPLE_RATES = (22050, 44100, 48000, 88200, 96000)
FILE_SAMPLE_RATE = 44100
REVERB = 0.9  # FluidSynth's own
MOST_GAIN_DB = 40.0


class Synthesizer(Protocol):
    """``send`` and ``render`` may be called from different threads. A message sounds ``latency_frames`` after the last frame rendered."""

    sample_rate: int
    latency_frames: int

    def send(self, message: bytes) -> None:
        """Take one complete MIDI message. Never waits."""

    def render(self, frames: int) -> np.ndarray:
        """Return the next samples, float32 of shape (frames, 2), however loud."""

    def close(self) -> None:
        """Free what it holds; it must not be used afterwards."""


@dataclass(frozen=True)
class SoundOptions:
    """``sample_rate`` None is 44.1 kHz in files and the device's own on the sound card; ``reverb`` is from 0, dry, to 1."""

    kind: str = FLUIDSYNTH
    font: Path | None = None
    reverb: float | None = None
    gain_db: float = 0.0
    sample_rate: int | None = None
    bits: int = 16

    def check(self) -> None:
        """Raises UsageError for what is not allowed or contradicts itself."""
        if self.sample_rate is not None and self.sample_rate not in SAMPLE_RATES:
            raise UsageError(f"--rate {self.sample_rate}: allowed: {', '.join(map(str, SAMPLE_RATES))}")
        if self.bits not in BITS:
            raise UsageError(f"--bits {self.bits}: allowed: 16, 24, and 32, which is float")
        if self.kind == NEURAL and self.font:
            raise UsageError("--soundfont is for FluidSynth, and the sound is neural; leave it out, or give --sound fluidsynth")
        if self.kind == NEURAL and self.reverb:
            raise UsageError("--reverb is FluidSynth's, and the neural sound is dry; leave it out, or give --sound fluidsynth")


def open_synthesizer(options: SoundOptions, sample_rate: int) -> Synthesizer:
    """Raises PerfLiveError when a library, the sound font or the model is missing or broken."""
    if options.kind == NEURAL:
        from engine.sound.neural import NeuralSynthesizer
        from engine.sound.resampling import ResampledSynthesizer

        synthesizer: Synthesizer = NeuralSynthesizer()
        return synthesizer if synthesizer.sample_rate == sample_rate else ResampledSynthesizer(synthesizer, sample_rate)
    from engine.sound.fluidsynth import FluidSynthesizer

    return FluidSynthesizer(options.font, sample_rate, REVERB if options.reverb is None else options.reverb)
