"""A performer that fails or does not answer: live it is left out, no note is lost or stuck, and it is tried again."""

import queue
import threading
import time

import numpy as np
import onnx
import pytest
from engine_runs import MS, assert_nothing_sounds
from onnx import helper, numpy_helper

from engine.base.clock import MonotonicClock, VirtualClock
from engine.midi.events import Event, control_change, is_note_on, note_off, note_on
from engine.performers.counts import WindowCounts
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.performers.passthrough.stream import PassthroughStream
from engine.performers.velocity.controls import CONTROLS
from engine.performers.velocity.networks import VelocityModel
from engine.performers.velocity.performer import VelocityPerformer
from engine.runtime.guarding import guard
from engine.runtime.guarding.guard import GuardedStream, Overtaken
from engine.runtime.loop import Engine
from engine.runtime.sinks import CollectingSink
from engine.runtime.sources import PortSource
from models.pretrained import pretrained
from models.velocity.representation import LOWEST_PITCH

PATIENCE_S = 30


@pytest.fixture
def lines(monkeypatch):
    """What is said."""
    said = []
    monkeypatch.setattr(guard, "say", said.append)
    return said


@pytest.fixture
def soon(monkeypatch):
    """It is tried again soon."""
    monkeypatch.setattr(guard, "FIRST_PAUSE_NS", 5 * MS)
    monkeypatch.setattr(guard, "LONGEST_PAUSE_NS", 5 * MS)


class Port:
    """An input port that a test plays."""

    def __init__(self):
        self.inbox = queue.SimpleQueue()

    def play(self, *messages):
        for message in messages:
            self.inbox.put(Event(time.monotonic_ns(), message))

    def close(self):
        pass


class Louder(PassthroughStream):
    """Adds one to each velocity. ``before`` is called before each event; ``resets`` counts how often it began anew."""

    def __init__(self, before=lambda event: None):
        self.before, self.resets, self.controls = before, 0, {}

    def feed(self, event, late=False):
        self.before(event)
        message = event.message
        return [event._replace(message=note_on(0, message[1], message[2] + 1)) if is_note_on(message) else event]

    def reset(self):
        self.resets += 1

    def set_control(self, name, value):
        self.controls[name] = value


class Stage:
    """An engine that runs live in a thread of its own, between a port and a sink."""

    def __init__(self, stream, sinks=None):
        self.port, self.sink = Port(), CollectingSink()
        clock = MonotonicClock()
        self.engine = Engine(PortSource(self.port, clock), PassthroughPerformer(), stream, [self.sink, *(sinks or ())], clock)
        self.failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            self.engine.run()
        except BaseException as error:
            self.failure = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.engine.stop()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        assert_nothing_sounds(self.sink.sent)

    def wait_for(self, count):
        wait(lambda: len(self.sink.sent) >= count)
        return [event.message for event in self.sink.sent]


