"""DExter with look-ahead: nothing is lost, nothing is moved too far, and what is played flat comes out performed."""

import math
import random
import threading
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from synthetic_dexter import write_models

from engine.base.clock import VirtualClock
from engine.base.errors import UsageError
from engine.midi.events import (
    SUSTAIN_PEDAL,
    Event,
    channel_of,
    control_change,
    is_control_change,
    is_note_off,
    is_note_on,
    note_off,
    note_on,
)
from engine.midi.file import MidiTimeline
from engine.performers import registry
from engine.performers.controls import Control
from engine.performers.dexter import lookahead as dexter_hop
from engine.performers.dexter.lookahead import AVERAGE_NOTES, HopSampler, Readers, SoFar
from engine.performers.dexter.performer import load_performer
from engine.performers.dexter.window_worker import URGENT_EVALUATIONS
from engine.performers.lookahead.stream import MOST_SHIFT_S
from engine.performers.lookahead.window import LEAST_DURATION_QUARTERS, HopsAhead, know
from engine.performers.score_playing.keys import UNISON_S
from engine.runtime.loop import Engine
from engine.runtime.sources import FileSource
from models.dexter.hold_quantiles import SHORTEST_HELD_S
from models.performance.features import FEATURES, HELD_BACK
from models.performance.representation import ARTICULATION, BEAT_PERIOD, PERFORMANCE_COLUMNS, TIMING, VELOCITY, settle

LOOKAHEAD_S = 2.0
LATENCY_NS = 2_000_000_000
BOUND_NS = 250_000_000
AS_PLAYED = {"expression": 0}
SONG_SIXTEENTHS = 10  # where a clocked take begins
START, CONTINUE, STOP, CLOCK = (bytes((status,)) for status in (0xFA, 0xFB, 0xFC, 0xF8))


class Collector:
    def __init__(self):
        self.events = []

    def start(self, origin_ns):
        self.origin_ns = origin_ns

    def send(self, event):
        self.events.append(event)

    def close(self):
        pass

    abort = close


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), LOOKAHEAD_S)


@pytest.fixture(scope="module")
def real_performer():
    return registry.load_performer("dexter", None, LOOKAHEAD_S)


def run(performer, events, controls=None, seed=0, controller_map=None):
    """Perform events with the engine on a virtual clock; return what was sent and the report."""
    sink, clock = Collector(), VirtualClock(7_000_000_000)
    stream = performer.create_stream(seed, controls or {})
    source = FileSource(MidiTimeline(sorted(events, key=lambda event: event.time_ns)), clock)
    report = Engine(source, performer, stream, [sink], clock, controller_map).run()
    assert sink.origin_ns == 7_000_000_000 + LATENCY_NS
    return [event._replace(time_ns=event.time_ns - 7_000_000_000) for event in sink.events], report


def drive(stream, events):
    """Play events as the engine does, if need be in time with a worker, and to the end; return what is sent."""
    sent = play(stream, events)
    while (due_ns := stream.next_due_ns()) is not None:
        sent += advance_in_time(stream, due_ns)
    return sent


def play(stream, events):
    sent = []
    for event in events:
        while (due_ns := stream.next_due_ns()) is not None and due_ns < event.time_ns:
            sent += advance_in_time(stream, due_ns)
        sent += stream.feed(event)
    return sent


def advance_in_time(stream, due_ns):
    if isinstance(stream._hops, HopsAhead) and stream._state.request:
        stream._hops._answer.result(60)
    return stream.advance(due_ns)


