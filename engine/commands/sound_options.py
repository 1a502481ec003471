"""The options of sound that ``perf-live`` and ``perf-render`` have in common."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.base.errors import UsageError
from engine.commands.options import SOUND
from engine.sound.options import FLUIDSYNTH, LOUDEST_LUFS, LOUDNESS_LUFS, MOST_GAIN_DB, NEURAL, REVERB, SOFTEST_LUFS, SoundOptions
from models.performance_net.instruments import INSTRUMENTS


class Sound(StrEnum):
    FLUIDSYNTH = FLUIDSYNTH
    NEURAL = NEURAL


OFF = "off"


def _complete_instrument(begun: str) -> list[str]:
    return [name for name in INSTRUMENTS if name.startswith(begun)]


SoundOption = Annotated[Sound | None, typer.Option("--sound", help="What plays .wav files. (default: fluidsynth)", rich_help_panel=SOUND)]


@dataclass(frozen=True)
class SoundFlags:
    """The options of sound, as they are typed."""

    font: Annotated[
        Path | None, typer.Option("--soundfont", metavar="FILE.sf2", help="Sound font. (default: the system's)", rich_help_panel=SOUND)
    ] = None
    reverb: Annotated[
        float | None,
        typer.Option(
            "--reverb",
            metavar="NUMBER",
            min=0,
            max=1,
            help=f"How loud the room is, 0 to 1. (default: {REVERB})",
            rich_help_panel=SOUND,
        ),
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
    loudness: Annotated[
        str | None,
        typer.Option(
            "--loudness",
            metavar="LUFS",
            help=f"Of a .wav file as a whole (EBU R 128), or off. (default: {LOUDNESS_LUFS:g})",
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
        str | None,
        typer.Option(
            "--instrument",
            metavar="|".join((*INSTRUMENTS, "FOLDER|FILE.onnx")),
            help="Of the neural sound. (default: piano)",
            autocompletion=_complete_instrument,
            rich_help_panel=SOUND,
        ),
    ] = None

    def options(self, kind: Sound | None = None) -> SoundOptions | None:
        """Return them as the engine knows them, None where none is given. Raises UsageError for what is not allowed."""
        if kind is None and self == SoundFlags():
            return None
        return SoundOptions(
            kind or FLUIDSYNTH,
            self.font,
            self.reverb,
            self.gain_db or 0.0,
            self.rate,
            self.bits or 16,
            self.instrument,
            _loudness_lufs(self.loudness),
        ).check()


def _loudness_lufs(said: str | None) -> float | None:
    """Return the loudness that ``said`` names, None for "off". Raises UsageError for anything else."""
    if said is None or said == OFF:
        return LOUDNESS_LUFS if said is None else None
    try:
        lufs = float(said)
    except ValueError:
        lufs = float("nan")
    if not SOFTEST_LUFS <= lufs <= LOUDEST_LUFS:
        raise UsageError(f"--loudness {said!r}: allowed: {SOFTEST_LUFS:g} to {LOUDEST_LUFS:g} LUFS, and {OFF}")
    return lufs
