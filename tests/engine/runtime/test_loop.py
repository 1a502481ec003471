import os
import queue
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.clock import MonotonicClock, VirtualClock
from engine.base.errors import PerfLiveError
from engine.midi.events import Event, control_change, is_note_on, note_off, note_on
from engine.midi.file import MidiTimeline, read_midi_file, write_midi_file
from engine.performers.controls import Control
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.performers.passthrough.stream import PassthroughStream
from engine.runtime.loop import DEADLINE_NS, Engine
from engine.runtime.recorder import Recorder
from engine.runtime.sinks import MidiFileSink
from engine.runtime.sources import FileSource

MS = 1_000_000
LEVEL = Control("level", 0, 127, 64, "", "what is added to nothing")


class Collector:
    """A sink that keeps what it gets."""

    def __init__(self, clock, fails_at=None):
        self.events, self.sent_at_ns = [], []
        self.ended, self.origin_ns = None, None
        self._clock = clock
        self._fails_at = fails_at

    def start(self, origin_ns):
        self.origin_ns = origin_ns

    def send(self, event):
        if self._fails_at is not None and len(self.events) >= self._fails_at:
            raise PerfLiveError("the port has gone")
        self.events.append(event)
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
    sink = Collector(clock)
    source = FileSource(MidiTimeline(events), clock)
    engine = Engine(source, performer, stream or performer.create_stream(0, {}), [sink], clock, **options)
    return engine.run(), sink


def of_channel(channel, events):
    return [event for event in events if event.message[0] < 0xF0 and event.message[0] & 0x0F == channel]


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


@pytest.mark.parametrize("performer", [PassthroughPerformer(), LookAheadPerformer()])
def test_everything_goes_through_in_order_and_on_time(performer):
    report, sink = run(PIECE, performer)
    shifted = [event._replace(time_ns=event.time_ns + performer.latency_ns) for event in PIECE]
    for channel in (0, 5, 9):
        assert of_channel(channel, sink.events) == of_channel(channel, shifted)
    assert sorted(sink.events) == sorted(shifted)
    assert sink.sent_at_ns == [event.time_ns for event in sink.events]
    assert (report.events_in, report.events_out, report.notes, report.late, report.degraded) == (11, 11, 2, 0, 0)
    assert sink.ended == "closed"
    assert sink.origin_ns == performer.latency_ns


def test_drums_excluded_channels_and_system_messages_bypass_the_performer():
    fed = []

    class Watching(PassthroughStream):
        def feed(self, event, late=False):
            fed.append(event)
            return [event]

    _, sink = run(PIECE, stream=Watching(), excluded_channels=[5])
    assert sink.events == PIECE
    assert fed == [event for event in PIECE if event.message[0] & 0xF0 < 0xF0 and event.message[0] & 15 == 0]


def test_a_mapped_controller_sets_the_control_and_goes_through():
    changes = []

    class Controlled(PassthroughStream):
        def set_control(self, name, value):
            changes.append((name, value))

        def feed(self, event, late=False):
            changes.append(event.message)
            return [event]

    events = [Event(0, control_change(3, 1, 99)), Event(0, control_change(3, 2, 5))]
    _, sink = run(events, stream=Controlled(), controller_map={1: LEVEL})
    assert changes == [("level", 99.0), events[0].message, events[1].message]
    assert sink.events == events


def test_what_still_sounds_at_the_end_is_released_at_the_last_due_time():
    events = [Event(0, note_on(0, 60, 64), 1), Event(7 * MS, control_change(0, 64, 127), 1)]
    _, sink = run(events)
    assert sink.events[2:] == [Event(7 * MS, note_off(0, 60), 1), Event(7 * MS, control_change(0, 64, 0), 1)]


@pytest.mark.parametrize("method", ["feed", "next_due_ns", "rest", "finish", "set_control"])
def test_an_exception_in_a_performer_releases_and_completes_and_is_one_line(tmp_path, method):
    class Broken(PassthroughStream):
        calls = 0

    def fail(self, *arguments):
        self.calls += 1
        if method == "feed" and self.calls <= 5:
            return [arguments[0]]
        raise ValueError("what\nis this")

    setattr(Broken, method, fail)
    clock = VirtualClock()
    sink, take = Collector(clock), Recorder(tmp_path / "take.mid")
    events = [*PIECE[:4], Event(15 * MS, control_change(0, 1, 1)), *PIECE[5:]]
    performer = PassthroughPerformer()
    engine = Engine(FileSource(MidiTimeline(events), clock), performer, Broken(), [sink, take], clock, controller_map={1: LEVEL})
    with pytest.raises(PerfLiveError, match="performer 'passthrough' failed: ValueError: what is this") as caught:
        engine.run()
    assert "\n" not in str(caught.value)
    assert sink.ended == "closed"
    assert read_midi_file(tmp_path / "take.mid").events == sink.events
    assert_nothing_sounds(sink.events)


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