def flat_take(seconds=20, velocity=64, beat_s=0.6):
    """A melody over broken chords on an exact grid, legato, without touch."""
    events = []
    for eighth in range(int(seconds / beat_s * 2)):
        pitches = [(48, 55, 52, 55)[eighth % 4]] + [72 + (eighth // 2) % 5 * 2] * (eighth % 2 == 0)
        for pitch in pitches:
            begin, length = eighth * beat_s / 2, beat_s / 2 * (2 if pitch >= 72 else 1)
            events.append(Event(round(begin * 1e9), note_on(0, pitch, velocity)))
            events.append(Event(round((begin + length) * 1e9) - 1_000_000, note_off(0, pitch, 33)))
    return sorted(events)


def clocked(events, beat_s=0.6):
    last_s = max(event.time_ns for event in events) / 1e9
    ticks = [Event(round(index * beat_s / 24 * 1e9), CLOCK) for index in range(int(last_s / beat_s * 24))]
    song_position = Event(0, bytes((0xF2, SONG_SIXTEENTHS, 0)))
    return [song_position, *sorted([Event(0, CONTINUE), *ticks, *events], key=lambda event: (event.time_ns, len(event.message)))]


def onsets(events):
    """Return (channel, pitch) -> times of note-ons, in order."""
    found = defaultdict(list)
    for event in sorted(events, key=lambda event: event.time_ns):
        if is_note_on(event.message):
            found[channel_of(event.message), event.message[1]].append(event.time_ns)
    return found


def shifts_ns(events, sent):
    came, left = onsets(events), onsets(sent)
    assert {key: len(times) for key, times in came.items()} == {key: len(times) for key, times in left.items()}
    return np.array([out - due - LATENCY_NS for key in came for due, out in zip(came[key], left[key], strict=True)])


def pedal(events):
    return [event for event in events if is_control_change(event.message) and event.message[1] == SUSTAIN_PEDAL]


def is_other(event):
    """Whether it is a channel message that is to go through as it is."""
    return not (is_note_on(event.message) or is_note_off(event.message) or is_system(event))


def is_system(event):
    return event.message[0] >= 0xF0


def random_take(seed, seconds=3.0, notes_a_second=500):
    """Anything that may come, all at once; every note-off has its note-on, and a pedal is pressed at once, so that it is the sender's."""
    rng, now_ns, events, down = random.Random(seed), 0, [Event(0, control_change(0, SUSTAIN_PEDAL, 1))], []
    others = [
        lambda channel: control_change(channel, rng.choice((0, 1, 7, 11, SUSTAIN_PEDAL, 123)), rng.randrange(128)),
        lambda channel: bytes((0xE0 | channel, rng.randrange(128), rng.randrange(128))),
        lambda channel: bytes((0xC0 | channel, rng.randrange(128))),
        lambda channel: bytes((0xA0 | channel, rng.randrange(128), rng.randrange(128))),
        lambda _: rng.choice((START, STOP, CONTINUE, bytes((0xF2, rng.randrange(128), rng.randrange(3))))),
        lambda _: CLOCK,
    ]
    while now_ns < seconds * 1e9:
        now_ns += round(rng.expovariate(2 * notes_a_second) * 1e9) * (rng.random() < 0.7)
        choice = rng.random()
        if choice < 0.45:
            key = rng.randrange(3), rng.randrange(50, 62)
            events.append(Event(now_ns, note_on(*key, rng.randrange(1, 128)), rng.randrange(2)))
            down.append(key)
        elif choice < 0.9 and down:
            channel, pitch = down.pop(rng.randrange(len(down)))
            events.append(Event(now_ns, rng.choice((note_off(channel, pitch, 9), note_on(channel, pitch, 0)))))
        else:
            events.append(Event(now_ns, rng.choice(others)(rng.randrange(3))))
    ends = [note_off(*key) for key in down] + [control_change(channel, SUSTAIN_PEDAL, 0) for channel in range(3)]
    return [*events, *(Event(now_ns, message) for message in ends)]


def assert_nothing_is_lost(events, sent):
    assert [event.time_ns for event in sent] == sorted(event.time_ns for event in sent)
    for kind in (is_system, is_other):
        through = [event._replace(time_ns=event.time_ns + LATENCY_NS) for event in events if kind(event)]
        assert [event for event in sent if kind(event)] == through
    assert np.abs(shifts_ns(events, sent)).max() <= BOUND_NS
    sounding, begun_ns = Counter(), {}
    for event in sent:
        if not (is_other(event) or is_system(event)):
            key = channel_of(event.message), event.message[1]
            if is_note_on(event.message):
                assert not sounding[key] or event.time_ns - begun_ns[key] <= 1e9 * UNISON_S, "a key was pressed that was down"
                begun_ns[key] = begun_ns[key] if sounding[key] else event.time_ns
            sounding[key] += 1 if is_note_on(event.message) else -1
            assert sounding[key] >= 0, "a note-off came before its note-on"
    assert not +sounding, "a note-on was not followed by its note-off"


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_of_500_notes_a_second_and_anything_else(performer, seed):
    events = random_take(seed, notes_a_second=500 if seed < 4 else 30)
    sent, report = run(performer, events, {"temperature": 1}, seed)
    assert_nothing_is_lost(events, sent)
    assert report.notes == sum(is_note_on(event.message) for event in events)
    assert report.windows.windows > 3 and report.windows.carried == report.late == 0


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_when_windows_are_never_ready(performer, seed):
    events = random_take(seed)
    stream = performer.create_stream(seed, {})
    stream._hops = NeverReady(stream)
    sent = drive(stream, [event for event in events if event.message[0] < 0xF0])
    sent = sorted(sent, key=lambda event: event.time_ns)
    assert_nothing_is_lost([event for event in events if event.message[0] < 0xF0], sent)
    assert stream.counts.windows == 0 and stream.counts.carried > 3
    assert min(stream._hops.leeways_ns) > 0.2 * LATENCY_NS, "each would have had time to be sampled"
    assert shifts_ns(events, sent).any() == 0, "without any expression known they are as played"


class NeverReady:
    def __init__(self, stream):
        self._stream = stream
        self.leeways_ns = []

    def begin(self, request):
        self.leeways_ns.append(self._stream._collect_ns() - self._stream._state.now_ns)

    def take(self, request):
        return None


def test_without_expression_all_is_as_it_was_played(performer):
    events = flat_take(6, velocity=77)
    events += [Event(1_000_000_000, control_change(0, 7, 99)), Event(2_000_000_000, b"\xe0\x01\x40")]
    events = sorted(events, key=lambda event: event.time_ns)
    sent, _ = run(performer, events, AS_PLAYED)
    assert sent == [event._replace(time_ns=event.time_ns + LATENCY_NS) for event in events]


def test_a_flat_grid_comes_out_performed(real_performer):
    events = flat_take()
    sent, report = run(real_performer, events)
    assert_nothing_is_lost(events, [event for event in sent if not pedal([event])])
    velocities = [event.message[2] for event in sent if is_note_on(event.message)]
    melody = [event.message[2] for event in sent if is_note_on(event.message) and event.message[1] >= 72]
    shifts = shifts_ns(events, sent)
    assert np.std(velocities) > 5 and np.mean(melody) > np.mean(velocities) + 5
    assert 10_000_000 < np.std(shifts) < BOUND_NS / 2 and abs(np.mean(shifts)) < BOUND_NS / 3
    assert len(pedal(sent)) > 10 and pedal(sent)[-1].message[2] == 0
    assert report.late == report.degraded == 0


def test_seed_and_clock_make_a_difference_and_the_same_ones_none(performer):
    events = flat_take(8)
    first, _ = run(performer, events)
    again, _ = run(performer, events)
    other, _ = run(performer, events, seed=1)
    assert first == again != other
    with_clock, _ = run(performer, clocked(events))
    assert shifts_ns(events, with_clock).tolist() != shifts_ns(events, first).tolist()


@pytest.mark.parametrize("has_clock", [False, True])
def test_the_score_that_the_network_reads_is_the_sender_s(performer, monkeypatch, has_clock):
    requests = asked(performer, monkeypatch)
    events = flat_take(10)
    run(performer, clocked(events) if has_clock else events)
    last = requests[-1]
    places = [note.place for note in last.notes[: last.past]]
    begun_quarters = [note.heard.time_ns / 0.6e9 - 7 / 0.6 for note in last.notes[: last.past]]
    factor = places[0].beat_ns / 0.6e9
    assert factor == pytest.approx(1, rel=0.01) or (not has_clock and factor == pytest.approx(0.5, rel=0.01))
    steps = {round((place.quarter * round(2 * factor) / 2 - quarter) * 24) for place, quarter in zip(places, begun_quarters, strict=True)}
    assert steps == {24 * SONG_SIXTEENTHS / 4 if has_clock else 0}
    assert not last.touch


def asked(performer, monkeypatch):
    """Return a list that fills with the requests for windows."""
    requests, answer = [], HopSampler.answer
    monkeypatch.setattr(HopSampler, "answer", lambda sampler, request, *rest: requests.append(request) or answer(sampler, request, *rest))
    return requests


def hop_sampler(performer):
    return HopSampler(performer._networks, performer._readers, performer._scales, performer._window, 0)


def test_the_piece_so_far_is_read(performer, monkeypatch):
    """By the trees as well, as far back as it may be."""
    monkeypatch.setattr(dexter_hop, "HISTORY_NOTES", 100)
    requests = asked(performer, monkeypatch)
    run(performer, flat_take(40), controls={"temperature": 0})
    pasts = [request.past for request in requests]
    assert pasts == sorted(pasts) and pasts[0] == 0 and pasts[-1] == 100 and len(requests[-1].notes) > 100
    last = replace(requests[-1], touch=True)
    louder = replace(last, notes=tuple(note._replace(velocity=99) if index < 70 else note for index, note in enumerate(last.notes)))
    plain, others = (hop_sampler(performer).answer(request).columns for request in (last, louder))
    assert np.abs(plain - others).max() > 1e-3  # though those are beyond what a window holds fixed
    alone = HopSampler(performer._networks, Readers(), performer._scales, performer._window, 0).answer(last).columns
    assert np.abs(plain - alone).max() > 1e-3


def test_live_notes_get_as_much_expression_as_suits_the_piece(tmp_path):
    """Velocities deviate by what is said, times the gain, once there is enough to go by."""
    said = 0.1, 0.2
    performers = [load_performer(write_models(tmp_path / str(deviation), deviation=deviation), LOOKAHEAD_S) for deviation in said]
    sent = [run(performer, flat_take(240), {"temperature": 0, "expression_timing": 0})[0] for performer in performers]
    narrow, wide = (np.std([event.message[2] for event in notes_of(events)][-300:]) for events in sent)
    assert wide / narrow == pytest.approx(2, rel=0.1)
    assert wide == pytest.approx(127 * 0.15 * 1.5 * 0.2, rel=0.25)


def test_the_wider_it_was_so_far_the_less_it_is_widened(tmp_path, monkeypatch):
    performer = load_performer(write_models(tmp_path, deviation=0.15), LOOKAHEAD_S)
    requests = asked(performer, monkeypatch)
    run(performer, flat_take(80), {"temperature": 0})
    last = requests[-1]
    so_far = last.progress.so_far
    twice = replace(last, progress=last.progress._replace(so_far=so_far._replace(deviation=2 * so_far.deviation)))
    columns, narrower = (hop_sampler(performer).answer(request).columns for request in (last, twice))
    assert np.ptp(columns[:, VELOCITY]) > 0.001
    assert np.ptp(narrower[:, VELOCITY]) == pytest.approx(np.ptp(columns[:, VELOCITY]) / 2, rel=0.01)
    higher = replace(last, progress=last.progress._replace(so_far=so_far._replace(average=so_far.average + 0.1)))
    moved = hop_sampler(performer).answer(higher).columns[:, VELOCITY] - columns[:, VELOCITY]
    assert np.abs(moved).min() > 0.001  # it is widened about the average


def test_what_was_so_far_is_what_all_notes_say():
    random = np.random.default_rng(0)
    columns = random.normal(3, np.linspace(0.5, 2, 8), (480, 8))
    so_far = SoFar(columns[:40].mean(axis=0), columns[:40].std(axis=0), 40)
    so_far.deviation[TIMING] = np.abs(columns[:40, TIMING] - columns[:40, TIMING].mean()).mean()
    for begin in range(40, 480, 8):
        so_far = so_far.and_then(columns[begin : begin + 8])
    np.testing.assert_allclose(so_far.average, columns.mean(axis=0), rtol=1e-6)
    deviation = columns.std(axis=0)
    deviation[TIMING] = np.abs(columns[:, TIMING] - columns[:, TIMING].mean()).mean()
    np.testing.assert_allclose(so_far.deviation, deviation, rtol=0.05)
    assert so_far.notes == 480
    for _ in range(400):
        so_far = so_far.and_then(np.zeros((8, 8)))
    assert so_far.notes == AVERAGE_NOTES
    np.testing.assert_allclose(so_far.average, 0, atol=0.05)


def test_hands_are_told_apart_by_track_or_else_at_middle_c(performer, monkeypatch):
    requests = asked(performer, monkeypatch)
    events = flat_take(3)
    run(performer, events)
    run(performer, [event._replace(track=3 if event.message[1] >= 72 else 5) for event in events])
    one, two = requests[len(requests) // 2 - 1], requests[-1]
    assert (one.tracks, two.tracks) == ((0,), (3, 5))
    sampler = hop_sampler(performer)
    swapped = replace(two, notes=tuple(note._replace(track=8 - note.track) for note in two.notes))
    columns = [sampler.answer(replace(request, progress=None, past=0, first=0)).columns for request in (one, two, swapped)]
    np.testing.assert_array_equal(columns[0], columns[1])
    assert np.abs(columns[1] - columns[2]).max() > 0.01


def test_velocities_that_vary_are_read(performer, monkeypatch):
    requests = asked(performer, monkeypatch)
    run(performer, flat_take(3) + [Event(2_900_000_000, note_on(0, 30, 90)), Event(2_950_000_000, note_off(0, 30))])
    assert [request.touch for request in requests] == sorted(request.touch for request in requests)
    assert not requests[0].touch and requests[-1].touch
    sampler = hop_sampler(performer)
    with_touch, without = (sampler.answer(replace(requests[-1], touch=touch)).columns for touch in (True, False))
    assert np.abs(with_touch - without).max() > 0.01


def test_keys_are_held_as_long_as_fingers_take(performer, monkeypatch):
    requests = asked(performer, monkeypatch)
    run(performer, flat_take(3))
    sampler = hop_sampler(performer)
    request = replace(requests[0], notes=tuple(note._replace(held_ns=1000) for note in requests[0].notes))
    columns = sampler.answer(request).columns
    held_s = np.exp2(columns[:, BEAT_PERIOD] + columns[:, ARTICULATION]) * LEAST_DURATION_QUARTERS
    assert len(held_s) and (held_s >= 0.99 * SHORTEST_HELD_S).all()


def test_beats_are_on_time_in_the_middle(performer, monkeypatch):
    requests = asked(performer, monkeypatch)
    run(performer, flat_take(3))
    sampler = hop_sampler(performer)
    answer = sampler.answer(requests[-1])
    table = know(requests[-1]).table[requests[-1].past :][: requests[-1].deciding]
    assert len(table) == len(answer.columns)
    np.testing.assert_allclose(settle(answer.columns, table), answer.columns, atol=1e-9)


def test_a_tempo_that_wavers_is_not_taken_for_one_that_is_held_back(performer, monkeypatch):
    seen, mean = [], performer._networks.mean
    monkeypatch.setattr(performer._networks, "mean", lambda features, *rest: seen.append(features) or mean(features, *rest))
    events = clocked(flat_take(10))
    run(performer, [event._replace(time_ns=round(event.time_ns + 2e7 * math.sin(event.time_ns / 1e9))) for event in events])
    features = np.concatenate(seen)
    assert np.ptp(features[:, FEATURES.index("beat_period_of_piece")]) > 0 and not features[:, HELD_BACK].any()


def test_the_sender_s_pedal_takes_over(performer):
    events = flat_take(12)
    own = [Event(6_000_000_000 + step * 500_000_000, control_change(0, SUSTAIN_PEDAL, 127 * (step % 2 == 0))) for step in range(6)]
    resets = [Event(1_000_000_000, control_change(0, SUSTAIN_PEDAL, 0))]
    alone, _ = run(performer, events)
    sent, _ = run(performer, sorted([*events, *own, *resets], key=lambda event: event.time_ns))
    due_ns = own[0].time_ns + LATENCY_NS
    assert [event for event in pedal(sent) if 3_500_000_000 < event.time_ns < due_ns and event.message[2]]  # a pedal up takes nothing over
    assert [event for event in pedal(alone) if event.time_ns > due_ns]
    taken = [event for event in pedal(sent) if event.time_ns >= due_ns]
    if taken[0].message[2] == 0:
        taken = taken[1:]  # the model's is lifted first
    assert taken == [event._replace(time_ns=event.time_ns + LATENCY_NS) for event in own]


def test_the_model_s_pedal_comes_up_when_nothing_follows(performer):
    events = flat_take(3) + [Event(event.time_ns + 20_000_000_000, event.message) for event in flat_take(3)]
    sent, _ = run(performer, events)
    steps = pedal(sent)
    before = [event for event in steps if event.time_ns < 20_000_000_000]
    assert before and before[-1].message[2] == 0 and before[-1].time_ns < 3_000_000_000 + LATENCY_NS + 4 * 1_200_000_000 + BOUND_NS


def test_notes_do_not_pass_what_changes_their_sound(performer):
    events = []
    for index in range(60):
        begin_ns = index * 30_000_000
        events += [Event(begin_ns, note_on(0, 60 + index % 7, 64)), Event(begin_ns + 5_000_000, bytes((0xC0, index)))]
        events += [Event(begin_ns + 20_000_000, note_off(0, 60 + index % 7))]
    sent, _ = run(performer, events, {"temperature": 1, "expression_timing": 2, "expression_tempo": 2}, seed=1)
    program, programs = -1, []
    for event in sent:
        if event.message[0] & 0xF0 == 0xC0:
            program = event.message[1]
        elif is_note_on(event.message):
            programs.append(program)
    assert programs == list(range(-1, 59))
    shifts = shifts_ns(events, sent)
    assert shifts.min() < 0 and shifts.max() == 5_000_000, "as far as they may"


def test_a_longer_note_gives_way_to_the_next_of_its_key(performer):
    events = [event for index in range(80) for event in (
        Event(index * 100_000_000, note_on(0, 60, 64)), Event(index * 100_000_000 + 99_000_000, note_off(0, 60)))]
    sent, _ = run(performer, events, {"temperature": 2, "expression_articulation": 2})
    down = [is_note_on(event.message) for event in sent if not is_other(event)]
    assert down == [True, False] * 80


def test_a_control_is_heard_within_a_window(performer):
    events = flat_take(12)
    control = Control("dynamics", -40, 40, 0, "", "")
    turned = [*events, Event(6_000_000_000, control_change(0, 20, 127))]
    plain, _ = run(performer, events, {"temperature": 0})
    louder, _ = run(performer, turned, {"temperature": 0}, controller_map={20: control})
    difference = [b.message[2] - a.message[2] for a, b in zip(notes_of(plain), notes_of(louder), strict=True)]
    begun_ns = [event.time_ns - LATENCY_NS for event in notes_of(plain)]
    assert all(step == 0 for step, time_ns in zip(difference, begun_ns, strict=True) if time_ns < 4_000_000_000)
    assert all(step >= 39 for step, time_ns in zip(difference, begun_ns, strict=True) if time_ns > 10_000_000_000)
    assert max(abs(after - before) for before, after in pairwise(difference)) < 30


def notes_of(sent):
    return sorted((event for event in sent if is_note_on(event.message)), key=lambda event: event.time_ns)


def decided(stream, events, name):
    """Return by note, in order of onset and pitch, a column of the answers to what a stream is given."""
    answers, answer = [], stream._sampler.answer
    stream._sampler.answer = lambda *request: answers.append(answer(*request)) or answers[-1]
    drive(stream, events)
    assert len(answers) > 3
    return np.concatenate([given.columns[:, PERFORMANCE_COLUMNS.index(name)] for given in answers])


def test_minorness_is_in_the_notes_that_lean_to_it(performer):
    """As of a score that is known: c minor with a major third now and then."""
    pitches = [60, 63, 67, 72, 63, 64] * 12
    events = [
        Event(index * 300_000_000 + after_ns, message(0, pitch, 64))
        for index, pitch in enumerate(pitches)
        for after_ns, message in ((0, note_on), (290_000_000, note_off))
    ]
    flat, minor, melodious = (
        decided(performer.create_stream(0, {"temperature": 0} | {name: 2.0} if name else {"temperature": 0}), events, "velocity")
        for name in (None, "minorness", "melodiousness")
    )
    raised = (minor - flat) - (minor - flat).mean()
    assert len(raised) == len(pitches) and np.ptp(melodious - flat) < 0.1 < np.ptp(raised)
    third, major_third = np.array(pitches) == 63, np.array(pitches) == 64
    assert raised[third].min() > 0 > raised[major_third].max()


@pytest.mark.parametrize("ahead", [False, True])
def test_a_stream_is_snapshotted_restored_and_reset(performer, ahead):
    events = [event for event in random_take(5, 3, 20) if event.message[0] < 0xF0]
    whole = drive(performer.create_stream(3, {}), events)
    stream = performer.create_stream(3, {})
    if ahead:
        stream.work_ahead()
    middle = next(index for index, event in enumerate(events) if event.time_ns > 1_700_000_000)
    begun = play(stream, events[:middle])
    assert stream._state.request
    snapshot = stream.snapshot()
    assert begun + drive(stream, events[middle:]) == whole
    stream.restore(snapshot)
    assert begun + drive(stream, events[middle:]) == whole
    stream.reset()
    assert drive(stream, events) == whole
    stream.close()


class Gate:
    """The networks, that answer when they may."""

    def __init__(self, networks):
        self._networks = networks
        self.descriptors = networks.descriptors
        self.open = threading.Event()
        self.open.set()
        self.evaluations = Counter()

    def mean(self, *arguments):
        assert self.open.wait(60)
        return self._networks.mean(*arguments)

    def denoise(self, *arguments):
        self.evaluations[len(arguments[0])] += 1
        return self._networks.denoise(*arguments)


def test_windows_ahead_are_those_at_once_and_a_late_one_is_bridged(performer, monkeypatch):
    gate = Gate(performer._networks)
    monkeypatch.setattr(performer, "_networks", gate)
    events = flat_take(12)
    at_once = notes_of(drive(performer.create_stream(0, {}), events))
    stream = performer.create_stream(0, {})
    stream.work_ahead()
    sent = []
    for event in [*events, None]:
        while (due_ns := stream.next_due_ns()) is not None and (event is None or due_ns < event.time_ns):
            shut = 5_000_000_000 < due_ns < 7_000_000_000
            gate.open.clear() if shut else gate.open.set()
            if not shut and stream._state.request:
                stream._hops._answer.result(60)
            sent += stream.advance(due_ns)
        if event is not None:
            sent += stream.feed(event)
    stream.close()
    counts = stream.counts
    assert counts.carried >= 2 and counts.reduced >= 1 and counts.windows > 8
    assert_nothing_is_lost(events, sorted((event for event in sent if not pedal([event])), key=lambda event: event.time_ns))
    live = notes_of(sent)
    assert [event for event in live if event.time_ns < 5_000_000_000] == [event for event in at_once if event.time_ns < 5_000_000_000]
    bridged = [event.message[2] for event in live if 6_000_000_000 < event.time_ns < 6_700_000_000]
    before = [event.message[2] for event in live if 2_000_000_000 < event.time_ns < 5_500_000_000]
    assert bridged and 64 not in bridged and min(before) <= min(bridged) <= max(bridged) <= max(before)


def test_a_window_that_nobody_waits_for_is_not_computed_to_its_end(performer, monkeypatch):
    requests = asked(performer, monkeypatch)
    run(performer, flat_take(4))
    gate = Gate(performer._networks)
    hops = HopsAhead(HopSampler(gate, performer._readers, performer._scales, performer._window, 0))
    gate.open.clear()
    hops.begin(requests[0])
    hops.begin(requests[1])
    assert hops.take(requests[1]) is None
    gate.open.set()
    assert hops._answer.result(60).columns.shape == (requests[1].deciding, 8)
    hops.close()
    assert sum(gate.evaluations.values()) == requests[1].settings.evaluations


def test_what_the_worker_fails_with_ends_the_run(performer, monkeypatch):
    def fail(*_):
        raise RuntimeError("out of numbers")

    stream = performer.create_stream(0, {})
    stream.work_ahead()
    monkeypatch.setattr(performer._networks, "mean", fail)
    with pytest.raises(RuntimeError, match="out of numbers"):
        for event in flat_take(4):
            while (due_ns := stream.next_due_ns()) is not None and due_ns < event.time_ns:
                if stream._state.request:
                    stream._hops._answer.exception(60)
                stream.advance(due_ns)
            stream.feed(event)
    stream.close()


def test_a_run_that_ends_leaves_no_thread(performer):
    stream = performer.create_stream(0, {})
    stream.work_ahead()
    drive(stream, flat_take(3))
    (worker,) = stream._hops._executor._threads
    stream.close()
    assert not worker.is_alive()


def test_live_notes_need_a_lookahead(tmp_path):
    with pytest.raises(UsageError, match="--score FILE, or --lookahead"):
        load_performer(write_models(tmp_path / "models"), None).create_stream(0, {})


def test_the_controls_of_time_are_not_there(performer):
    names = [control.name for control in performer.controls]
    assert "tempo" not in names and "expression_tempo" in names and "melodiousness" in names
    assert performer.latency_ns == LATENCY_NS and MOST_SHIFT_S * 1e9 == BOUND_NS and URGENT_EVALUATIONS < 6 and math.isfinite(MOST_SHIFT_S)
