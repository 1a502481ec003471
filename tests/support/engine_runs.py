"""What tests of the engine share: a piece, a sink that is watched, a performer that looks ahead, and a run."""

from engine.base.clock import VirtualClock
from engine.base.errors import PerfLiveError
from engine.midi.events import Event, control_change, is_note_on, note_off, note_on
from engine.midi.file import MidiTimeline
from engine.performers.controls import Control
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.performers.passthrough.stream import PassthroughStream
from engine.runtime.loop import Engine
from engine.runtime.sinks import CollectingSink
from engine.runtime.sources import FileSource

MS = 1_000_000
LEVEL = Control("level", 0, 127, 64, "", "what is added to nothing")


class ObservedSink(CollectingSink):
    """Also keeps when it was sent each event, and how it ended; ``fails_at`` so many events it takes no more."""

    def __init__(self, clock, fails_at=None):
        super().__init__()
        self.sent_at_ns, self.ended = [], None
        self._clock, self._fails_at = clock, fails_at

    def send(self, event):
        if self._fails_at is not None and len(self.sent) >= self._fails_at:
            raise PerfLiveError("the port has gone")
        super().send(event)
        self.sent_at_ns.append(self._clock.now_ns())

    def close(self):
        self.ended = "closed"

    def abort(self):
        self.ended = "aborted"


class LookAheadPerformer:
    """Holds every event back for its look-ahead and gives it out as late as it may."""

    name = "look-ahead"
    controls = ()
    latency_ns = 100 * MS

    def create_stream(self, seed, controls):
        return LookAheadStream(self.latency_ns)


class LookAheadStream(PassthroughStream):
    def __init__(self, latency_ns):
        self._latency_ns = latency_ns
        self._held = []

    def feed(self, event, late=False):
        self._held.append(event._replace(time_ns=event.time_ns + self._latency_ns))
        return []

    def next_due_ns(self):
        return self._held[0].time_ns if self._held else None

    def advance(self, now_ns):
        due = [event for event in self._held if event.time_ns <= now_ns]
        self._held = self._held[len(due) :]
        return due

    def finish(self):
        held, self._held = self._held, []
        return held


def run(events, performer=None, stream=None, clock=None, **options):
    """Play ``events`` through a performer into a collector; return the engine's report and the collector."""
    clock = clock or VirtualClock()
    performer = performer or PassthroughPerformer()
    sink = ObservedSink(clock)
    source = FileSource(MidiTimeline(events), clock)
    engine = Engine(source, performer, stream or performer.create_stream(0, {}), [sink], clock, **options)
    return engine.run(), sink


PIECE = [
    Event(0, b"\xc0\x05"),
    Event(0, note_on(0, 60, 64)),
    Event(0, note_on(9, 38, 100)),
    Event(10 * MS, control_change(0, 64, 127)),
    Event(10 * MS, b"\xf0\x01\x02\xf7"),
    Event(20 * MS, note_off(0, 60, 3)),
    Event(20 * MS, note_on(5, 70, 1)),
    Event(20 * MS, b"\xe0\x01\x40"),
    Event(30 * MS, note_on(5, 70, 0)),
    Event(40 * MS, control_change(0, 64, 0)),
    Event(500 * MS, note_off(9, 38)),
]


def assert_nothing_sounds(events):
    sounding = {}
    for event in events:
        message = event.message
        if is_note_on(message):
            sounding[message[0] & 15, message[1]] = True
        elif message[0] & 0xF0 in (0x80, 0x90):
            sounding[message[0] & 15, message[1]] = False
        elif message[0] & 0xF0 == 0xB0 and message[1] == 64:
            sounding[message[0] & 15, "pedal"] = message[2] > 0
    assert not any(sounding.values())