def test_a_sink_that_fails_does_not_keep_the_others_from_their_end():
    clock = VirtualClock()
    before, failing, after = Collector(clock), Collector(clock, fails_at=4), Collector(clock)
    performer = PassthroughPerformer()
    engine = Engine(FileSource(MidiTimeline(PIECE), clock), performer, performer.create_stream(0, {}), [before, failing, after], clock)
    with pytest.raises(PerfLiveError, match="the port has gone"):
        engine.run()
    assert [sink.ended for sink in (before, failing, after)] == ["closed"] * 3
    assert len(before.events) > len(failing.events)
    assert_nothing_sounds(before.events)
    assert_nothing_sounds(after.events)


def test_a_sink_that_cannot_start_leaves_no_output():
    class Refusing(Collector):
        def start(self, origin_ns):
            raise PerfLiveError("no such place")

    clock = VirtualClock()
    first, second = Collector(clock), Refusing(clock)
    performer = PassthroughPerformer()
    with pytest.raises(PerfLiveError, match="no such place"):
        Engine(FileSource(MidiTimeline(PIECE), clock), performer, performer.create_stream(0, {}), [first, second], clock).run()
    assert first.ended == second.ended == "aborted"


@pytest.mark.parametrize(("keep", "ended"), [(True, "closed"), (False, "aborted")])
def test_a_stopped_run_completes_or_abandons_its_output_as_told(keep, ended):
    clock = VirtualClock()
    sink = Collector(clock)
    performer = PassthroughPerformer()

    class Stopping(PassthroughStream):
        def feed(self, event, late=False):
            if event == PIECE[3]:
                engine.stop()
            return [event]

    engine = Engine(FileSource(MidiTimeline(PIECE), clock), performer, Stopping(), [sink], clock, keep_incomplete=keep)
    report = engine.run()
    assert report.stopped
    assert report.events_in == 4
    assert sink.ended == ended
    assert_nothing_sounds(sink.events)


def test_a_keyboard_interrupt_leaves_nothing_sounding():
    class Interrupted(PassthroughStream):
        def feed(self, event, late=False):
            if event == PIECE[5]:
                raise KeyboardInterrupt
            return [event]

    clock = VirtualClock()
    sink = Collector(clock)
    with pytest.raises(KeyboardInterrupt):
        Engine(FileSource(MidiTimeline(PIECE), clock), PassthroughPerformer(), Interrupted(), [sink], clock).run()
    assert_nothing_sounds(sink.events)
    assert sink.ended == "closed"


def test_stop_ends_a_wait_that_has_no_end():
    clock = MonotonicClock()
    sink = Collector(clock)
    performer = PassthroughPerformer()
    far = MidiTimeline([Event(0, note_on(0, 60, 64)), Event(10**15, note_off(0, 60))])
    engine = Engine(FileSource(far, clock), performer, performer.create_stream(0, {}), [sink], clock)
    reports = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: reports.put(engine.run()), daemon=True)
    thread.start()
    engine.stop()
    assert reports.get(timeout=30).stopped
    assert_nothing_sounds(sink.events)
    thread.join()


def test_a_failure_from_outside_is_what_run_raises():
    clock = MonotonicClock()
    sink = Collector(clock)
    performer = PassthroughPerformer()
    engine = Engine(FileSource(MidiTimeline([Event(10**15, b"\xf8")]), clock), performer, performer.create_stream(0, {}), [sink], clock)
    engine.fail(PerfLiveError("port 'x' has gone"))
    with pytest.raises(PerfLiveError, match="port 'x' has gone"):
        engine.run()
    assert sink.ended == "closed"


def test_an_event_past_its_deadline_is_performed_in_the_degraded_way_and_counted():
    class Slow(PassthroughStream):
        lateness = []

        def feed(self, event, late=False):
            self.lateness.append(late)
            clock.sleep_until(clock.now_ns() + 6 * MS)
            return [event]

    clock = VirtualClock()
    events = [Event(0, note_on(0, 60 + i, 64)) for i in range(4)]
    report, sink = run(events, stream=Slow(), clock=clock)
    assert Slow.lateness == [False, False, True, True]
    assert DEADLINE_NS == 10 * MS
    assert (report.degraded, report.late, report.most_lateness_ns) == (2, 3, 24 * MS)
    assert sink.events[:4] == events


