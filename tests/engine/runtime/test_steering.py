"""What a run is told while it plays: silence, controls, recordings; and that nothing of it costs a note."""

import threading
import time
from pathlib import Path

import pytest
from command_line import ScaledPerformer
from engine_runs import MS, LookAheadPerformer, assert_nothing_sounds
from sender_runs import DelayingPerformer, DelayingStream
from steered_runs import steer

from engine.base.clock import MonotonicClock
from engine.midi.events import Event, control_change, is_note_on, note_off, note_on
from engine.midi.file import read_midi_file
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.runtime.steering.requests import MOST_WAITING, Asker, Command, Steering

CHORD = [
    Event(0, control_change(2, 64, 127)),
    Event(0, note_on(2, 60, 80)),
    Event(0, note_on(2, 64, 80)),
    Event(400 * MS, note_off(2, 60)),
    Event(400 * MS, note_off(2, 64)),
    Event(400 * MS, control_change(2, 64, 0)),
]


def test_panic_releases_what_sounds_on_the_channels_that_were_used_and_nothing_else():
    _, sink, source, _ = steer(CHORD, [(200 * MS, "panic")], PassthroughPerformer())
    silenced = [event.message for event in sink.sent if event.time_ns == 200 * MS]
    assert silenced[:3] == [note_off(2, 60), note_off(2, 64), control_change(2, 64, 0)]
    assert silenced[3:] == [b"\xb2\x40\x00", b"\xb2\x78\x00", b"\xb2\x7b\x00"]  # pedal up, All Sound Off, All Notes Off
    assert source.said == ["silent"]


class Holding(LookAheadPerformer):
    """Holds all back until it is due."""

    def create_stream(self, seed, controls):
        stream = super().create_stream(seed, controls)
        stream.reset = stream.finish  # forgets what it holds
        return stream


class Planning(DelayingPerformer):
    """Lets the sender hold it."""

    def create_stream(self, seed, controls):
        return DelayingStream()


@pytest.mark.parametrize("performer", [Holding(), Planning()])
def test_panic_takes_back_what_was_planned(performer):
    """What was played less than a look-ahead ago is never heard."""
    events = [Event(0, note_on(0, 50, 1)), Event(170 * MS, note_on(0, 60, 1)), Event(300 * MS, note_on(0, 70, 1))]
    _, sink, _, _ = steer(events, [(200 * MS, "panic")], performer)
    assert [event.message[1] for event in sink.sent if is_note_on(event.message)] == [50, 70]
    assert_nothing_sounds(sink.sent)


def test_panic_is_heard_at_once_where_another_thread_sends():
    clock = MonotonicClock()
    events = [*CHORD[:3], Event(500 * MS, b"\xc0\x00")]
    _, sink, source, _ = steer(events, [(150 * MS, "panic"), (400 * MS, "status")], LookAheadPerformer(), clock=clock)
    offs = [at for event, at in zip(sink.sent, sink.sent_at_ns, strict=True) if event.message == note_off(2, 60)]
    assert len(offs) == 1 and source.said[0] == "silent"
    assert_nothing_sounds(sink.sent)


