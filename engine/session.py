"""What a run is: a performer, its stream, a source, sinks and a clock. Commands, Python, benchmarks and evaluation compose runs here.

Live, offline and in tests it is the same code: only the clock and the ends differ.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from engine.base.arguments import path_of
from engine.base.clock import Clock, VirtualClock
from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import check_readable
from engine.base.saying import say
from engine.midi.events import is_note_on
from engine.midi.file import MidiTimeline, read_midi_file
from engine.midi.routing import DEFAULT_ROUTING, Routing
from engine.output.endpoints import Endpoints, Opened, Performance, load_ports, open_endpoints
from engine.output.file_sinks import Material, ScoreMaterial, TakeMaterial, open_file_sink, opened_sinks
from engine.performers.notes.stateless import TakeStream
from engine.performers.protocol import FilePerformer, PerformerStream, TakesPerformer
from engine.performers.setup import Setup
from engine.runtime.isolation import IsolatedSink
from engine.runtime.loop import Engine
from engine.runtime.report import Report
from engine.runtime.sinks import NoteCounter, Sink
from engine.runtime.sources import FileSource, Source
from engine.runtime.steering.requests import Steering
from engine.runtime.steering.rig import Rig
from engine.sound.options import SoundOptions
from engine.systems import Kind

if TYPE_CHECKING:
    from engine.performers.score_playing.stream import ScoreStream
    from engine.score.piece import Piece

Guard = Callable[["Session"], AbstractContextManager[None]]  # what holds while a session runs: signals, ports that may go


def unguarded(session: "Session") -> AbstractContextManager[None]:
    """Guard nothing."""
    return nullcontext()


@dataclass(frozen=True)
class ScoreOptions:
    """How a score is read, and what becomes of its performance. ``on_bars``: the tempo map holds the tempo of the performance.

    ``beside``: a human performance to draw in the picture, of a score or of a take.
    """

    repeats: bool = True
    on_bars: bool = True
    beside: Path | None = None

    def check(self) -> "ScoreOptions":
        """Return the options, with the file as a path. Raises UsageError, or PerfLiveError for a file that cannot be read."""
        if self.beside is None:
            return self
        beside = path_of("beside", self.beside)
        check_readable(beside, "a MIDI file")
        return replace(self, beside=beside)


class Session:
    """One run. However it ends, what sounds is released and every sink is closed."""

    def __init__(
        self,
        setup: Setup,
        source: Source,
        sinks: Sequence[Sink],
        clock: Clock,
        performance: Performance | None = None,
        stream: PerformerStream | None = None,
        keep_incomplete: bool = False,
    ):
        """``performance`` is of a score; ``stream`` in place of the performer's own. ``keep_incomplete``: whether a run that is stopped or
        fails completes its outputs (live) or gives them up (offline).
        """
        self.setup, self._source = setup, source
        self.performance = performance
        live = not isinstance(clock, VirtualClock)
        if performance is not None:
            stream = performance.stream
        elif stream is None:
            stream = setup.performer.perform(None, setup.request, setup.controls, setup.seed, live)
        routing = setup.routing if performance is None else DEFAULT_ROUTING  # a score's is heard where it is read
        self._engine = Engine(
            source,
            setup.performer,
            stream,
            sinks,
            clock,
            setup.controller_map,
            routing,
            keep_incomplete=keep_incomplete,
            score=performance is not None,
            consumed=setup.consumed,
        )
        self.rig = Rig(self._engine, setup, source, sinks, self.report)

    def run(self) -> Report:
        """Play until the input has ended, or until ``stop``. Raises the first failure: PerfLiveError, one line."""
        try:
            self._engine.run()
            return self.report()
        finally:
            if self.performance:
                self.performance.stream.close()  # else an interrupted run would wait for windows that nobody plays

    def report(self) -> Report:
        """Return the account of the run so far."""
        report = self._engine.report()
        if self.performance is None:
            return report
        return replace(report, notes=self.performance.stream.notes, windows=self.performance.stream.counts)

    @property
    def steering(self) -> Steering:
        """What tells the run something while it plays."""
        return self.rig.steering

    def stop(self) -> None:
        """End the run now. Safe from any thread and from a signal handler."""
        self._engine.stop()

    def hurry(self) -> None:
        """After ``stop``, wait for no file: what is written is left as it is. For a signal handler; a run on files is interrupted."""
        self._engine.hurry()

    @property
    def files(self) -> list[IsolatedSink]:
        """What is written live."""
        return self._engine.files

    def fail(self, failure: BaseException) -> None:
        """End the run now and let ``run`` raise ``failure``. Safe from any thread."""
        self._engine.fail(failure)


def open_performance(setup: Setup, path: Path, repeats: bool = True, live: bool = False) -> Performance:
    """Read a score and begin to perform it; ``live``: windows are computed ahead and not waited for.

    Raises PerfLiveError, and UsageError where the performer plays no scores.
    """
    check_plays_scores(setup)
    return replace(begin_performance(setup, read_to_perform(path, repeats, setup.routing), live), path=path)


def read_to_perform(path: Path, repeats: bool, routing: Routing) -> "Piece":
    """Return the notes of a score that are performed. Raises PerfLiveError."""
    from engine.score.piece import read_piece

    routing = replace(routing, perform_drums=False, kit=())  # drums are no notes of the score; the performer's drummer plays them
    return read_piece(path, "play" if repeats else "skip", routing)


def begin_performance(setup: Setup, piece: "Piece", live: bool = False) -> Performance:
    """Return a performance of a score that is yet to be started. The performer plays scores; see ``open_performance``."""
    stream = setup.performer.perform(piece, setup.request, setup.controls, setup.seed, live)
    return Performance(piece, cast("ScoreStream", stream))


def open_live(setup: Setup, ends: Endpoints, clock: Clock, repeats: bool = True) -> tuple[Session, Opened]:
    """Open both ends and what goes between them. Raises UsageError or PerfLiveError, and then nothing stays open."""
    performance = open_performance(setup, ends.score, repeats, live=not ends.all_files) if ends.score else None
    try:
        timeline, stream = None, None
        if ends.input and ends.input_is_file:
            setup, timeline, stream = _performed_beforehand(setup, read_midi_file(ends.input), not ends.all_files)
        opened = open_endpoints(replace(ends, sound=_told(ends.sound, setup), mark=setup.mark), clock, performance, timeline)
        try:
            session = Session(setup, opened.source, opened.sinks, clock, performance, stream, keep_incomplete=not ends.all_files)
        except BaseException:
            opened.abort()
            raise
    except BaseException:
        if performance:
            performance.stream.close()
        raise
    return session, opened


def _performed_beforehand(setup: Setup, timeline: MidiTimeline, live: bool) -> tuple[Setup, MidiTimeline, PerformerStream | None]:
    """Return the setup, the file and the stream that play a file; what the performer knows to its end is performed already.

    Of a performer that knows no files they are as they were, and no stream.
    """
    if not isinstance(setup.performer, FilePerformer):
        return setup, timeline, None
    performed = setup.performer.perform_file(timeline, setup.request, setup.controls, setup.seed, live)
    return replace(setup, routing=performed.routing), performed.timeline, performed.stream


def guarded_by_ports(session: Session, opened: Opened, exit_on_loss: bool = False) -> AbstractContextManager[None]:
    """Wait for ports that go until they are back, and say so; ``exit_on_loss``: let the loss of one end the run instead."""
    return load_ports().watch(opened.ports, say, session.fail if exit_on_loss else None) if opened.ports else nullcontext()


def check_plays_scores(setup: Setup) -> None:
    """Raise UsageError when the performer, as it was loaded, plays no scores."""
    if setup.performer.plays is not Kind.SCORES:
        raise UsageError("--lookahead is for live notes and MIDI files, and a score is known to its end; leave --lookahead out")


def render_file(
    setup: Setup,
    path: Path,
    outputs: Sequence[Path],
    options: ScoreOptions | None = None,
    sound: SoundOptions | None = None,
    guard: Guard = unguarded,
) -> Report:
    """Perform a file to files: as a score where the performer plays scores, and as a take where it plays notes."""
    if setup.performer.plays is Kind.SCORES:
        return render_score(setup, path, outputs, options, sound, guard)
    beside = options.beside if options else None
    return render_take(setup, read_midi_file(path), outputs, path.stem, sound, guard, beside=beside)


def render_take(
    setup: Setup,
    timeline: MidiTimeline,
    outputs: Sequence[Path],
    name: str,
    sound: SoundOptions | None = None,
    guard: Guard = unguarded,
    stream: PerformerStream | None = None,
    beside: Path | None = None,
) -> Report:
    """Perform ``timeline`` to files; ``name`` is what pictures call it, ``stream`` is played in place of the performer's own.

    ``beside``: another performance of the same notes, to draw in the picture.
    """
    clock, human = VirtualClock(), None
    if beside:
        from engine.score.alignment import read_beside  # which a take without a picture need not wait for

        human = read_beside(beside, timeline)
    material = TakeMaterial(timeline, _title(name, setup), human, setup.routing.has_drums, setup.mark)
    if stream is None:
        setup, timeline, stream = _performed_beforehand(setup, timeline, live=False)
    played = NoteCounter()
    with _opened(outputs, material, _told(sound, setup)) as sinks:
        session = Session(setup, FileSource(timeline, clock), [*sinks, played], clock, stream=stream)
    report = _run(session, guard)
    return replace(report, notes=played.notes) if setup.performer.plays is Kind.IMPROVISES else report


def render_score(
    setup: Setup,
    path: Path,
    outputs: Sequence[Path],
    options: ScoreOptions | None = None,
    sound: SoundOptions | None = None,
    guard: Guard = unguarded,
) -> Report:
    """Perform a score to files."""
    from engine.runtime.steering.conductor import ConductedSource
    from engine.score.alignment import read_reference

    options = options or ScoreOptions()
    performance = open_performance(setup, path, options.repeats)
    clock, piece, stream = VirtualClock(), performance.piece, performance.stream
    try:
        human = read_reference(options.beside, piece.score) if options.beside else None
        heard = read_midi_file(options.beside).events if options.beside else ()
        material = ScoreMaterial(piece, stream, _title(path.stem, setup), options.on_bars, human, setup.mark, path, heard)
        with _opened(outputs, material, _told(sound, setup)) as sinks:
            session = Session(setup, ConductedSource(stream, clock), sinks, clock, performance)
    except BaseException:
        stream.close()
        raise
    return _run(session, guard)


def render_improvisations(
    setup: Setup, outputs: Sequence[Sequence[Path]], sound: SoundOptions | None = None, guard: Guard = unguarded
) -> list[Report]:
    """Improvise as the request says, a take for each of ``outputs``, of the setup's seed and those after it. Returns their reports."""
    asked: Any = setup.request  # of the system that improvises
    name, primer = (asked.primer or Path("improvisation")).stem, read_primer(asked.primer)
    if asked.together or len(outputs) > 1:
        return render_takes(setup, primer, outputs, name, sound, guard)
    return [render_take(setup, primer, outputs[0], name, sound, guard)]


