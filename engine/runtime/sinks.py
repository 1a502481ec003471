"""Where events go: a port or a MIDI file. Sound (``engine/sound``) and the recorder speak the same protocol."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.base.errors import PerfLiveError, one_line
from engine.base.files import check_writable
from engine.base.saying import say
from engine.midi.events import Event, is_note_on
from engine.midi.file import MidiTimeline, write_midi_file

if TYPE_CHECKING:  # a run on files needs no MIDI driver
    from engine.midi.ports import OutputPort


class Sink(Protocol):
    def start(self, origin_ns: int) -> None:
        """Begin: an event due at ``origin_ns`` stands at the beginning of the music (look-ahead is already taken off)."""

    def send(self, event: Event) -> None:
        """Put out one event, now. Never waits. Raises PerfLiveError when the sink can take no more."""

    def close(self) -> None:
        """Complete the output. Raises PerfLiveError when that fails."""

    def abort(self) -> None:
        """Give up; leave nothing half-written."""


class FileSink(Sink, Protocol):
    """A sink that may wait in ``send``, for its disk; live it is isolated (see engine/runtime/isolation.py)."""

    @property
    def kept(self) -> Path | None:
        """Where what was sent is found: in the file, in what stands for it until it is complete, or nowhere."""


class Outputs:
    """The sinks of a run. Live, one that fails is left out and said so while others go on; files are written all or not at all.

    ``lost`` holds what was left out, each with its failure, already said.
    """

    def __init__(self, sinks: Sequence[Sink], live: bool):
        self.sinks = list(sinks)
        self.lost: list[tuple[Sink, PerfLiveError]] = []
        self._live = live

    def send(self, event: Event) -> None:
        """Send to every sink. Raises what the last one raises, and offline what any does."""
        for sink in self.sinks[:]:  # one may be left out meanwhile
            try:
                sink.send(event)
            except Exception as error:
                if not self._live or len(self.sinks) == 1:
                    raise
                self._leave_out(sink, error)

    def _leave_out(self, sink: Sink, error: Exception) -> None:
        self.sinks.remove(sink)
        failure = PerfLiveError(f"an output has failed: {one_line(error)}; the others go on")
        say(str(failure))
        failure.reported = True
        self.lost.append((sink, failure))


class PortSink:
    """Sends on at once; the engine decides when an event is due."""

    def __init__(self, port: "OutputPort"):
        self._port = port

    def start(self, origin_ns: int) -> None:
        pass

    def send(self, event: Event) -> None:
        self._port.send(event.message)

    def close(self) -> None:
        self._port.close()

    def abort(self) -> None:
        self._port.close()


class CollectingSink:
    """Keeps what is sent: ``sent``, as it came, and ``origin_ns``, when the music began. Subclasses decide what closing makes of it."""

    def __init__(self) -> None:
        self.sent: list[Event] = []
        self.origin_ns = 0

    def start(self, origin_ns: int) -> None:
        self.origin_ns = origin_ns

    def send(self, event: Event) -> None:
        self.sent.append(event)

    def close(self) -> None:
        pass

    def abort(self) -> None:
        self.sent.clear()

    def events(self, from_ns: int = 0) -> list[Event]:
        """Return what was sent; times count from ``from_ns`` after the beginning of the music."""
        return [event._replace(time_ns=event.time_ns - self.origin_ns - from_ns) for event in self.sent]


class NoteCounter:
    """Counts the notes that are sent; keeps nothing."""

    def __init__(self) -> None:
        self.notes = 0

    def start(self, origin_ns: int) -> None:
        pass

    def send(self, event: Event) -> None:
        self.notes += is_note_on(event.message)

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


class MidiFileSink(CollectingSink):
    """Collects events and writes them when closed: over ``timeline``'s tracks, texts and tempos, or as a new file."""

    def __init__(self, path: str | Path, timeline: MidiTimeline | None = None):
        """Raises PerfLiveError when the file could not be written in the end."""
        super().__init__()
        self.kept: Path | None = None
        self._path = check_writable(path)
        self._timeline = timeline

    def close(self) -> None:
        write_midi_file(self._path, self.events(), self._timeline)
        self.kept = self._path
