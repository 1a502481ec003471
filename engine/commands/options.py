"""What ``perf-live`` and ``perf-render`` have in common: how to perform, from the command line and a preset."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.commands.routing_options import RoutingFlags
from engine.performers.controls import Control
from engine.performers.protocol import MOST_SEED
from engine.performers.setup import Wanted, choose_system
from engine.systems import Kind, System

PERFORMING, SCORES, DEVICES, SOUND = "How it performs", "Scores", "Where from and to", "Sound"  # groups of options in the help

ModelOption = Annotated[
    Path | None,
    typer.Option("--model", metavar="FILE.onnx|FOLDER", help="Model files. (default: those that ship)", rich_help_panel=PERFORMING),
]
NoRepeatsOption = Annotated[bool, typer.Option("--no-repeats", help="Play a score without its repeats.", rich_help_panel=SCORES)]


@dataclass(frozen=True)
class PlayingOptions:
    """How to perform, as it is typed."""

    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            max=MOST_SEED,
            metavar="NUMBER",
            help="The same input and seed give the same performance. (default: 0)",
            rich_help_panel=PERFORMING,
        ),
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="CONTROL=VALUE", help="Set a control; repeat for more.", rich_help_panel=PERFORMING),
    ] = None
    controllers: Annotated[
        list[str] | None,
        typer.Option(
            "--cc",
            metavar="NUMBER=CONTROL",
            help="Let a MIDI controller move a control, as in 1=dynamics; 1=dynamics! keeps it from the output.",
            rich_help_panel=PERFORMING,
        ),
    ] = None
    preset: Annotated[
        Path | None,
        typer.Option(
            "--preset", metavar="NAME|FILE.yaml", help="Options that were kept; the command line wins.", rich_help_panel=PERFORMING
        ),
    ] = None
    lookahead_s: Annotated[
        float | None,
        typer.Option(
            "--lookahead",
            metavar="SECONDS",
            min=0,
            help="How far to look ahead; all leaves as much later. dexter needs it for live notes.",
            rich_help_panel=PERFORMING,
        ),
    ] = None


class Mode(StrEnum):
    CONTINUE = "continue"
    DUET = "duet"


class Timing(StrEnum):
    TEMPO_MAP = "tempo-map"
    ABSOLUTE = "absolute"


@dataclass(frozen=True)
class Said:
    """How to perform, as the command line and the preset say it together; which system that is depends on the material."""

    performer: str | None
    seed: int
    wanted: Callable[[System], Wanted]
    asked: Mapping[str, Any]

    def of(self, kind: Kind) -> Wanted:
        """Return what is wanted for material of ``kind``, checked. Raises UsageError."""
        return self.wanted(choose_system(self.performer, kind, self.asked)).check()


def combine(
    performer: str | None,
    playing: PlayingOptions,
    left_alone: RoutingFlags,
    model: Path | None,
    asked: Mapping[str, Any],
    more: tuple[Control, ...] = (),
) -> Said:
    """Return how to perform; ``more`` are controls beside the performer's. Raises UsageError."""
    wanted = partial(
        Wanted,
        seed=playing.seed or 0,
        settings=list(playing.settings or ()),
        controllers=list(playing.controllers or ()),
        routing=left_alone.routing(),
        model=model,
        lookahead_s=playing.lookahead_s,
        asked=asked,
        more=more,
    )
    return Said(performer, playing.seed or 0, wanted, asked)


def with_settings(playing: PlayingOptions, *settings: str) -> PlayingOptions:
    """Return the options with more settings before those that were typed, which win."""
    return replace(playing, settings=[*settings, *(playing.settings or ())])
