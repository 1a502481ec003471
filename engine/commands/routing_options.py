"""The options that say what of the input is performed, and what is left alone."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.base.errors import UsageError
from engine.midi.percussion import read_kit
from engine.midi.routing import Routing, parse_keys

ALONE = "What it leaves alone"  # a group of options in the help


class Drums(StrEnum):
    TEN = "10"
    PERFORM = "perform"
    OFF = "off"


@dataclass(frozen=True)
class RoutingFlags:
    """What is left alone, as it is typed. What is not performed goes out as it came, in time."""

    exclude: Annotated[
        str | None,
        typer.Option("--exclude", metavar="CHANNELS", help="Channels to leave alone, as in 2,5-8.", rich_help_panel=ALONE),
    ] = None
    tracks: Annotated[
        list[str] | None,
        typer.Option(
            "--track", metavar="NAME", help="Perform only this track of a file or part of a score; repeat for more.", rich_help_panel=ALONE
        ),
    ] = None
    excluded_tracks: Annotated[
        list[str] | None,
        typer.Option("--exclude-track", metavar="NAME", help="Leave this track or part alone; repeat for more.", rich_help_panel=ALONE),
    ] = None
    keyswitches: Annotated[
        str | None,
        typer.Option(
            "--keyswitches",
            metavar="KEYS",
            help="Keys that switch a sampler's sounds, as in C-1-B0,C7; C4 is middle C (60).",
            rich_help_panel=ALONE,
        ),
    ] = None
    keys: Annotated[
        str | None,
        typer.Option("--range", metavar="KEYS", help="Perform only these keys, as in C2-C6; C4 is middle C (60).", rich_help_panel=ALONE),
    ] = None
    drums: Annotated[
        Drums | None,
        typer.Option(
            "--drums", help="Channel 10 is drums, left alone; perform: by a drummer; off: it is not. (default: 10)", rich_help_panel=ALONE
        ),
    ] = None
    kit: Annotated[
        Path | None,
        typer.Option(
            "--kit",
            metavar="FILE.yaml",
            help="Which drum each key of your kit is, where it is not General MIDI's.",
            rich_help_panel=ALONE,
        ),
    ] = None
    mpe: Annotated[
        bool,
        typer.Option("--mpe", help="All channels are one MPE instrument, whose sender does not say so itself.", rich_help_panel=ALONE),
    ] = False

    def routing(self) -> Routing:
        """Return them as the engine knows them. Raises UsageError for what is not allowed."""
        return Routing(
            frozenset() if self.exclude is None else parse_channels(self.exclude),
            frozenset() if self.keyswitches is None else parse_keys(self.keyswitches),
            tuple(self.tracks or ()),
            tuple(self.excluded_tracks or ()),
            self.drums is not Drums.OFF,
            self.mpe,
            frozenset() if self.keys is None else parse_keys(self.keys, "--range"),
            self.drums is Drums.PERFORM,
            () if self.kit is None else read_kit(self.kit),
        )


def parse_channels(text: str) -> frozenset[int]:
    """Turn ``2,5-8``, counted from one, into channels 0 to 15. Raises UsageError."""
    channels: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= 16):
            raise UsageError(f"--exclude {text!r}: expected channels from 1 to 16, as in 2,5-8")
        channels.update(range(int(first) - 1, int(last)))
    return frozenset(channels)
