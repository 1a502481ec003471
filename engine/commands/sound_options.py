"""What ``perf-live`` and ``perf-render`` let a user say of sound."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import UsageError
from engine.sound.options import FLUIDSYNTH, MOST_GAIN_DB, NEURAL, REVERB, SoundOptions


class Sound(StrEnum):
    FLUIDSYNTH = FLUIDSYNTH
    NEURAL = NEURAL


SoundOption = Annotated[Sound | None, typer.Option("--sound", help="What plays .wav files. [default: fluidsynth]")]
SoundFontOption = Annotated[Path | None, typer.Option("--soundfont", metavar="FILE.sf2", help="Sound font. [default: the system's]")]
ReverbOption = Annotated[float | None, typer.Option("--reverb", min=0, max=1, help=f"FluidSynth's, 0 to 1. [default: {REVERB}]")]
GainOption = Annotated[
    float | None,
    typer.Option("--gain", metavar="DB", min=-MOST_GAIN_DB, max=MOST_GAIN_DB, help="Make sound louder; a limiter keeps it in range."),
]
RateOption = Annotated[int | None, typer.Option("--rate", metavar="HZ", help="Sample rate. [default: 44100 in files, else the card's]")]
BitsOption = Annotated[int | None, typer.Option("--bits", help="Of a .wav file: 16, 24, or 32 for float. [default: 16]")]


def sound_options(
    kind: Sound | None, font: Path | None, reverb: float | None, gain_db: float | None, rate: int | None, bits: int | None
) -> SoundOptions | None:
    """Return what is said, None if nothing is. Raises UsageError for what is not allowed."""
    if all(said is None for said in (kind, font, reverb, gain_db, rate, bits)):
        return None
    options = SoundOptions(kind or FLUIDSYNTH, font, reverb, gain_db or 0.0, rate, bits or 16)
    options.check()
    return options


def check_used(options: SoundOptions | None, is_made: bool, how: str) -> SoundOptions:
    """Return the options, or the default ones. Raises UsageError when something is said of sound and none is made."""
    if options is not None and not is_made:
        raise UsageError(f"--soundfont, --reverb, --gain, --rate and --bits are for sound, and none is made; {how}")
    return options or SoundOptions()
