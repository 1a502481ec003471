"""What a user can set of sound. It imports nothing heavy: commands read it before they know whether sound is made."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from engine.base.arguments import number_of, path_of, text_of
from engine.base.errors import UsageError
from engine.base.files import check_readable
from models.performance_net.instruments import INSTRUMENTS
from models.pretrained import pretrained

PIANO_FILE = "performance_net.onnx"
FLUIDSYNTH, NEURAL = "fluidsynth", "neural"
SAMPLE_RATES = (22050, 44100, 48000, 88200, 96000)
FILE_SAMPLE_RATE = 44100
REVERB = 0.9  # FluidSynth's own default, and the neural sound's
MOST_GAIN_DB = 40.0
BITS = (16, 24, 32)  # of a file's sample; 32 are a float
LOUDNESS_LUFS = -18.0  # of files: near to what streaming services ask of music
SOFTEST_LUFS, LOUDEST_LUFS = -60.0, -6.0


@dataclass(frozen=True)
class SoundOptions:
    """``sample_rate`` None is 44.1 kHz in files and the device's own on the sound card; ``reverb`` is from 0, dry, to 1.

    ``instrument``, of the neural sound, is one of models.performance_net.instruments, or what perf-export made of one of your own, the
    file or its folder; None is the piano.

    Files are brought to ``loudness_lufs`` (EBU R 128); None leaves the sound as loud as it is. ``gain_db`` comes on top.
    """

    kind: str = FLUIDSYNTH
    font: Path | None = None
    reverb: float | None = None
    gain_db: float = 0.0
    sample_rate: int | None = None
    bits: int = 16
    instrument: str | None = None
    loudness_lufs: float | None = LOUDNESS_LUFS
    drums: bool = True  # whether channel 10 is drums: what a performer is told of its input

    def check(self) -> "SoundOptions":
        """Return the options, with the font as a path. Raises UsageError for what is not allowed or contradicts itself, PerfLiveError for
        an instrument's file that cannot be read.
        """
        if self.kind not in (FLUIDSYNTH, NEURAL):
            raise UsageError(f"sound: got {self.kind!r}, allowed: {FLUIDSYNTH}, {NEURAL}")
        if self.instrument not in (None, *INSTRUMENTS):
            named = text_of("instrument", self.instrument)
            if Path(named).suffix != ".onnx" and not Path(named).is_dir():
                raise UsageError(f"instrument: got {named!r}, allowed: {', '.join(INSTRUMENTS)}, and a folder or .onnx file of perf-export")
            check_readable(pretrained(PIANO_FILE, Path(named)), "a folder or .onnx file of perf-export")
        number_of("gain_db", self.gain_db, -MOST_GAIN_DB, MOST_GAIN_DB)
        if self.reverb is not None:
            number_of("reverb", self.reverb, 0, 1)
        if self.loudness_lufs is not None:
            number_of("loudness_lufs", self.loudness_lufs, SOFTEST_LUFS, LOUDEST_LUFS)
        if self.sample_rate is not None and self.sample_rate not in SAMPLE_RATES:
            raise UsageError(f"--rate {self.sample_rate}: allowed: {', '.join(map(str, SAMPLE_RATES))}")
        if self.bits not in BITS:
            raise UsageError(f"--bits {self.bits}: allowed: 16, 24, and 32, which is float")
        if self.kind == NEURAL and self.font:
            raise UsageError("--soundfont is for FluidSynth, and the sound is neural; leave it out, or give --sound fluidsynth")
        return self if self.font is None else replace(self, font=path_of("font", self.font))


def check_used(options: SoundOptions | None, kinds: Collection[str], how: str) -> SoundOptions:
    """Return the options, or the default ones. Raises UsageError when something is said of sound and none of that kind is made."""
    if options is not None and not kinds:
        of_sound = "--soundfont, --reverb, --gain, --loudness, --rate, --bits and --instrument are for sound"
        raise UsageError(f"{of_sound}, and none is made; {how}")
    if options is not None and options.instrument is not None and NEURAL not in kinds:
        what = "--instrument is of the neural sound, and FluidSynth plays what the MIDI file says"
        raise UsageError(f"{what}; give --sound neural (perf-render) or --out neural (perf-live), or leave it out")
    return options or SoundOptions()
