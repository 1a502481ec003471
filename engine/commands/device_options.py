"""The options that say where ``perf-live`` plays from and to, and what steers it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.options import DEVICES


@dataclass(frozen=True)
class DeviceOptions:
    """Where events come from and go to, as it is typed."""

    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--in",
            metavar="PORT|FILE.mid|page",
            help="Port (a part of its name will do; NAME#2 is the second of a name), file, or page; repeat for more ports.",
            rich_help_panel=DEVICES,
        ),
    ] = None
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--out",
            metavar="PORT|FILE|audio|page",
            help="Port, .mid or .wav file, audio, neural, neural:FILE.wav or page; repeat for more.",
            rich_help_panel=DEVICES,
        ),
    ] = None
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="FILE.mid", help="Keep what is sent, even in a crash.", rich_help_panel=DEVICES),
    ] = None
    virtual: Annotated[
        str | None,
        typer.Option("--virtual", metavar="NAME", help="Open a virtual port for the end not given.", rich_help_panel=DEVICES),
    ] = None
    api: Annotated[
        str | None,
        typer.Option(
            "--api", metavar="DRIVER", help="jack, alsa, coremidi or winmm. (default: what works)", rich_help_panel=DEVICES
        ),
    ] = None
    exit_on_loss: Annotated[
        bool,
        typer.Option("--exit-on-loss", help="End when a port goes, rather than wait for it.", rich_help_panel=DEVICES),
    ] = False
    osc_port: Annotated[
        int | None,
        typer.Option(
            "--osc",
            metavar="PORT",
            min=1,
            max=65535,
            help="Hear OSC on this port of this computer, as in /set/dynamics 6.",
            rich_help_panel=DEVICES,
        ),
    ] = None
    link: Annotated[
        bool, typer.Option("--link", help="Follow the beat of an Ableton Link session, not MIDI clock.", rich_help_panel=DEVICES)
    ] = False
    show: Annotated[
        bool, typer.Option("--show", help="Show the run in this terminal, and steer it with keys.", rich_help_panel=DEVICES)
    ] = False
    page: Annotated[
        bool,
        typer.Option("--page", help="Show the run on a page in the browser of this computer, and steer it there.", rich_help_panel=DEVICES),
    ] = False
    page_port: Annotated[
        int | None,
        typer.Option("--page-port", metavar="PORT", min=1, max=65535, help="Where the page is. (default: 8320)", rich_help_panel=DEVICES),
    ] = None
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Say where the page is, and open no browser.", rich_help_panel=DEVICES)
    ] = False