def wait(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


CHORD = [note_on(0, 60, 64), note_on(0, 64, 64), note_on(0, 67, 64)]
ENDS = [note_off(0, 60), note_off(0, 64), note_off(0, 67)]


def test_a_performer_that_raises_is_left_out_said_once_and_tried_again(lines, soon):
    def fail(event):
        if stream.resets == 0 and event.message[1] == 64:
            raise ValueError("two\nlines")

    stream = Louder(fail)
    with Stage(stream) as stage:
        stage.port.play(*CHORD[:2])
        assert stage.wait_for(2) == [note_on(0, 60, 65), note_on(0, 64, 64)]
        wait(lambda: stream.resets)
        stage.port.play(*ENDS[:2], CHORD[2], ENDS[2])
        assert stage.wait_for(6)[2:] == [*ENDS[:2], note_on(0, 67, 65), ENDS[2]]
    assert lines == ["performer 'passthrough' failed: ValueError: two lines; notes go out as they came, and it is tried again in 0.005 s"]
    report = stage.engine.report()
    assert (report.notes, report.failures, report.passed) == (3, 1, 1)


def test_a_performer_that_goes_on_failing_says_so_once_and_is_tried_less_and_less_often(lines, monkeypatch):
    def fail(event):
        raise ValueError("broken")

    clock = VirtualClock()
    guarded = GuardedStream(Louder(fail), "louder", 0, clock, resumes=False)
    tried_ns = []
    for _ in range(8):
        guarded.feed(Event(clock.now_ns(), note_on(0, 60, 64)), False)
        clock.sleep_until(guarded.next_due_ns())
        tried_ns.append(clock.now_ns())
        guarded.advance(clock.now_ns())
    assert [time_ns // 10**9 for time_ns in tried_ns] == [2, 6, 14, 30, 62, 122, 182, 242]
    assert len(lines) == 1
    assert (guarded.failures, guarded.passed) == (8, 8)


def test_controls_that_are_set_meanwhile_hold_when_it_plays_again(lines):
    def fail(event):
        if stream.resets == 0:
            raise ValueError("broken")

    clock, stream = VirtualClock(), Louder(fail)
    guarded = GuardedStream(stream, "louder", 0, clock, resumes=False)
    guarded.feed(Event(0, control_change(0, 64, 127)), False)
    guarded.set_control("level", 3.0)
    assert stream.controls == {}
    heard = []
    stream.before = heard.append
    clock.sleep_until(guarded.next_due_ns())
    assert guarded.advance(clock.now_ns()) == []
    assert (stream.resets, stream.controls) == (1, {"level": 3.0})
    assert [event.message for event in heard] == [control_change(0, 64, 127)]  # the pedal is still down
    clock.sleep_until(clock.now_ns() + guard.STEADY_NS)
    guarded.feed(Event(clock.now_ns(), note_on(0, 60, 1)), False)
    assert lines[1:] == ["performer 'louder' plays again"]


@pytest.mark.parametrize("method", ["foresee", "next_due_ns", "rest", "finish", "set_control", "advance"])
def test_whatever_fails_no_note_is_lost(lines, method):
    class Broken(Louder):
        pass

    def fail(self, *arguments):
        raise ZeroDivisionError("a defect")

    setattr(Broken, method, fail)
    guarded = GuardedStream(Broken(), "broken", 0, VirtualClock(), resumes=False)
    before, after = Event(0, note_on(0, 60, 64)), Event(1, note_on(0, 62, 64))
    sent = guarded.feed(before, False)
    arguments = {"foresee": ([after],), "set_control": ("level", 1.0), "advance": (0,)}.get(method, ())
    getattr(guarded, method)(*arguments)
    sent += guarded.feed(after, False)
    assert [event.message for event in sent] == [note_on(0, 60, 65), note_on(0, 62, 64)]
    assert len(lines) == 1


def test_a_call_that_hangs_keeps_neither_the_notes_nor_the_end(lines, soon):
    """The note in the call, those of its chord and those that follow go out as they came; when the call returns its answer is void."""
    let_go, hanging = threading.Event(), threading.Event()

    def hang(event):
        if event.message[1] == 64 and not stream.resets:
            hanging.set()
            let_go.wait()

    stream = Louder(hang)
    with Stage(stream) as stage:
        stage.port.play(*CHORD)
        assert stage.wait_for(3) == [note_on(0, 60, 65), *CHORD[1:]]
        assert hanging.is_set() and not let_go.is_set()
        stage.port.play(*ENDS[:2])
        assert stage.wait_for(5)[3:] == ENDS[:2]
        assert stream.resets == 0  # the call has the stream
        let_go.set()
        wait(lambda: stream.resets)
        stage.port.play(ENDS[2], note_on(0, 72, 10), note_off(0, 72))
        assert stage.wait_for(8)[5:] == [ENDS[2], note_on(0, 72, 11), note_off(0, 72)]
    assert lines[0].startswith("performer 'passthrough' does not answer; notes go out as they came")
    assert stage.failure is None
    assert (stage.engine.report().notes, stage.engine.report().events_in) == (4, 8)


def test_a_stream_that_is_still_in_its_call_is_not_tried_again(lines):
    let_go = threading.Event()
    clock, stream = VirtualClock(), Louder(lambda event: let_go.wait())
    guarded = GuardedStream(stream, "louder", 0, clock, resumes=False)
    ended = queue.SimpleQueue()

    def play():
        try:
            guarded.feed(Event(0, note_on(0, 60, 64)), False)
        except Overtaken:
            ended.put("overtaken")

    threading.Thread(target=play, daemon=True).start()
    wait(lambda: guarded.is_kept(1))
    assert guarded.overtake() and not guarded.overtake()

    def try_again():
        clock.sleep_until(guarded.next_due_ns())
        guarded.advance(clock.now_ns())
        return stream.resets

    assert [try_again(), try_again()] == [0, 0]
    let_go.set()
    assert ended.get(timeout=PATIENCE_S) == "overtaken"
    assert try_again() == 1


def test_a_call_that_never_returns_does_not_keep_the_run_from_its_end(lines):
    stream = Louder(lambda event: threading.Event().wait())
    with Stage(stream) as stage:
        stage.port.play(CHORD[0])
        stage.wait_for(1)
    assert [event.message for event in stage.sink.sent] == [CHORD[0], ENDS[0]]
    assert stage.engine.report().stopped


def test_a_score_that_hangs_is_waited_for_until_the_end(lines):
    """Its answer is the music: nothing would be gained by dropping it."""
    let_go = threading.Event()

    class Score(Louder):
        answered = False

        def advance(self, now_ns):
            let_go.wait()
            self.answered = True
            return [Event(now_ns, note_on(0, 60, 64))]

        def next_due_ns(self):
            return None if self.answered else 0

    port, sink, clock = Port(), CollectingSink(), MonotonicClock()
    engine = Engine(PortSource(port, clock), PassthroughPerformer(), Score(), [sink], clock, score=True)
    thread = threading.Thread(target=engine.run, daemon=True)
    thread.start()
    time.sleep(0.3)
    let_go.set()
    wait(lambda: sink.sent)
    engine.stop()
    thread.join(PATIENCE_S)
    assert not lines and [event.message for event in sink.sent] == [note_on(0, 60, 64), note_off(0, 60)]


class Partner(PassthroughStream):
    """Plays a note of its own at each note that comes, and never ends it."""

    def __init__(self, fails_at):
        self._fails_at = fails_at

    def feed(self, event, late=False):
        if event.message[1] == self._fails_at:
            raise ValueError("broken")
        own = [event._replace(message=note_on(5, event.message[1] + 12, 80))] if is_note_on(event.message) else []
        return [event, *own]


def test_notes_that_it_began_by_itself_end_with_it_and_those_of_the_player_do_not(lines):
    with Stage(Partner(62)) as stage:
        stage.port.play(note_on(0, 60, 64), note_on(0, 62, 64))
        assert stage.wait_for(4) == [note_on(0, 60, 64), note_on(5, 72, 80), note_off(5, 72), note_on(0, 62, 64)]
        stage.port.play(note_off(0, 60), note_off(0, 62))
        assert stage.wait_for(6)[4:] == [note_off(0, 60), note_off(0, 62)]


LATENCY_NS = 100 * MS


class Holding(PassthroughStream):
    """Holds all back for its look-ahead; decides notes of an even pitch at 60 ms, and moves them."""

    def __init__(self):
        self._held = []

    def feed(self, event, late=False):
        moved_ns = 30 * MS if is_note_on(event.message) else 0
        self._held.append(event._replace(time_ns=event.time_ns + LATENCY_NS + moved_ns))
        return []

    def next_due_ns(self):
        return 60 * MS

    def advance(self, now_ns):
        sent = [event for event in self._held if event.message[1] % 2 == 0]
        self._held = []
        return [*sent, Event(now_ns, control_change(0, 64, 90))]


def test_what_a_look_ahead_holds_back_leaves_when_it_is_due_and_no_note_ends_before_it_begins(lines):
    guarded = GuardedStream(Holding(), "holding", LATENCY_NS, VirtualClock(70 * MS), resumes=False)
    for time_ms, message in ((0, note_on(0, 60, 64)), (10, note_on(0, 61, 64)), (20, control_change(0, 1, 5))):
        assert guarded.feed(Event(time_ms * MS, message), False) == []
    decided = guarded.advance(60 * MS)
    assert decided == [Event(130 * MS, note_on(0, 60, 64)), Event(60 * MS, control_change(0, 64, 90))]
    guarded.tell(lambda: 1 / 0)
    rest = guarded.feed(Event(25 * MS, note_off(0, 60)), False)
    rest += guarded.feed(Event(90 * MS, note_off(0, 61)), False)
    assert rest == [
        Event(70 * MS, control_change(0, 64, 0)),  # the pedal was the performer's
        Event(110 * MS, note_on(0, 61, 64)),
        Event(120 * MS, control_change(0, 1, 5)),
        Event(130 * MS, note_off(0, 60)),  # not at 125 ms, before the note begins
        Event(190 * MS, note_off(0, 61)),
    ]


def broken_at(pitch_index, folder):
    """Return the velocity model that ships, made to answer NaN for one pitch."""
    answer, memory = (onnx.load(pretrained(name, None)) for name in ("velocity.onnx", "velocity_memory.onnx"))
    for node in answer.graph.node:
        node.output[:] = ["whole" if name == "quantiles" else name for name in node.output]
        node.input[:] = ["whole" if name == "quantiles" else name for name in node.input]
    answer.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([pitch_index]), "broken_pitch"),
            numpy_helper.from_array(np.array([1]), "broken_axis"),
            numpy_helper.from_array(np.array(np.nan, np.float32), "broken_value"),
        ]
    )
    answer.graph.node.extend(
        [
            helper.make_node("Equal", ["pitch", "broken_pitch"], ["broken_rows"]),
            helper.make_node("Unsqueeze", ["broken_rows", "broken_axis"], ["broken_columns"]),
            helper.make_node("Where", ["broken_columns", "broken_value", "whole"], ["quantiles"]),
        ]
    )
    onnx.save(answer, folder / "broken.onnx")
    onnx.save(memory, folder / "broken_memory.onnx")
    return folder / "broken.onnx"


