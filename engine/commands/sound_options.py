"""The options of sound that ``perf-live`` and ``perf-render`` have in common."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.options import SOUND
from engine.sound.options import FLUIDSYNTH, MOST_GAIN_DB, NEURAL, REVERB, SoundOptions
from models.performance_net.instruments import PIANO


class Sound(StrEnum):
    FLUIDSYNTH = FLUIDSYNTH
    NEURAL = NEURAL


class InstrumentName(StrEnum):
    PIANO = PIANO
    VIOLIN = "violin"
    CELLO = "cello"
    FLUTE = "flute"


SoundOption = Annotated[Sound | None, typer.Option("--sound", help="What plays .wav files. (default: fluidsynth)", rich_help_panel=SOUND)]


@dataclass(frozen=True)
class SoundFlags:
    """The options of sound, as they are typed."""

    font: Annotated[
        Path | None, typer.Option("--soundfont", metavar="FILE.sf2", help="Sound font. (default: the system's)", rich_help_panel=SOUND)
    ] = None
    reverb: Annotated[
        float | None,
        typer.Option("--reverb", min=0, max=1, help=f"How loud the room is, 0 to 1. (default: {REVERB})", rich_help_panel=SOUND),
    ] = None
    gain_db: Annotated[
        float | None,
        typer.Option(
            "--gain",
            metavar="DB",
            min=-MOST_GAIN_DB,
            max=MOST_GAIN_DB,
            help="Make sound louder; a limiter keeps it in range.",
            rich_help_panel=SOUND,
        ),
    ] = None
    rate: Annotated[
        int | None,
        typer.Option("--rate", metavar="HZ", help="Sample rate. (default: 44100 in files, else the card's)", rich_help_panel=SOUND),
    ] = None
    bits: Annotated[
        int | None, typer.Option("--bits", help="Of a .wav file: 16, 24, or 32 for float. (default: 16)", rich_help_panel=SOUND)
    ] = None
    instrument: Annotated[
        InstrumentName | None, typer.Option("--instrument", help="Of the neural sound. (default: piano)", rich_help_panel=SOUND)
    ] = None

    def options(self, kind: Sound | None = None) -> SoundOptions | None:
        """Return them as the engine knows them, None where none is given. Raises UsageError for what is not allowed."""
        if kind is None and self == SoundFlags():
            return None
        options = SoundOptions(kind or FLUIDSYNTH, self.font, self.reverb, self.gain_db or 0.0, self.rate, self.bits or 16, self.instrument)
        return options.check()