def test_what_has_become_certain_is_taken_before_a_later_event_however_late_we_look():
    class Slow(LookAheadStream):
        calls = []

        def feed(self, event, late=False):
            self.calls.append(("feed", event.time_ns))
            clock.sleep_until(clock.now_ns() + 40 * MS)
            return super().feed(event, late)

        def advance(self, now_ns):
            self.calls.append(("advance", now_ns))
            return super().advance(now_ns)

    clock = VirtualClock()
    run([Event(0, b"\xc0\x01"), Event(10 * MS, b"\xc0\x02"), Event(20 * MS, b"\xc0\x03")], stream=Slow(5 * MS), clock=clock)
    assert Slow.calls[:5] == [("feed", 0), ("advance", 5 * MS), ("feed", 10 * MS), ("advance", 15 * MS), ("feed", 20 * MS)]


def test_deferred_work_is_done_while_nothing_is_due():
    class Resting(PassthroughStream):
        pending, done = 0, []

        def feed(self, event, late=False):
            self.pending += 3
            return [event]

        def rest(self):
            self.done.append(clock.now_ns())
            self.pending -= 1
            return self.pending > 0

    clock = VirtualClock()
    run([Event(5, note_on(0, 60, 64)), Event(9, note_off(0, 60))], stream=Resting(), clock=clock)
    assert Resting.done == [0, 5, 5]  # once at the start; after the last event the stream is finished instead


notes = st.tuples(st.integers(0, 300), st.integers(0, 3), st.integers(60, 64), st.integers(1, 50))


@settings(max_examples=25, deadline=None)
@given(st.lists(notes, max_size=30), st.sampled_from([PassthroughPerformer, LookAheadPerformer]))
def test_a_note_off_never_overtakes_its_note_on(music, performer):
    events = [Event(at * MS, note_on(channel, pitch, 64)) for at, channel, pitch, _ in music]
    events += [Event((at + length) * MS, note_off(channel, pitch)) for at, channel, pitch, length in music]
    events.sort(key=lambda event: event.time_ns)
    _, sink = run(events, performer(), excluded_channels=[1])
    for channel in range(4):
        messages = [event.message for event in of_channel(channel, sink.events)]
        assert messages == [event.message for event in of_channel(channel, events)]


@pytest.mark.parametrize("performer", [PassthroughPerformer(), LookAheadPerformer()])
def test_a_file_played_live_gives_the_file_that_is_rendered(tmp_path, performer):
    source = tmp_path / "in.mid"
    write_midi_file(source, PIECE)
    files = []
    for clock in (VirtualClock(12345), MonotonicClock()):
        timeline = read_midi_file(source)
        path = tmp_path / f"{type(clock).__name__}.mid"
        sink = MidiFileSink(path, timeline)
        # Whether this machine keeps up is not the question here: without a deadline nothing is degraded.
        Engine(FileSource(timeline, clock), performer, performer.create_stream(0, {}), [sink], clock, deadline_ns=10**12).run()
        files.append(path.read_bytes())
    assert files[0] == files[1]
    assert sorted(read_midi_file(path).events) == sorted(PIECE)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not let a thread choose its cores")
@pytest.mark.parametrize(("clock", "cores"), [(MonotonicClock(), 1), (VirtualClock(), os.cpu_count())])
def test_a_live_engine_answers_on_one_core_and_gives_the_others_back(clock, cores):
    class Stream(PassthroughStream):
        def feed(self, event, late=False):
            seen.append(len(os.sched_getaffinity(0)))
            return super().feed(event, late)

    seen, before = [], os.sched_getaffinity(0)
    run([Event(0, note_on(0, 60, 64))], stream=Stream(), clock=clock)
    assert seen == [min(cores, len(before))]
    assert os.sched_getaffinity(0) == before


def test_a_stream_rests_until_something_is_nearly_due_and_again_when_it_has_left():
    rested_ns, due_ns = [], [5 * MS, 30 * MS]

    class Restless(PassthroughStream):
        def next_due_ns(self):
            return due_ns[0] if due_ns else None

        def advance(self, now_ns):
            return [Event(due_ns.pop(0), note_on(0, 60, 64))]

        def rest(self):
            rested_ns.append(clock.now_ns())
            clock.sleep_until(clock.now_ns() + 600_000)
            return len(due_ns) == 2  # enough, until something leaves

    clock = VirtualClock()
    timeline = MidiTimeline(events=[Event(100 * MS, note_off(0, 1))])
    sink = Collector(clock)
    Engine(FileSource(timeline, clock), PassthroughPerformer(), Restless(), [sink], clock).run()
    assert sink.sent_at_ns[:2] == [5 * MS, 30 * MS]  # in the two milliseconds before, no rest had begun
    assert 2 * MS < max(each for each in rested_ns if each < 5 * MS) < 3.1 * MS
    assert rested_ns[-2:] == [5 * MS, 30 * MS]