def render_takes(
    setup: Setup,
    primer: MidiTimeline,
    outputs: Sequence[Sequence[Path]],
    name: str,
    sound: SoundOptions | None = None,
    guard: Guard = unguarded,
) -> list[Report]:
    """Improvise a take for each of ``outputs``, of the setup's seed and those after it, all together; the primer is heard once.

    Returns their reports.
    """

    def listen(stream: PerformerStream) -> None:
        clock = VirtualClock()
        _run(Session(setup, FileSource(primer, clock), [], clock, stream=stream), guard)

    performer = cast(TakesPerformer, setup.performer)
    seeds = range(setup.seed, setup.seed + len(outputs))
    takes = performer.perform_takes(primer, setup.request, setup.controls, seeds, listen)
    return [
        render_take(replace(setup, seed=take.seed), take.primer, paths, name, sound, guard, TakeStream(take.events))
        for paths, take in zip(outputs, takes, strict=True)
    ]


def read_primer(path: Path | None) -> MidiTimeline:
    """Return what an improvisation goes on from. Raises PerfLiveError for a file without a note."""
    timeline = read_midi_file(path) if path else MidiTimeline()
    if path and not any(is_note_on(event.message) for event in timeline.events):
        raise PerfLiveError(f"{str(path)!r} has no note to go on from; give another --primer, or none")
    return timeline


def _title(name: str, setup: Setup) -> str:
    return f"{name}, performed by {setup.performer.name} (seed {setup.seed})"


def _told(sound: SoundOptions | None, setup: Setup) -> SoundOptions:
    """Return the options of sound, which is to play channel 10 as it is performed."""
    return replace(sound or SoundOptions(), drums=setup.routing.has_drums)


def _opened(outputs: Sequence[Path], material: Material, sound: SoundOptions | None) -> AbstractContextManager[list[Sink]]:
    return opened_sinks(outputs, lambda path: open_file_sink(path, material, sound or SoundOptions()))


def _run(session: Session, guard: Guard) -> Report:
    with guard(session):
        report = session.run()
    if report.stopped:
        raise KeyboardInterrupt  # ends everything, not only this file
    return report
