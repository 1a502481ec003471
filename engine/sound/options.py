"""What a user can set of sound. It imports nothing heavy: commands read it before they know whether sound is made."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from engine.base.errors import UsageError

FLUIDSYNTH, NEURAL = "fluidsynth", "neural"
SAMPLE_RATES = (22050, 44100, 48000, 88200, 96000)
FILE_SAMPLE_RATE = 44100
PIANO = "piano"  # what sounds when nobody says which instrument of the neural sound
REVERB = 0.9  # FluidSynth's own default, and the neural sound's
MOST_GAIN_DB = 40.0
BITS = (16, 24, 32)  # of a file's sample; 32 are a float


@dataclass(frozen=True)
class SoundOptions:
    """``sample_rate`` None is 44.1 kHz in files and the device's own on the sound card; ``reverb`` is from 0, dry, to 1.

    ``instrument``, of the neural sound, is one of models.performance_net.instruments; None is the piano.
    """

    kind: str = FLUIDSYNTH
    font: Path | None = None
    reverb: float | None = None
    gain_db: float = 0.0
    sample_rate: int | None = None
    bits: int = 16
    instrument: str | None = None

    def check(self) -> None:
        """Raises UsageError for what is not allowed or contradicts itself."""
        if self.sample_rate is not None and self.sample_rate not in SAMPLE_RATES:
            raise UsageError(f"--rate {self.sample_rate}: allowed: {', '.join(map(str, SAMPLE_RATES))}")
        if self.bits not in BITS:
            raise UsageError(f"--bits {self.bits}: allowed: 16, 24, and 32, which is float")
        if self.kind == NEURAL and self.font:
            raise UsageError("--soundfont is for FluidSynth, and the sound is neural; leave it out, or give --sound fluidsynth")


def check_used(options: SoundOptions | None, kinds: Collection[str], how: str) -> SoundOptions:
    """Return the options, or the default ones. Raises UsageError when something is said of sound and none of that kind is made."""
    if options is not None and not kinds:
        raise UsageError(f"--soundfont, --reverb, --gain, --rate, --bits and --instrument are for sound, and none is made; {how}")
    if options is not None and options.instrument is not None and NEURAL not in kinds:
        what = "--instrument is of the neural sound, and FluidSynth plays what the MIDI file says"
        raise UsageError(f"{what}; give --sound neural (perf-render) or --out neural (perf-live), or leave it out")
    return options or SoundOptions()
