"""The benchmarks run and count right. What they measure depends on the machine and is not tested."""

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engine.base.command_line import run
from engine.bench import live, render, velocity
from engine.bench.measuring.delivery import LOST, Answers, Delivery
from engine.bench.measuring.figures import Distribution, describe
from engine.bench.measuring.machine import one_core, resident_bytes
from engine.bench.measuring.parameters import count_parameters
from engine.bench.measuring.takes import BIG_CHORD_NOTES, CLOCK, KEYS, live_pattern, piano_take
from engine.commands.bench import app
from engine.midi.events import control_change, is_note_off, is_note_on, note_off, note_on
from engine.midi.ledger import NoteLedger
from models.pretrained import pretrained

MS = 1_000_000
NOTHING_WRONG = {"lost": 0, "changed": 0, "extra": 0, "out_of_order": 0, "stuck_notes": 0, "sustain_identical": True}
BENCH = "from engine.commands.bench import main; main()"


@pytest.fixture
def bench(capfd):
    """A function that runs the command line and returns its exit status and what it printed on standard output and standard error."""

    def call(*arguments):
        capfd.readouterr()
        status = run(app, "perf-bench", [str(argument) for argument in arguments])
        return status, *capfd.readouterr()

    return call


def report_of(ended):
    status, output, error = ended
    assert (status, error) == (0, "")
    return json.loads(output)


def assert_refused(ended, expected_status, *fragments):
    status, output, error = ended
    assert (status, output, error.count("\n")) == (expected_status, "", 1)
    for fragment in fragments:
        assert fragment in error


def messages_of(slots):
    return [message for slot in slots for message in (*slot.together, *slot.between)]


def test_the_live_pattern_is_as_dense_as_it_says_and_releases_everything():
    slots = live_pattern(60, seed=1)
    messages = messages_of(slots)
    notes = sum(map(is_note_on, messages))
    assert all(25 * MS <= slot.duration_ns <= 40 * MS for slot in slots)
    assert 49 < notes / 60 < 53
    assert sum(sum(map(is_note_on, slot.together)) == BIG_CHORD_NOTES for slot in slots) == 30
    assert not any(is_note_on(message) for slot in slots for message in slot.between)
    assert sum(map(is_note_off, messages)) == notes
    assert len({message[2] for message in messages if is_note_off(message)}) > 100
    assert {message[0] & 0xF0 for message in messages} == {0x80, 0x90, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0, 0xF0}
    assert CLOCK in messages
    ledger = NoteLedger()
    for message in messages:
        ledger.observe(message)
    assert ledger.release_all() == []


def test_no_note_of_the_live_pattern_is_struck_while_it_sounds():
    sounding = set()
    for message in messages_of(live_pattern(20)):
        if is_note_on(message):
            assert message[1] not in sounding
            sounding.add(message[1])
        elif is_note_off(message):
            sounding.remove(message[1])


def test_patterns_and_takes_depend_on_their_seed_alone():
    assert live_pattern(3, seed=2) == live_pattern(3, seed=2) != live_pattern(3, seed=3)
    assert piano_take(50, 10, seed=2) == piano_take(50, 10, seed=2) != piano_take(50, 10, seed=3)


def test_a_take_has_its_notes_in_order_of_time():
    events = piano_take(1000, notes_per_s=20)
    assert [event.time_ns for event in events] == sorted(event.time_ns for event in events)
    assert sum(is_note_on(event.message) for event in events) == sum(is_note_off(event.message) for event in events) == 1000
    assert {event.message[1] for event in events if is_note_on(event.message)} == set(KEYS)
    assert 45 < events[-1].time_ns / 1e9 < 55


SENT = [note_on(0, 60, 64), control_change(0, 64, 127), CLOCK, note_off(0, 60, 33), CLOCK, control_change(0, 64, 0)]
SENT_NS = [index * 100 * MS for index in range(len(SENT))]


def answers(received):
    """``received``: (index of what it answers, message) in order of arrival, each one millisecond after that was sent."""
    return Answers(SENT, SENT_NS, [(SENT_NS[index] + MS, message) for index, message in received])


def test_a_velocity_may_change_and_every_message_gets_its_own_time():
    received = answers([(0, note_on(0, 60, 5)), *list(enumerate(SENT))[1:]])
    assert received.latencies_ns.tolist() == [MS] * len(SENT)
    assert received.delivery() == Delivery(sent=6, received=6, **NOTHING_WRONG)


