"""``perf-render``: files and folders of MIDI, performed offline by the same engine on a virtual clock."""

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from engine.clock import VirtualClock
from engine.commands import options
from engine.commands.errors import print_error, run
from engine.commands.jobs import Job, plan_jobs
from engine.commands.signals import stop_on_signals
from engine.errors import PerfLiveError
from engine.loop import Report
from engine.midi_file import MidiTimeline, read_midi_file
from engine.sinks import MidiFileSink, Sink
from engine.sources import FileSource

app = typer.Typer(add_completion=False)


@app.command()
def render(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="MIDI files, and folders of them.")],
    output: Annotated[Path, typer.Option("-o", metavar="OUT", help="A .mid, .wav or .png file, or a folder.")],
    kinds: Annotated[
        list[str] | None, typer.Option("--to", metavar="KIND", help="mid, wav or png in the folder; repeat for more. [default: mid]")
    ] = None,
    performer: options.PerformerOption = None,
    seed: options.SeedOption = None,
    settings: options.SetOption = None,
    controllers: options.ControllerOption = None,
    preset: options.PresetOption = None,
    lookahead: options.LookaheadOption = None,
    exclude: options.ExcludeOption = None,
    soundfont: options.SoundFontOption = None,
    model: options.ModelOption = None,
) -> int:
    """Perform MIDI files: every note of the input, with its tracks, tempos and bars, and a performer's touch."""
    jobs = plan_jobs(inputs, output, kinds or ())
    setup = options.prepare(performer, seed, settings or (), controllers or (), preset, lookahead, exclude, model)
    reports = _render_all(jobs, lambda job: _render(job, setup, soundfont))
    if reports:
        notes = sum(report.notes for report in reports)
        print(f"performed {len(reports)} of {len(jobs)} files, {notes} notes: {output}", flush=True)
    return 0 if len(reports) == len(jobs) else 1


def _render_all(jobs: Sequence[Job], render_one: Callable[[Job], Report]) -> list[Report]:
    """Do every job, behind a progress bar on a terminal; one that fails is a line on standard error and stops no other."""
    reports = []
    with ExitStack() as stack:
        advance: Callable[[], None] = lambda: None  # noqa: E731
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
            task = progress.add_task("performing", total=len(jobs))
            advance = lambda: progress.advance(task)  # noqa: E731
        for job in jobs:
            try:
                reports.append(render_one(job))
            except PerfLiveError as error:
                print_error("perf-render", error)
            advance()
    return reports


def _render(job: Job, setup: options.Setup, sound_font: Path | None) -> Report:
    timeline = read_midi_file(job.input)
    clock = VirtualClock()
    title = f"{job.input.stem}, performed by {setup.performer.name} (seed {setup.seed})"
    with ExitStack() as undo:
        sinks: list[Sink] = []
        for path in job.outputs:
            path.parent.mkdir(parents=True, exist_ok=True)
            sinks.append(_open_sink(path, timeline, title, sound_font))
            undo.callback(sinks[-1].abort)
        engine = setup.create_engine(FileSource(timeline, clock), sinks, clock, keep_incomplete=False)
        undo.pop_all()  # from here on the engine closes them
    with stop_on_signals(engine):
        report = engine.run()
    if report.stopped:
        raise KeyboardInterrupt  # ends the whole command, not only this file
    return report


def _open_sink(path: Path, timeline: MidiTimeline, title: str, sound_font: Path | None) -> Sink:
    suffix = path.suffix.lower()
    if suffix == ".wav":
        from engine.sound.wav import WavSink

        return WavSink(path, sound_font)
    if suffix == ".png":
        from engine.picture import PictureSink

        return PictureSink(path, timeline.events, title)
    return MidiFileSink(path, timeline)


def main() -> None:
    sys.exit(run(app, "perf-render"))
