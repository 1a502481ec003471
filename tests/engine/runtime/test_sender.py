"""Sending on a thread of its own: due times are kept while the performer thinks, and every end leaves nothing sounding."""

import threading
import time

import pytest
from sender_runs import DelayingPerformer, DelayingStream, WatchedSink, timeline

from engine.base.clock import MonotonicClock
from engine.base.errors import PerfLiveError
from engine.midi.events import Event, is_note_on, note_off, note_on
from engine.midi.file import MidiTimeline
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.performers.passthrough.stream import PassthroughStream
from engine.runtime.loop import Engine
from engine.runtime.sources import FileSource


def engine_for(stream, sink, events):
    clock = MonotonicClock()
    return Engine(FileSource(MidiTimeline(events), clock), DelayingPerformer(), stream, [sink], clock)


def sounding(sent):
    pitches = []
    for event in sent:
        (pitches.append if is_note_on(event.message) else pitches.remove)(event.message[1])
    return pitches


def test_everything_arrives_in_order_while_the_performer_thinks():
    sink = WatchedSink()
    report = engine_for(DelayingStream(lambda event: time.sleep(0.005)), sink, timeline()).run()
    assert [event.message for event in sink.sent] == [event.message for event in timeline()]
    assert sink.threads == {"sender"}
    assert (report.events_out, sink.ended) == (12, "closed")


def test_what_is_due_is_sent_while_the_performer_is_still_thinking():
    """The last event's thinking ends only when the first note has been sent: on one thread it never would be."""
    sink, sent = WatchedSink(), threading.Event()
    send = sink.send

    def send_and_tell(event):
        send(event)
        sent.set()

    sink.send = send_and_tell
    waited = []
    events = timeline(2)

    def think(event):
        if event.message == events[-1].message:
            waited.append(sent.wait(timeout=10))

    engine_for(DelayingStream(think), sink, events).run()
    assert waited == [True]


def test_stop_ends_what_sounds_and_sends_nothing_more():
    sink = WatchedSink()
    events = [Event(0, note_on(0, 60, 64)), Event(60_000_000_000, note_off(0, 60))]
    engine = engine_for(DelayingStream(), sink, events)
    started = threading.Event()
    send = sink.send
    sink.send = lambda event: (send(event), started.set())
    runner = threading.Thread(target=engine.run)
    runner.start()
    assert started.wait(timeout=10)
    engine.stop()
    runner.join(timeout=10)
    assert not runner.is_alive()
    assert sounding(sink.sent) == [] and len(sink.sent) == 2


@pytest.mark.parametrize("create", [lambda: (DelayingPerformer(), DelayingStream()), lambda: (PassthroughPerformer(), PassthroughStream())])
def test_live_others_go_on_without_a_sink_that_fails(create, capsys):
    events = timeline()
    sinks = [WatchedSink(refuse=events[2].message), WatchedSink()]
    clock = MonotonicClock()
    engine = Engine(FileSource(MidiTimeline(events), clock), *create(), sinks, clock)
    with pytest.raises(PerfLiveError) as caught:
        engine.run()
    line = "an output has failed: the sink is gone; the others go on"
    assert str(caught.value) == line and caught.value.reported
    assert capsys.readouterr().err.count(line) == 1
    assert [event.message for event in sinks[1].sent] == [event.message for event in events]
    assert [sink.ended for sink in sinks] == ["aborted", "closed"]


def test_the_last_sink_that_fails_ends_the_run_with_its_line():
    events = timeline()
    sink = WatchedSink(refuse=events[2].message)
    with pytest.raises(PerfLiveError, match="^the sink is gone$"):
        engine_for(DelayingStream(), sink, events).run()
    assert sink.sent[-1].message == note_off(0, 61) and sink.ended == "closed"


def test_a_performer_that_fails_live_costs_no_note():
    """What it held back for its look-ahead goes out when it is due, and so does what comes after."""

    def think(event):
        if event.message == note_on(0, 61, 64):
            raise ValueError("broken")

    events = [
        Event(0, note_on(0, 60, 64)),
        Event(50_000_000, note_on(0, 61, 64)),
        Event(60_000_000, note_off(0, 60)),
        Event(70_000_000, note_off(0, 61)),
    ]
    sink = WatchedSink()
    report = engine_for(DelayingStream(think), sink, events).run()
    assert [event.message for event in sink.sent] == [event.message for event in events]
    assert [event.time_ns - sink.sent[0].time_ns for event in sink.sent] == [event.time_ns for event in events]
    assert (report.failures, report.passed) == (1, 1)
