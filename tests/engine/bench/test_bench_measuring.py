"""What benchmarks are made of counts right: takes, deliveries, distributions. What is measured depends on the machine and is not tested."""

import dataclasses
import math
import os

import numpy as np
import pytest

from engine.bench.measuring import programs
from engine.bench.measuring.delivery import LOST, Answers, Delivery
from engine.bench.measuring.figures import Distribution, describe, median_interval_ms, median_ms
from engine.bench.measuring.machine import one_core, resident_bytes
from engine.bench.measuring.takes import BIG_CHORD_NOTES, CLOCK, KEYS, live_pattern, piano_take
from engine.midi.events import control_change, is_note_off, is_note_on, note_off, note_on
from engine.midi.ledger import NoteLedger

MS = 1_000_000
NOTHING_WRONG = {"lost": 0, "changed": 0, "extra": 0, "out_of_order": 0, "stuck_notes": 0, "sustain_identical": True}


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


@pytest.mark.parametrize("count", [1, 2, 7, 100, 1001])
def test_percentiles_are_numpys(count):
    durations_ns = np.random.default_rng(count).integers(0, 100 * MS, count)
    median, p99, largest = (round(float(value), 4) for value in np.percentile(durations_ns / MS, (50, 99, 100)))
    assert describe(durations_ns) == Distribution(count, median, p99, largest)
    assert median_ms(durations_ns) == median


def test_memory_is_that_of_the_process():
    assert 1_000_000 < resident_bytes(os.getpid()) < 100_000_000_000


def test_one_core_is_given_back():
    before = os.sched_getaffinity(0)
    with one_core() as alone:
        assert alone and len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize(("count", "ranks"), [(1, (1, 1)), (10, (2, 9)), (100, (40, 61))])  # as statisticians' tables have them
def test_the_median_lies_between_the_ranks_of_the_sign_test(count, ranks):
    shuffled_ns = np.random.default_rng(0).permutation(np.arange(1, count + 1)) * MS
    assert median_interval_ms(shuffled_ns) == ranks


def test_a_server_that_does_not_start_is_told_why(monkeypatch):
    monkeypatch.setattr(programs, "_places", lambda: [(100 + number, f"server{number}") for number in range(7)])
    assert programs._why_not() == "; run jackd -S -r -d dummy to see why"
    monkeypatch.setattr(programs, "_places", lambda: [(100 + number, f"server{number}") for number in range(8)])
    assert programs._why_not().startswith(": all 8 places for servers are taken, by 'server0' (process 100), 'server1' (process 101), ")
    assert programs._why_not().endswith("'server7' (process 107); end one of them, and try again")