def test_what_is_muted_goes_on_unheard():
    events = [*CHORD, Event(500 * MS, note_on(2, 66, 1)), Event(600 * MS, note_off(2, 66)), Event(700 * MS, b"\xc2\x05")]
    _, sink, source, _ = steer(events, [(200 * MS, "mute"), (450 * MS, "mute off")], PassthroughPerformer())
    sent = [(event.time_ns // MS, event.message) for event in sink.sent]
    assert [message for time_ms, message in sent if time_ms == 200] == [note_off(2, 60), note_off(2, 64), control_change(2, 64, 0)]
    assert (500, note_on(2, 66, 1)) in sent and source.said == ["muted", "heard"]
    _, sink, _, _ = steer(events, [(200 * MS, "mute")], PassthroughPerformer())
    assert [event.message[1] for event in sink.sent if is_note_on(event.message)] == [60, 64]
    assert sink.sent[-1].message == b"\xc2\x05"


def test_controls_are_set_learnt_and_kept_from_the_output():
    requests = [(0, "set gain 2"), (30 * MS, "mood on"), (50 * MS, "learn gain!"), (80 * MS, "status")]
    events = [
        Event(10 * MS, note_on(0, 60, 20)),
        Event(40 * MS, control_change(0, 7, 5)),
        Event(60 * MS, control_change(0, 21, 127)),
        Event(70 * MS, control_change(0, 21, 0)),
        Event(90 * MS, note_on(0, 61, 20)),
    ]
    _, sink, source, _ = steer(events, requests, ScaledPerformer())
    assert source.said[:4] == ["gain 2", "mood on", "move the controller that is to set gain", "controller 21 moves gain"]
    assert source.said[4].startswith("scaled plays; gain 0, mood on; controller 21 moves gain; 1 note played, ")
    assert [event.message for event in sink.sent[:3]] == [note_on(0, 60, 40), control_change(0, 7, 5), note_on(0, 61, 1)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("panik", "panik: not a command; did you mean 'panic'?"),
        ("gian 1", "gian 1: not a command; did you mean 'gain'?"),
        ("xyzzy", "xyzzy: not a command; type help for what there is"),
        ("set gain 3", "set gain 3: control 'gain': got 3, allowed: 0 to 2 x"),
        ("set gian 1", "set gian 1: no control is called 'gian'; allowed: gain, mood; did you mean 'gain'?"),
        ("set gain", "set gain: expected set CONTROL VALUE"),
        ("gain", "gain: expected gain VALUE"),
        ("gain 1 2", "gain 1 2: expected gain VALUE"),
        ("mute maybe", "mute maybe: got 'maybe', allowed: on, off"),
        ("learn nothing", "learn nothing: no control is called 'nothing'; allowed: gain, mood"),
    ],
)
def test_a_wrong_line_is_told_in_one_line_and_costs_nothing(line, told):
    _, sink, source, _ = steer(CHORD, [(100 * MS, line)], ScaledPerformer())
    assert (source.said, source.refused) == ([], [told])
    assert [event.message for event in sink.sent] == [event.message for event in CHORD]


def test_a_recording_begins_and_ends_while_it_plays(tmp_path: Path):
    clock, take = MonotonicClock(), tmp_path / "take.mid"
    requests = [(0, f"record {take}"), (250 * MS, "status"), (260 * MS, "record off")]
    requests += [(390 * MS, f"record {take}"), (395 * MS, "record x.txt")]
    events = [Event(200 * MS, note_on(0, 60, 9)), Event(400 * MS, note_off(0, 60))]
    _, _, source, _ = steer(events, requests, PassthroughPerformer(), clock=clock)
    wait_for(lambda: len(source.refused) == 2)
    assert source.said[0] == f"records {take}" and source.said[1].endswith(f"; records {take}") and source.said[2] == f"kept {take}"
    assert f"{str(take)!r} is there already" in source.refused[0] and "ends in .mid" in source.refused[1]
    assert [event.message for event in read_midi_file(take).events] == [note_on(0, 60, 9), note_off(0, 60)]


def test_the_threads_that_ask_are_answered_in_order_and_a_flood_is_told_so():
    said: list[str] = []
    refused: list[str] = []
    woken = threading.Event()
    steering = Steering(woken.set)
    steering.add([Command("count NUMBER", "", lambda words, asker: words[0])])
    for number in range(MOST_WAITING + 1):
        steering.post(["count", str(number)], Asker(said.append, refused.append))
    assert woken.is_set() and len(refused) == 1 and "send fewer" in refused[0]
    while len(said) < MOST_WAITING:
        woken.clear()
        steering.obey()
    assert said == [str(number) for number in range(MOST_WAITING)]


def test_a_command_that_fails_costs_only_itself():
    refused: list[str] = []
    steering = Steering(lambda: None)

    def fail(words, asker):
        raise ZeroDivisionError("a defect\nof two lines")

    steering.add([Command("fail", "", fail)])
    steering.post(["fail"], Asker(print, refused.append))
    steering.obey()
    assert refused == ["fail: ZeroDivisionError: a defect of two lines"]


def wait_for(done):
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_refusal_is_one_line_whatever_was_asked_for():
    """A typed line has no line breaks in it; the address of an OSC message may have."""
    refused: list[str] = []
    steering = Steering(lambda: None)
    steering.post(["no\nsuch", "\r\n1"], Asker(print, refused.append))
    steering.obey()
    assert refused == ["no such 1: not a command; type help for what there is"]
