"""A synthesizer by the options that a user gave. Each is imported only when it is chosen."""

from engine.base.on_demand import load_object
from engine.sound.options import NEURAL, REVERB, SoundOptions
from engine.sound.synthesizer import Synthesizer
from engine.systems import Kind, performers
from models.performance_net.instruments import PIANO


def open_synthesizer(options: SoundOptions, sample_rate: int) -> Synthesizer:
    """Return a synthesizer of this sample rate. Raises PerfLiveError when a library, the sound font or the model is missing or broken."""
    reverb = REVERB if options.reverb is None else options.reverb
    if options.kind != NEURAL:
        from engine.sound.fluidsynth import FluidSynthesizer

        return FluidSynthesizer(options.font, sample_rate, reverb, options.drums)
    from engine.sound.resampling import ResampledSynthesizer
    from engine.sound.reverb import ReverberatedSynthesizer

    (system,) = performers(Kind.SOUND).values()
    neural = load_object(system.performer)(options.instrument or PIANO, options.drums)
    synthesizer = ReverberatedSynthesizer(neural, reverb)
    return synthesizer if synthesizer.sample_rate == sample_rate else ResampledSynthesizer(synthesizer, sample_rate)
