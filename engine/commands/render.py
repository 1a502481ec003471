"""``perf-render``: MIDI files and scores, and folders of them, performed offline by the same engine on a virtual clock."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from engine.clock import VirtualClock
from engine.commands import options
from engine.commands.errors import print_error, run
from engine.commands.jobs import MIDI_SUFFIXES, Job, plan_jobs
from engine.commands.signals import stop_on_signals
from engine.errors import PerfLiveError, UsageError
from engine.events import is_note_on
from engine.loop import Engine, Report
from engine.midi_file import MidiTimeline, read_midi_file
from engine.performer import ScorePerformer
from engine.performers.registry import DEFAULT_IMPROVISER, DEFAULT_PERFORMER, DEFAULT_SCORE_PERFORMER
from engine.sinks import MidiFileSink, Sink
from engine.sources import FileSource

app = typer.Typer(add_completion=False)


@app.command()
def render(
    output: Annotated[Path, typer.Option("-o", metavar="OUT", help="A .mid, .wav or .png file, or a folder.")],
    inputs: Annotated[list[Path] | None, typer.Argument(metavar="INPUT...", help="MIDI files, scores, and folders of them.")] = None,
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
    no_repeats: options.NoRepeatsOption = False,
    timing: Annotated[
        options.Timing | None, typer.Option(help="Of a performed score: its tempo in the tempo map, or free. [default: tempo-map]")
    ] = None,
    transfer: options.TransferOption = None,
    descriptors: options.DescriptorsOption = None,
    beside: Annotated[
        Path | None, typer.Option("--beside", metavar="FILE.mid", help="A human performance of the score, to draw beside it in the .png.")
    ] = None,
    primer: Annotated[Path | None, typer.Option("--primer", metavar="FILE.mid", help="What an improvisation goes on from.")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0, help="How long an improvisation is, after its primer.")] = None,
) -> int:
    """Perform MIDI files and scores: every note of the input, with its tracks, texts and bars, and a performer's touch.

    Or improvise: no INPUT, --performer performance-rnn, --seconds, and perhaps a --primer.
    """
    if seconds is not None:
        if performer not in (None, DEFAULT_IMPROVISER):
            raise UsageError(f"--seconds: the performer {performer!r} does not improvise; choose --performer {DEFAULT_IMPROVISER}")
        # While the primer lasts it only listens, however long the rests are.
        asked = [f"seconds={seconds}", "pause=0", *(settings or ())]
        setup = options.prepare(performer, seed, asked, controllers or (), preset, lookahead, exclude, model, DEFAULT_IMPROVISER)
        return _improvise(inputs or [], primer, output, setup, soundfont)
    if primer or not inputs:
        raise UsageError("give an INPUT to perform, or --performer performance-rnn with --seconds to improvise")
    jobs = plan_jobs(inputs, output, kinds or ())
    of_one = transfer or descriptors or beside
    if of_one and len(jobs) > 1:
        raise UsageError(f"--transfer, --descriptors and --beside are of one score, and there are {len(jobs)} inputs; give one")
    if beside and not any(path.suffix.lower() == ".png" for path in jobs[0].outputs):
        raise UsageError("--beside is for pictures, and none is drawn; add --to png, or give -o FILE.png")

    def prepare(default: str) -> options.Setup:
        return options.prepare(performer, seed, settings or (), controllers or (), preset, lookahead, exclude, model, default)

    setups = {scores: prepare(DEFAULT_SCORE_PERFORMER if scores else DEFAULT_PERFORMER) for scores in {job.is_score for job in jobs}}
    if (no_repeats or timing or of_one) and not any(isinstance(setup.performer, ScorePerformer) for setup in setups.values()):
        named = "--no-repeats, --timing, --transfer, --descriptors and --beside"
        raise UsageError(f"{named} are for scores; leave them out, or give --performer dexter")

    if lookahead and True in setups:
        setups[True].score_performer()

    def render_one(job: Job) -> Report:
        setup = setups[job.is_score]
        if job.is_score or isinstance(setup.performer, ScorePerformer):
            performance = setup.perform(job.input, not no_repeats, False, transfer, descriptors)
            return _render_score(job, setup, performance, soundfont, timing or options.Timing.TEMPO_MAP, beside)
        return _render(job, setup, soundfont)

    reports = _render_all(jobs, render_one)
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


def _improvise(inputs: Sequence[Path], primer: Path | None, output: Path, setup: options.Setup, sound_font: Path | None) -> int:
    if inputs:
        raise UsageError(f"an improvisation has no INPUT, and {str(inputs[0])!r} was given; give it as --primer to go on from it")
    (job,) = plan_jobs([primer or Path("improvisation.mid")], output, ())
    timeline = read_midi_file(primer) if primer else MidiTimeline()
    if primer and not any(is_note_on(event.message) for event in timeline.events):
        raise PerfLiveError(f"{str(primer)!r} has no note to go on from; give another --primer, or none")
    _render(job, setup, sound_font, timeline)
    print(f"improvised {setup.controls['seconds']:g} s: {output}", flush=True)
    return 0


def _render(job: Job, setup: options.Setup, sound_font: Path | None, timeline: MidiTimeline | None = None) -> Report:
    timeline = timeline or read_midi_file(job.input)
    clock = VirtualClock()
    title = f"{job.input.stem}, performed by {setup.performer.name} (seed {setup.seed})"
    with _opened(job, lambda path: _open_sink(path, timeline, title, sound_font)) as sinks:
        engine = setup.create_engine(FileSource(timeline, clock), sinks, clock, keep_incomplete=False)
    return _run(engine)


def _render_score(
    job: Job, setup: options.Setup, performance: options.Performance, sound_font: Path | None, timing: options.Timing, beside: Path | None
) -> Report:
    from engine.conductor import ConductedSource
    from engine.score_alignment import read_reference
    from engine.score_output import ScoreFileSink, ScorePictureSink

    clock, piece, stream = VirtualClock(), performance.piece, performance.stream
    human = read_reference(beside, piece.score) if beside else None
    title = f"{job.input.stem}, performed by {setup.performer.name} (seed {setup.seed})"

    def open_sink(path: Path) -> Sink:
        if path.suffix.lower() in MIDI_SUFFIXES:
            return ScoreFileSink(path, piece, stream, timing is options.Timing.TEMPO_MAP)
        if path.suffix.lower() == ".png":
            return ScorePictureSink(path, piece, stream, title, human)
        return _open_sink(path, piece.timeline, title, sound_font)

    with _opened(job, open_sink) as sinks:
        engine = setup.create_score_engine(performance, ConductedSource(stream, clock), sinks, clock, keep_incomplete=False)
    return replace(_run(engine), notes=stream.notes)


@contextmanager
def _opened(job: Job, open_sink: Callable[[Path], Sink]) -> Iterator[list[Sink]]:
    """Open a job's outputs; when the block fails they are given up, after it the engine closes them."""
    with ExitStack() as undo:
        sinks: list[Sink] = []
        for path in job.outputs:
            path.parent.mkdir(parents=True, exist_ok=True)
            sinks.append(open_sink(path))
            undo.callback(sinks[-1].abort)
        yield sinks
        undo.pop_all()


def _run(engine: Engine) -> Report:
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
