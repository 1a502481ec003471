"""The only place where a benchmark composes a run: a performer's stream between a source and sinks, on a virtual or the real clock."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from engine.base.clock import Clock, VirtualClock
from engine.midi.events import Event, is_note_on
from engine.midi.file import MidiTimeline
from engine.output.endpoints import Performance
from engine.performers.protocol import Performer, PerformerStream
from engine.performers.score_playing.stream import ScoreStream
from engine.performers.setup import Setup
from engine.runtime.report import Report
from engine.runtime.sinks import Sink
from engine.runtime.sources import FileSource, Source
from engine.runtime.steering.conductor import ConductedSource
from engine.score.piece import Piece
from engine.session import Session


def create_run(source: Source, performer: Performer, stream: PerformerStream, sink: Sink, clock: Clock) -> Session:
    """Return a run that ``run`` begins and ``stop`` ends."""
    return Session(Setup(performer), source, [sink], clock, stream=stream)


def render_events(performer: Performer, stream: PerformerStream, events: Sequence[Event], sink: Sink) -> Report:
    """Perform events, in order of time, on the virtual clock."""
    clock = VirtualClock()
    return create_run(FileSource(MidiTimeline(list(events)), clock), performer, stream, sink, clock).run()


def render_score(performer: Performer, piece: Piece, stream: ScoreStream, sink: Sink) -> Report:
    """Perform ``piece``, which ``stream`` is of, on the virtual clock, as perf-render does; the stream is closed then."""
    clock = VirtualClock()
    return Session(Setup(performer), ConductedSource(stream, clock), [sink], clock, Performance(piece, stream)).run()


def note_calls(stream: PerformerStream, events: Iterable[Event]) -> Iterator[Callable[[], object]]:
    """Yield a call for each note-on; everything else is done on the way, untimed."""
    for event in events:
        if is_note_on(event.message):
            yield partial(stream.feed, event)
            while stream.rest():
                pass
        else:
            stream.feed(event)
