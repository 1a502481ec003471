"""Excerpts as sound: all with the same piano, the same silence before, the same fading out, and equally loud."""

from pathlib import Path

import numpy as np

from engine.sound.fluidsynth import FluidSynthesizer
from engine.sound.limiter import Limiter
from engine.sound.loudness import LoudnessMeter
from models.performance_net.representation import SAMPLE_RATE, sound_events
from training.evaluation.listening.excerpts import Take
from training.performance_net.rendered_audio import render_stereo

LEAD_S, FADE_S = 0.25, 1.5  # before the first note; after the end
LOUDNESS_LUFS = -23.0  # EBU R 128: soft enough that no peak of a piano reaches the limiter


def render_clip(take: Take, font: Path) -> np.ndarray:
    """Return the sound of a take at LOUDNESS_LUFS, float32 (frames, 2). A synthesizer of its own makes it, that remembers no other clip.

    Raises PerfLiveError without FluidSynth or the sound font.
    """
    events = [event._replace(time_sec=LEAD_S + event.time_sec) for event in sound_events(take.notes, take.pedals)]
    synthesizer = FluidSynthesizer(font, SAMPLE_RATE)  # its first program is a piano
    try:
        sound = render_stereo(events, LEAD_S + take.seconds + FADE_S, synthesizer)
    finally:
        synthesizer.close()
    fading = np.cos(np.linspace(0, np.pi / 2, round(FADE_S * SAMPLE_RATE), dtype=np.float32))
    sound[-len(fading) :] *= fading[:, None]
    meter = LoudnessMeter(SAMPLE_RATE)
    meter.hear(sound)
    return Limiter(SAMPLE_RATE, LOUDNESS_LUFS - meter.integrated_lufs()).process(sound)