@pytest.mark.parametrize(
    ("received", "wrong"),
    [
        ([(0, SENT[0]), *list(enumerate(SENT))[2:]], {"received": 5, "lost": 1, "sustain_identical": False}),
        (list(enumerate(SENT))[1:], {"received": 5, "lost": 1}),
        ([*list(enumerate(SENT))[:3], *list(enumerate(SENT))[4:]], {"received": 5, "lost": 1, "stuck_notes": 1}),
        ([*list(enumerate(SENT))[:3], (3, note_off(0, 60, 64)), *list(enumerate(SENT))[4:]], {"changed": 1}),
        ([*enumerate(SENT[:5]), (5, control_change(0, 64, 1))], {"changed": 1, "sustain_identical": False}),
        ([*enumerate(SENT), (5, b"\xc0\x01")], {"received": 7, "extra": 1}),
        ([*enumerate(SENT[:5]), (5, b"\xc0\x01")], {"lost": 1, "extra": 1, "sustain_identical": False}),
        ([*enumerate(SENT), (5, SENT[1])], {"received": 7, "extra": 1, "sustain_identical": False}),
        ([(0, SENT[0]), (2, SENT[2]), (2, SENT[1]), *list(enumerate(SENT))[3:]], {"out_of_order": 1}),
    ],
    ids=[
        "control lost", "note lost", "release lost", "release changed", "pedal changed",
        "never sent", "lost and never sent", "twice", "overtaken",
    ],
)
def test_what_goes_wrong_on_the_way_is_counted(received, wrong):
    assert dataclasses.asdict(answers(received).delivery()) == {"sent": 6, "received": 6, **NOTHING_WRONG, **wrong}


def test_a_lost_message_has_no_latency_and_its_like_a_second_later_is_no_answer():
    sent_ns = [0, 2_000 * MS]
    received = Answers([CLOCK, CLOCK], sent_ns, [(2_001 * MS, CLOCK)])
    assert received.arrivals_ns.tolist() == [LOST, 2_001 * MS]
    assert math.isnan(received.latencies_ns[0]) and received.latencies_ns[1] == MS


def test_where_all_came_back_each_is_the_answer_to_its_own_however_late():
    """A machine that stood still for two seconds has lost nothing."""
    messages, sent_ns = [CLOCK, *SENT] * 3, [index * 100 * MS for index in range(3 * (1 + len(SENT)))]
    received = Answers(messages, sent_ns, [(sent_ns[-1] + 2_000 * MS, message) for message in messages])
    assert received.delivery() == Delivery(sent=len(messages), received=len(messages), **NOTHING_WRONG)
    assert received.latencies_ns.tolist() == [2_000 * MS + sent_ns[-1] - each for each in sent_ns]


def test_a_distribution_is_in_milliseconds():
    assert describe([MS] * 98 + [3 * MS] * 2) == Distribution(count=100, median_ms=1.0, p99_ms=3.0, maximum_ms=3.0)


def test_weights_are_counted_in_the_file_and_other_constants_are_not():
    arrays = [np.zeros((3, 5), np.float32), np.zeros((7, 2), np.int8), np.zeros((4,), np.int64), np.array(1, np.uint8)]
    tensors = [numpy_helper.from_array(array, str(number)) for number, array in enumerate(arrays)]
    nodes = [helper.make_node("Identity", ["0"], ["out"])]
    output = helper.make_tensor_value_info("out", TensorProto.FLOAT, [3, 5])
    model = helper.make_model(helper.make_graph(nodes, "graph", [], [output], tensors))
    assert count_parameters(model.SerializeToString()) == 3 * 5 + 7 * 2 + 1


def test_the_parameters_of_the_model_that_ships_are_those_that_onnx_finds():
    path = pretrained("velocity.onnx")
    weights = [tensor for tensor in onnx.load(path).graph.initializer if tensor.data_type in (1, 2, 3)]
    assert count_parameters(path.read_bytes()) == sum(math.prod(tensor.dims) for tensor in weights)


def test_memory_is_that_of_the_process():
    assert 1_000_000 < resident_bytes(os.getpid()) < 100_000_000_000


def test_one_core_is_given_back():
    before = os.sched_getaffinity(0)
    with one_core() as alone:
        assert alone and len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


