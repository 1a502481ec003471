"""The options that say what of the input is performed and what is left alone, and who plays what of a score."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.base.errors import UsageError
from engine.midi.percussion import read_kit
from engine.midi.routing import Routing, parse_keys

if TYPE_CHECKING:  # NumPy takes a while to import, and not every run follows
    from engine.runtime.following.performer import Following

ALONE, DUO = "What it leaves alone", "The duo"  # groups of options in the help


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


@dataclass(frozen=True)
class DuoFlags:
    """Whom to accompany, as it is typed."""

    follow: Annotated[
        str | None,
        typer.Option(
            "--follow",
            metavar="PART",
            help="You play this part, track, staff or hand (left, right) of the --score; the rest comes with you. auto finds out which.",
            rich_help_panel=DUO,
        ),
    ] = None
    slower: Annotated[
        float | None,
        typer.Option("--slower", metavar="SPEED", min=0.25, max=4, help="Begin at this speed, as .7; then at yours.", rich_help_panel=DUO),
    ] = None
    loop: Annotated[
        str | None,
        typer.Option(
            "--loop", metavar="BARS", help="Accompany these bars only, as in 12-16, as often as you play them.", rich_help_panel=DUO
        ),
    ] = None
    hint: Annotated[
        bool, typer.Option("--hint", help="Play your own part softly as well, where you leave it out.", rich_help_panel=DUO)
    ] = False
    rehearsed: Annotated[
        list[Path] | None,
        typer.Option(
            "--rehearsed",
            metavar="FILE.mid",
            help="Accompany as somebody does in this take, alone or with your part; repeat for more.",
            rich_help_panel=DUO,
        ),
    ] = None

    def following(self, score: Path | None, has_input: bool, conducted: bool) -> "Following | None":
        """Return whom to accompany, None for nobody. Raises UsageError."""
        asked = {"--slower": self.slower, "--loop": self.loop, "--hint": self.hint, "--rehearsed": self.rehearsed}
        said = [flag for flag, value in asked.items() if value]
        if self.follow is None:
            if said:
                raise UsageError(f"{', '.join(said)}: for who accompanies you; leave it out, or give --follow PART")
            return None
        if score is None:
            raise UsageError(f"--follow {self.follow!r}: a part of a score; give --score FILE as well")
        if conducted:
            raise UsageError(f"--follow {self.follow!r} and --conduct: the beat is the soloist's or yours; leave one of them out")
        if not has_input:
            raise UsageError(f"--follow {self.follow!r}: there is nobody to follow; give --in PORT, or --in FILE.mid")
        from engine.runtime.following.performer import Following

        loop = parse_bars(self.loop) if self.loop else None
        return Following(self.follow, self.slower or 1.0, loop, self.hint, tuple(self.rehearsed or ()))


def parse_bars(text: str) -> tuple[int, int]:
    """Turn ``12-16`` into the first and the last bar. Raises UsageError."""
    first, dash, last = text.strip().partition("-")
    if not (first.isdecimal() and (last if dash else first).isdecimal()):
        raise UsageError(f"--loop {text!r}: expected a first and a last bar, as in 12-16")
    return int(first), int(last if dash else first)


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
