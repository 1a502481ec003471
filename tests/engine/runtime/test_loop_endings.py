"""However a run ends, nothing sounds and every output is complete or gone."""

import queue
import threading

import pytest
from engine_runs import (
    LEVEL,
    MS,
    PIECE,
    ObservedSink,
    assert_nothing_sounds,
    run,
)

from engine.base.clock import MonotonicClock, VirtualClock
from engine.base.errors import PerfLiveError
from engine.midi.events import Event, control_change, note_off, note_on
from engine.midi.file import MidiTimeline, read_midi_file
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.performers.passthrough.stream import PassthroughStream
from engine.runtime.loop import Engine
from engine.runtime.recorder import Recorder
from engine.runtime.sources import FileSource


def test_what_still_sounds_at_the_end_is_released_at_the_last_due_time():
    events = [Event(0, note_on(0, 60, 64), 1), Event(7 * MS, control_change(0, 64, 127), 1)]
    _, sink = run(events)
    assert sink.sent[2:] == [Event(7 * MS, note_off(0, 60), 1), Event(7 * MS, control_change(0, 64, 0), 1)]


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
    sink, take = ObservedSink(clock), Recorder(tmp_path / "take.mid")
    events = [*PIECE[:4], Event(15 * MS, control_change(0, 1, 1)), *PIECE[5:]]
    performer = PassthroughPerformer()
    engine = Engine(FileSource(MidiTimeline(events), clock), performer, Broken(), [sink, take], clock, controller_map={1: LEVEL})
    with pytest.raises(PerfLiveError, match="performer 'passthrough' failed: ValueError: what is this") as caught:
        engine.run()
    assert "\n" not in str(caught.value)
    assert sink.ended == "closed"
    assert read_midi_file(tmp_path / "take.mid").events == sink.sent
    assert_nothing_sounds(sink.sent)


def test_a_sink_that_fails_does_not_keep_the_others_from_their_end():
    clock = VirtualClock()
    before, failing, after = ObservedSink(clock), ObservedSink(clock, fails_at=4), ObservedSink(clock)
    performer = PassthroughPerformer()
    engine = Engine(FileSource(MidiTimeline(PIECE), clock), performer, performer.create_stream(0, {}), [before, failing, after], clock)
    with pytest.raises(PerfLiveError, match="the port has gone"):
        engine.run()
    assert [sink.ended for sink in (before, failing, after)] == ["closed"] * 3
    assert len(before.sent) > len(failing.sent)
    assert_nothing_sounds(before.sent)
    assert_nothing_sounds(after.sent)


def test_a_sink_that_cannot_start_leaves_no_output():
    class Refusing(ObservedSink):
        def start(self, origin_ns):
            raise PerfLiveError("no such place")

    clock = VirtualClock()
    first, second = ObservedSink(clock), Refusing(clock)
    performer = PassthroughPerformer()
    with pytest.raises(PerfLiveError, match="no such place"):
        Engine(FileSource(MidiTimeline(PIECE), clock), performer, performer.create_stream(0, {}), [first, second], clock).run()
    assert first.ended == second.ended == "aborted"


@pytest.mark.parametrize(("keep", "ended"), [(True, "closed"), (False, "aborted")])
def test_a_stopped_run_completes_or_abandons_its_output_as_told(keep, ended):
    clock = VirtualClock()
    sink = ObservedSink(clock)
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
    assert_nothing_sounds(sink.sent)


def test_a_keyboard_interrupt_leaves_nothing_sounding():
    class Interrupted(PassthroughStream):
        def feed(self, event, late=False):
            if event == PIECE[5]:
                raise KeyboardInterrupt
            return [event]

    clock = VirtualClock()
    sink = ObservedSink(clock)
    with pytest.raises(KeyboardInterrupt):
        Engine(FileSource(MidiTimeline(PIECE), clock), PassthroughPerformer(), Interrupted(), [sink], clock).run()
    assert_nothing_sounds(sink.sent)
    assert sink.ended == "closed"


def test_stop_ends_a_wait_that_has_no_end():
    clock = MonotonicClock()
    sink = ObservedSink(clock)
    performer = PassthroughPerformer()
    far = MidiTimeline([Event(0, note_on(0, 60, 64)), Event(10**15, note_off(0, 60))])
    engine = Engine(FileSource(far, clock), performer, performer.create_stream(0, {}), [sink], clock)
    reports = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: reports.put(engine.run()), daemon=True)
    thread.start()
    engine.stop()
    assert reports.get(timeout=30).stopped
    assert_nothing_sounds(sink.sent)
    thread.join()


def test_a_failure_from_outside_is_what_run_raises():
    clock = MonotonicClock()
    sink = ObservedSink(clock)
    performer = PassthroughPerformer()
    engine = Engine(FileSource(MidiTimeline([Event(10**15, b"\xf8")]), clock), performer, performer.create_stream(0, {}), [sink], clock)
    engine.fail(PerfLiveError("port 'x' has gone"))
    with pytest.raises(PerfLiveError, match="port 'x' has gone"):
        engine.run()
    assert sink.ended == "closed"