def test_a_model_that_answers_nan_is_left_out_and_plays_again(lines, soon, tmp_path):
    performer = VelocityPerformer([VelocityModel.open(broken_at(60 - LOWEST_PITCH, tmp_path))], CONTROLS)
    with Stage(performer.create_stream(0, {"level": 1})) as stage:
        stage.port.play(note_on(0, 62, 1))
        assert stage.wait_for(1)[0][2] > 1  # its own level is louder than that
        stage.port.play(note_on(0, 60, 1))
        assert stage.wait_for(2)[1] == note_on(0, 60, 1)
        wait(lambda: not stage.engine._performed._guarded._left_out)
        stage.port.play(note_on(0, 64, 1))
        assert stage.wait_for(3)[2][2] > 1
    assert len(lines) == 1 and "broken.onnx: the model's output 'quantiles' is no finite number" in lines[0]


def test_windows_that_fail_are_said_once_while_the_music_goes_on(lines):
    stream = Louder()
    stream.counts = WindowCounts()
    guarded = GuardedStream(stream, "louder", 0, VirtualClock(), resumes=False)
    for _ in range(3):
        stream.counts.fail(ValueError("no numbers"))
        assert guarded.feed(Event(0, note_on(0, 60, 1)), False) == [Event(0, note_on(0, 60, 2))]
    assert lines == ["performer 'louder' failed: ValueError: no numbers; the music goes on without, and it is tried again each time"]
    assert (guarded.failures, stream.counts.failed) == (0, 3)
