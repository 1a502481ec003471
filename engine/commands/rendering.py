"""What ``perf-render`` does with one file: the engine on a virtual clock, from it to its outputs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from engine.base.clock import VirtualClock
from engine.base.errors import UsageError
from engine.commands import options
from engine.commands.jobs import MIDI_SUFFIXES, Job
from engine.commands.signals import stop_on_signals
from engine.commands.style_options import StyleOptions
from engine.midi.file import MidiTimeline, read_midi_file
from engine.performers.protocol import ScorePerformer
from engine.performers.registry import SCORE_PERFORMERS
from engine.runtime.loop import Engine, Report
from engine.runtime.sinks import MidiFileSink, Sink
from engine.runtime.sources import FileSource
from engine.sound.options import SoundOptions


@dataclass(frozen=True)
class ScoreOptions:
    """What can be said of scores alone; ``transfer``, ``descriptors`` and ``beside`` are of one score."""

    repeats: bool
    timing: options.Timing | None
    transfer: Path | None
    descriptors: Path | None
    beside: Path | None
    style: StyleOptions = StyleOptions()

    def check(self, jobs: Sequence[Job]) -> None:
        """Raise UsageError when what is said cannot be of these jobs."""
        if (self.transfer or self.descriptors or self.beside or self.style.style_from) and len(jobs) > 1:
            named = "--transfer, --descriptors, --style-from and --beside"
            raise UsageError(f"{named} are of one score, and there are {len(jobs)} inputs; give one")
        if self.beside and not any(path.suffix.lower() == ".png" for path in jobs[0].outputs):
            raise UsageError("--beside is for pictures, and none is drawn; add --to png, or give -o FILE.png")

    def check_performers(self, setups: Sequence[options.Setup]) -> None:
        """Raise UsageError when something is said and none of these performs scores."""
        said = self.transfer or self.descriptors or self.beside or self.timing or self.style or not self.repeats
        performing = [setup for setup in setups if isinstance(setup.performer, ScorePerformer)]
        for setup in performing:
            setup.check_style(self.style, bool(self.transfer or self.descriptors))
        if said and not performing:
            named = "--no-repeats, --timing, --transfer, --descriptors, --beside and what is said of styles"
            raise UsageError(f"{named} are for scores; leave them out, or give --performer {' or '.join(SCORE_PERFORMERS)}")


def render_take(job: Job, setup: options.Setup, sound: SoundOptions, timeline: MidiTimeline | None = None) -> Report:
    """Perform one take, that of ``timeline`` or of the job's file, to its outputs."""
    timeline = timeline or read_midi_file(job.input)
    clock = VirtualClock()
    title = f"{job.input.stem}, performed by {setup.performer.name} (seed {setup.seed})"
    with _opened(job, lambda path: _open_sink(path, timeline, title, sound)) as sinks:
        engine = setup.create_engine(FileSource(timeline, clock), sinks, clock, keep_incomplete=False)
    return _run(engine)


def render_takes(
    jobs: Sequence[Job], setup: options.Setup, sound: SoundOptions, primer: MidiTimeline, beams: int, keep_primer: bool
) -> None:
    """Improvise a take for each job, of the setup's seed and those after it, all together; the primer is heard once."""
    from engine.performers.performance_rnn.performer import PerformanceRNNPerformer
    from engine.performers.performance_rnn.takes import TakePerformer, create_listener, without_primer

    assert isinstance(setup.performer, PerformanceRNNPerformer)  # noqa: S101 (the command has no other that improvises)
    clock = VirtualClock()
    listener = create_listener(setup.performer, setup.controls)
    _run(Engine(FileSource(primer, clock), setup.performer, listener, [], clock, setup.controller_map, setup.excluded_channels))
    seeds = range(setup.seed, setup.seed + len(jobs))
    for job, seed, take in zip(jobs, seeds, listener.improvise(seeds, beams), strict=True):
        timeline, events = (primer, take) if keep_primer else without_primer(primer, take, listener.begin_ns)
        render_take(job, replace(setup, seed=seed, performer=TakePerformer(events)), sound, timeline)


def render_score(job: Job, setup: options.Setup, score_options: ScoreOptions, sound: SoundOptions) -> Report:
    """Perform one score to its outputs."""
    from engine.output.score_sinks import ScoreFileSink, ScorePictureSink
    from engine.runtime.conductor import ConductedSource
    from engine.score.alignment import read_reference

    given = score_options
    performance = setup.perform(job.input, given.repeats, False, given.transfer, given.descriptors, given.style)
    clock, piece, stream = VirtualClock(), performance.piece, performance.stream
    human = read_reference(given.beside, piece.score) if given.beside else None
    title = f"{job.input.stem}, performed by {setup.performer.name} (seed {setup.seed})"

    def open_sink(path: Path) -> Sink:
        if path.suffix.lower() in MIDI_SUFFIXES:
            return ScoreFileSink(path, piece, stream, given.timing is not options.Timing.ABSOLUTE)
        if path.suffix.lower() == ".png":
            return ScorePictureSink(path, piece, stream, title, human, stream.interpretation.style_curve())
        return _open_sink(path, piece.timeline, title, sound)

    try:
        with _opened(job, open_sink) as sinks:
            engine = setup.create_score_engine(performance, ConductedSource(stream, clock), sinks, clock, keep_incomplete=False)
        return replace(_run(engine), notes=stream.notes)
    finally:
        stream.close()  # else an interrupted command would wait for windows that nobody plays


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


def _open_sink(path: Path, timeline: MidiTimeline, title: str, sound: SoundOptions) -> Sink:
    suffix = path.suffix.lower()
    if suffix == ".wav":
        from engine.sound.wav import WavSink

        return WavSink(path, sound)
    if suffix == ".png":
        from engine.output.take_picture import PictureSink

        return PictureSink(path, timeline.events, title)
    return MidiFileSink(path, timeline)
