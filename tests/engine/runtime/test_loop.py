"""What goes through the engine, in which order and when."""

import os

import pytest
from engine_runs import (
    LEVEL,
    MS,
    PIECE,
    LookAheadPerformer,
    LookAheadStream,
    ObservedSink,
    run,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.clock import MonotonicClock, VirtualClock
from engine.midi.clock.messages import MidiClock
from engine.midi.events import LINK_TRACK, Event, control_change, note_off, note_on
from engine.midi.file import MidiTimeline, read_midi_file, write_midi_file
from engine.midi.routing import Routing
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.performers.passthrough.stream import PassthroughStream
from engine.runtime.loop import DEADLINE_NS, Engine
from engine.runtime.sinks import MidiFileSink
from engine.runtime.sources import FileSource


def of_channel(channel, events):
    return [event for event in events if event.message[0] < 0xF0 and event.message[0] & 0x0F == channel]


@pytest.mark.parametrize("performer", [PassthroughPerformer(), LookAheadPerformer()])
def test_everything_goes_through_in_order_and_on_time(performer):
    report, sink = run(PIECE, performer)
    shifted = [event._replace(time_ns=event.time_ns + performer.latency_ns) for event in PIECE]
    for channel in (0, 5, 9):
        assert of_channel(channel, sink.sent) == of_channel(channel, shifted)
    assert sorted(sink.sent) == sorted(shifted)
    assert sink.sent_at_ns == [event.time_ns for event in sink.sent]
    assert (report.events_in, report.events_out, report.notes, report.late, report.degraded) == (11, 11, 2, 0, 0)
    assert sink.ended == "closed"
    assert sink.origin_ns == performer.latency_ns


def test_drums_excluded_channels_and_system_messages_bypass_the_performer():
    fed = []

    class Watching(PassthroughStream):
        def feed(self, event, late=False):
            fed.append(event)
            return [event]

    _, sink = run(PIECE, stream=Watching(), routing=Routing(frozenset({5})))
    assert sink.sent == PIECE
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
    assert sink.sent == events


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
    assert sink.sent[:4] == events
    Slow.lateness.clear()
    report, _ = run(events, stream=Slow(), clock=clock, score=True)  # such as a soloist's, who is accompanied
    assert Slow.lateness == [False] * 4 and report.degraded == 0


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
    _, sink = run(events, performer(), routing=Routing(frozenset({1})))
    for channel in range(4):
        messages = [event.message for event in of_channel(channel, sink.sent)]
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
    sink = ObservedSink(clock)
    Engine(FileSource(timeline, clock), PassthroughPerformer(), Restless(), [sink], clock).run()
    assert sink.sent_at_ns[:2] == [5 * MS, 30 * MS]  # in the two milliseconds before, no rest had begun
    assert 2 * MS < max(each for each in rested_ns if each < 5 * MS) < 3.1 * MS
    assert rested_ns[-2:] == [5 * MS, 30 * MS]


@pytest.mark.parametrize("number", [120, 123, 124, 127])
def test_all_notes_off_is_preceded_by_the_ends_of_what_its_channel_holds(number):
    """So that performers and instruments that do not know it leave nothing sounding, and other channels are left alone."""
    held = [Event(0, note_on(0, 60, 64)), Event(0, note_on(1, 60, 64)), Event(0, note_on(0, 64, 64)), Event(MS, note_off(0, 64))]
    silence = Event(2 * MS, control_change(0, number, 0))
    report, sink = run([*held, silence, Event(3 * MS, note_off(1, 60))])
    assert sink.sent == [*held, Event(2 * MS, note_off(0, 60)), silence, Event(3 * MS, note_off(1, 60))]
    assert report.events_in == 6


def test_the_clock_of_a_link_session_is_heard_in_place_of_the_ports_and_not_passed_on():
    class Following(PassthroughStream):
        clock = MidiClock()

        def follow_clock(self, event):
            self.clock.follow(event)

    def clocks(tempo, track):
        return [Event(round(tick * 60e9 / 24 / tempo), b"\xf8", track) for tick in range(96)]

    begin = [Event(0, b"\xf2\x05\x00", LINK_TRACK), Event(0, b"\xfb", LINK_TRACK)]
    ports = clocks(140, 0)
    stream = Following()
    _, sink = run(sorted([*begin, *clocks(97, LINK_TRACK), *ports], key=lambda event: event.time_ns), stream=stream)
    assert sink.sent == ports
    assert 60e9 / stream.clock.read(2_400_000_000).beat_ns == pytest.approx(97, rel=0.001)
    assert stream.clock.read(2_400_000_000).song_quarter == pytest.approx(5 / 4 + 2.4 * 97 / 60, abs=0.01)
