"""``perf-live``: from a port or file, through a performer, to ports, files and the sound card."""

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.base.clock import Clock, MonotonicClock, VirtualClock
from engine.base.command_line import run
from engine.base.errors import UsageError
from engine.commands import options
from engine.commands.endpoints import Ends, Opened, load_ports, open_ends
from engine.commands.grouped import grouped
from engine.commands.signals import stop_on_signals
from engine.commands.sound_options import SaidOfSound
from engine.commands.style_options import StyleOptions
from engine.performers.registry import DEFAULT_IMPROVISER, DEFAULT_PERFORMER, DEFAULT_SCORE_PERFORMER, STYLED_PERFORMER
from engine.runtime.loop import Engine, Report

if TYPE_CHECKING:
    from engine.performers.counts import WindowCounts

app = typer.Typer(add_completion=False)


class Mode(StrEnum):
    CONTINUE = "continue"
    DUET = "duet"


@app.command()
@grouped
def live(
    *,
    input_name: Annotated[
        str | None, typer.Option("--in", metavar="PORT|FILE.mid", help="Port (a part of its name will do) or file.")
    ] = None,
    output_names: Annotated[
        list[str] | None,
        typer.Option(
            "--out", metavar="PORT|FILE|audio", help="Port, .mid or .wav file, audio, neural or neural:FILE.wav; repeat for more."
        ),
    ] = None,
    score: Annotated[
        Path | None, typer.Option("--score", metavar="FILE", help="Play a score; type help and return for what you can tell it.")
    ] = None,
    no_repeats: options.NoRepeatsOption = False,
    transfer: options.TransferOption = None,
    descriptors: options.DescriptorsOption = None,
    style: StyleOptions,
    list_all: Annotated[bool, typer.Option("--list", help="List ports, audio devices and performers with their controls.")] = False,
    performer: options.PerformerOption = None,
    mode: Annotated[
        Mode | None, typer.Option(help="Improvise: go on when you stop, or play along; as --performer performance-rnn --set mode=MODE.")
    ] = None,
    playing: options.PlayingOptions,
    record: Annotated[Path | None, typer.Option("--record", metavar="FILE.mid", help="Keep what is sent, even in a crash.")] = None,
    virtual: Annotated[str | None, typer.Option("--virtual", metavar="NAME", help="Open a virtual port for the end not given.")] = None,
    api: Annotated[str | None, typer.Option("--api", metavar="DRIVER", help="jack, alsa, coremidi or winmm. [default: what works]")] = None,
    exclude: options.ExcludeOption = None,
    sound: SaidOfSound,
    model: options.ModelOption = None,
) -> None:
    """Play; your notes come out performed. Stop with Ctrl-C."""
    if list_all:
        from engine.commands.listing import print_list

        return print_list(api)
    ends = Ends(input_name, tuple(output_names or ()), record, virtual, api, sound.options(), score)
    ends.check()
    if (no_repeats or transfer or descriptors or style) and score is None:
        named = "--no-repeats, --transfer, --descriptors and what is said of styles"
        raise UsageError(f"{named} are for scores; leave them out, or give --score FILE")
    default = DEFAULT_PERFORMER if score is None else STYLED_PERFORMER if style else DEFAULT_SCORE_PERFORMER
    if mode is not None:
        default, playing = DEFAULT_IMPROVISER, replace(playing, settings=[*(playing.settings or ()), f"mode={mode}"])
    setup = options.prepare(performer, playing, exclude, model, default)
    clock = VirtualClock() if ends.all_files else MonotonicClock()
    if score is not None:
        performance = setup.perform(score, not no_repeats, not ends.all_files, transfer, descriptors, style)
        return _play_score(ends, setup, performance, clock)
    opened = open_ends(ends, clock)
    engine = setup.create_engine(opened.source, opened.sinks, clock, keep_incomplete=not ends.all_files)
    with stop_on_signals(engine), _watch(engine, opened):
        print(f"ready: {opened.source_name} -> {setup.performer.name} -> {', '.join(opened.sink_names)}", flush=True)
        report = engine.run()
    if report.stopped and ends.all_files:
        raise KeyboardInterrupt  # nothing was written
    _print_report(report, opened.audio.underruns if opened.audio else 0, report.windows)


def _play_score(ends: Ends, setup: options.Setup, performance: options.Performance, clock: Clock) -> None:
    from engine.runtime.conductor import ConductedSource

    stream = performance.stream
    try:
        opened = open_ends(ends, clock, performance)
        engine = setup.create_score_engine(performance, opened.source, opened.sinks, clock, keep_incomplete=not ends.all_files)
        with stop_on_signals(engine), _watch(engine, opened):
            print(f"ready: {opened.source_name} -> {setup.performer.name} -> {', '.join(opened.sink_names)}", flush=True)
            if not ends.all_files and isinstance(opened.source, ConductedSource):
                opened.source.read_lines(sys.stdin)
            report = engine.run()
    finally:
        stream.close()
    if report.stopped and ends.all_files:
        raise KeyboardInterrupt  # nothing was written
    _print_report(replace(report, notes=stream.notes), opened.audio.underruns if opened.audio else 0, stream.counts)


def _print_report(report: Report, underruns: int, counts: "WindowCounts | None") -> None:
    windows = f", {counts.windows} windows ({counts.reduced} with fewer steps, {counts.carried} bridged)" if counts else ""
    late = f"{report.late} late (at most {report.most_lateness_ns / 1e6:.1f} ms)" if report.late else "0 late"
    ending = "stopped" if report.stopped else "finished"
    sound = f", {underruns} audio underruns" if underruns else ""
    print(f"{ending}: {report.notes} notes, {late}, {report.degraded} degraded{windows}{sound}", flush=True)


def _watch(engine: Engine, opened: Opened) -> AbstractContextManager[None]:
    """Let the loss of a port end the run."""
    return load_ports().watch(opened.ports, engine.fail) if opened.ports else nullcontext()


def main() -> None:
    sys.exit(run(app, "perf-live"))
