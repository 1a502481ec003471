"""What makes sound of MIDI messages, chosen by name."""

from typing import Protocol

import numpy as np

from engine.sound.options import NEURAL, PIANO, REVERB, SoundOptions


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


def open_synthesizer(options: SoundOptions, sample_rate: int) -> Synthesizer:
    """Raises PerfLiveError when a library, the sound font or the model is missing or broken."""
    reverb = REVERB if options.reverb is None else options.reverb
    if options.kind == NEURAL:
        from engine.sound.performance_net.synthesizer import NeuralSynthesizer, shipped_model
        from engine.sound.resampling import ResampledSynthesizer
        from engine.sound.reverb import ReverberatedSynthesizer

        synthesizer = ReverberatedSynthesizer(NeuralSynthesizer(shipped_model(options.instrument or PIANO)), reverb)
        return synthesizer if synthesizer.sample_rate == sample_rate else ResampledSynthesizer(synthesizer, sample_rate)
    from engine.sound.fluidsynth import FluidSynthesizer

    return FluidSynthesizer(options.font, sample_rate, reverb)
