"""``perf-live``: from a port or file, through a performer, to ports, files and the sound card."""

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.base.clock import Clock, MonotonicClock, VirtualClock
from engine.base.command_line import run, single_command
from engine.base.errors import UsageError
from engine.base.saying import print_line
from engine.commands import options
from engine.commands.grouped import grouped
from engine.commands.listing import Section, print_list
from engine.commands.questions import Asked, PerformerName, flags_of, with_questions
from engine.commands.routing_options import RoutingFlags
from engine.commands.signals import stop_on_signals
from engine.commands.sound_options import SoundFlags
from engine.output.endpoints import Endpoints, Opened, check_reachable
from engine.performers.setup import Wanted
from engine.runtime.report import Report
from engine.runtime.steering.typed_lines import stay_running_in_background, steered_by_lines
from engine.systems import Kind

if TYPE_CHECKING:
    from engine.session import Session

EXAMPLES = (
    "perf-live --in Keyboard --out Module",
    "perf-live --in DAW --out Synth --performer dexter --lookahead 2",
    "perf-live --score piece.musicxml --out audio",
)


class Mode(StrEnum):
    CONTINUE = "continue"
    DUET = "duet"


ScoreOption = Annotated[
    Path | None,
    typer.Option(
        "--score",
        metavar="FILE",
        help="Play a score; type help and return for what you can tell it.",
        rich_help_panel=options.SCORES,
    ),
]


@dataclass(frozen=True)
class DeviceOptions:
    """Where events come from and go to, as it is typed."""

    input: Annotated[
        str | None,
        typer.Option("--in", metavar="PORT|FILE.mid", help="Port (a part of its name will do) or file.", rich_help_panel=options.DEVICES),
    ] = None
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--out",
            metavar="PORT|FILE|audio",
            help="Port, .mid or .wav file, audio, neural or neural:FILE.wav; repeat for more.",
            rich_help_panel=options.DEVICES,
        ),
    ] = None
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="FILE.mid", help="Keep what is sent, even in a crash.", rich_help_panel=options.DEVICES),
    ] = None
    virtual: Annotated[
        str | None,
        typer.Option("--virtual", metavar="NAME", help="Open a virtual port for the end not given.", rich_help_panel=options.DEVICES),
    ] = None
    api: Annotated[
        str | None,
        typer.Option(
            "--api", metavar="DRIVER", help="jack, alsa, coremidi or winmm. (default: what works)", rich_help_panel=options.DEVICES
        ),
    ] = None


def live(
    *,
    devices: DeviceOptions,
    performer: PerformerName = None,  # type: ignore[assignment]
    mode: Annotated[
        Mode | None,
        typer.Option(
            help="Improvise: go on when you stop, or play along; as --performer performance-rnn --set mode=MODE.",
            rich_help_panel=options.PERFORMING,
        ),
    ] = None,
    playing: options.PlayingOptions,
    left_alone: RoutingFlags,
    model: options.ModelOption = None,
    score: ScoreOption = None,
    no_repeats: options.NoRepeatsOption = False,
    asked: Asked,
    sound: SoundFlags,
    list_all: Annotated[bool, typer.Option("--list", help="List ports, audio devices and performers.")] = False,
    listed: Annotated[Section | None, typer.Argument(help="With --list: only these; controls are all that can be set.")] = None,
) -> None:
    """Play; your notes come out performed. Stop with Ctrl-C."""
    if list_all:
        return print_list(listed, devices.api)
    if listed:
        raise UsageError(f"{listed.value!r} says what --list is to list; give --list as well, or leave it out")
    ends = Endpoints(devices.input, tuple(devices.outputs or ()), devices.record, devices.virtual, devices.api, sound.options(), score)
    ends.check()
    if (no_repeats or asked) and score is None:
        named = ", ".join(filter(None, ["--no-repeats" if no_repeats else "", flags_of(asked)]))
        raise UsageError(f"{named}: for scores; leave it out, or give --score FILE")
    if mode is not None:
        playing = options.with_settings(playing, f"mode={mode}")
    kind = Kind.SCORES if score else Kind.IMPROVISES if mode else Kind.NOTES
    wanted = options.combine(performer, playing, left_alone, model, asked).of(kind)
    ends.check_written(wanted.files())
    ends.check_routing(wanted.routing)
    check_reachable(ends)
    report, opened = _play(wanted, ends, not no_repeats)
    if report.stopped and ends.all_files:
        raise KeyboardInterrupt  # nothing was written
    print_line(report.in_words(opened.audio.underruns if opened.audio else 0), sys.stdout)


def _play(wanted: Wanted, ends: Endpoints, repeats: bool) -> tuple[Report, Opened]:
    """Load the performer, open the ends and play."""
    from engine.session import guarded_by_ports, open_live

    clock: Clock = VirtualClock() if ends.all_files else MonotonicClock()
    session, opened = open_live(wanted.load(), ends, clock, repeats)
    steered = nullcontext() if ends.all_files else _steered(session, wanted, ends, opened)
    with stop_on_signals(session), guarded_by_ports(session, opened), steered:
        print_line(f"ready: {opened.source_name} -> {wanted.system.name} -> {', '.join(opened.sink_names)}", sys.stdout)
        return session.run(), opened


def _steered(session: "Session", wanted: Wanted, ends: Endpoints, opened: Opened) -> AbstractContextManager[None]:
    """Let the run be steered while it plays."""
    rig = session.rig
    rig.route = f"{opened.source_name} -> {', '.join(opened.sink_names)}"
    if ends.score is None:
        rig.let_exchange(wanted.exchanged)
    stay_running_in_background()
    return steered_by_lines(session.steering, sys.stdin)


def create_app() -> typer.Typer:
    """Return the command, with the options of all systems that there are."""
    return single_command(grouped(with_questions(Kind.SCORES)(live)), *EXAMPLES)


app = create_app()


def main() -> None:
    sys.exit(run(app, "perf-live"))