@pytest.mark.jack
@pytest.mark.parametrize("performer", ["passthrough", "velocity"])
def test_live_nothing_is_lost_changed_or_left_sounding(jack_server, bench, performer):
    report = report_of(bench("live", "--seconds", 1, "--performer", performer, "--json"))
    messages = messages_of(live_pattern(1))
    notes = sum(map(is_note_on, messages))
    assert report["echo"] == report["perf_live"] == {"sent": len(messages), "received": len(messages), **NOTHING_WRONG}
    assert report["note_ons"]["difference"]["count"] == notes
    moments = sum(any(map(is_note_on, slot.together)) for slot in live_pattern(1))
    assert report["first_note_ons"]["difference"]["count"] == moments < notes
    assert report["others"]["difference"]["count"] == len(messages) - notes
    assert 0 < report["others_apart"]["difference"]["count"] < len(messages) - notes
    assert report["big_chords"] == report["chord_spread"]["perf_live"]["count"] == 1
    assert report["perf_live_says"].startswith(f"stopped: {notes} notes")


@pytest.mark.jack
def test_live_as_a_table(jack_server, bench):
    status, output, error = bench("live", "--seconds", 1, "--performer", "passthrough")
    assert (status, error) == (0, "")
    for fragment in ("beside a bare echo", "note-ons", "spread of ten-note chords", "prober", "ready in"):
        assert fragment in output


@pytest.mark.jack
def test_live_starts_a_server_of_its_own_and_an_interrupt_leaves_none(jack_server):
    environment = {name: value for name, value in os.environ.items() if name != "JACK_DEFAULT_SERVER"}
    process = subprocess.Popen(
        [sys.executable, "-c", BENCH, "live", "--seconds", "60", "--performer", "passthrough"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: any("engine.commands.live" in child for child in children_of(process.pid)))
    children = children_of(process.pid)
    assert any("jackd" in child for child in children) and any("engine.bench.measuring.echo" in child for child in children)
    numbers = [child.partition(" ")[0] for child in children]
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert (process.returncode, output, error.count("\n")) == (1, "", 1)
    assert "stopped before the end" in error
    assert not any(os.path.exists(f"/proc/{number}") for number in numbers)


def children_of(process_id):
    """The numbers and command lines of a process's children."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(process_id)], capture_output=True, text=True)
    return [line.strip() for line in listed.stdout.splitlines()]


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_live_without_a_server_or_a_performer_is_one_line(bench, monkeypatch):
    assert_refused(bench("live", "--performer", "velocitty"), 2, "no performer is called 'velocitty'", "passthrough, velocity")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "perf-live-none")
    assert_refused(bench("live", "--seconds", 1), 1, "start a JACK server")
    monkeypatch.delenv("JACK_DEFAULT_SERVER")
    monkeypatch.setenv("PATH", "")
    assert_refused(bench("live", "--seconds", 1), 1, "jackd is not installed", "install jackd2")


@pytest.mark.jack
def test_a_program_under_test_that_fails_is_one_line(jack_server, bench, monkeypatch):
    monkeypatch.setattr(live, "PERF_LIVE", "import sys; sys.exit('perf-live: no such thing')")
    assert_refused(bench("live", "--seconds", 1), 1, "perf-live has ended with status 1: perf-live: no such thing")


def test_velocity_reports_every_figure(bench, monkeypatch):
    amounts = velocity.Amounts(hot_calls=30, paced_calls=5, take_notes=150)
    monkeypatch.setattr(velocity, "Amounts", lambda: amounts)
    monkeypatch.setattr(velocity, "MINUTE_NOTES", 60)
    report = report_of(bench("velocity", "--json"))
    for name in ("step", "note", "reference"):
        assert (report[name]["hot"]["count"], report[name]["paced"]["count"]) == (30, 5)
    assert report["take"]["notes"] == 150
    assert report["on_one_core"] is True
    _, output, _ = bench("velocity")
    assert "performer's note, paced" in output and "memory grew by" in output


def test_render_reports_every_figure(bench, monkeypatch):
    monkeypatch.setattr(render, "NOTES", 200)
    report = report_of(bench("render", "--json"))
    assert (report["notes"], report["performer"], report["on_one_core"]) == (200, "velocity", True)
    assert all(report[name] > 0 for name in ("seconds", "notes_per_s", "start_up_s", "command_s", "peak_memory_mb"))
