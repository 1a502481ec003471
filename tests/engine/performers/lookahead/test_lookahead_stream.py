"""Live notes performed with look-ahead: nothing is lost, nothing is moved too far, and what is played flat comes out performed."""

from itertools import pairwise

import numpy as np
import pytest
from live_takes import (
    BOUND_NS,
    LATENCY_NS,
    LOOKAHEAD_S,
    Gate,
    assert_nothing_is_lost,
    clocked,
    drive,
    flat_take,
    is_other,
    notes_of,
    pedal,
    play,
    random_take,
    run,
    shifts_ns,
)
from synthetic_dexter import write_models

from engine.midi.events import (
    SUSTAIN_PEDAL,
    Event,
    control_change,
    is_note_off,
    is_note_on,
    note_off,
    note_on,
)
from engine.performers import registry
from engine.performers.controls import Control
from engine.performers.dexter.performer import load_performer

AS_PLAYED = {"expression": 0}


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), LOOKAHEAD_S)


@pytest.fixture(scope="module")
def real_performer():
    return registry.load_performer("dexter", None, LOOKAHEAD_S)


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
    stream._computer = NeverReady(stream)
    sent = drive(stream, [event for event in events if event.message[0] < 0xF0])
    sent = sorted(sent, key=lambda event: event.time_ns)
    assert_nothing_is_lost([event for event in events if event.message[0] < 0xF0], sent)
    assert stream.counts.windows == 0 and stream.counts.carried > 3
    assert min(stream._computer.leeways_ns) > 0.2 * LATENCY_NS, "each would have had time to be sampled"
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
    events = [
        event
        for index in range(80)
        for event in (Event(index * 100_000_000, note_on(0, 60, 64)), Event(index * 100_000_000 + 99_000_000, note_off(0, 60)))
    ]
    sent, _ = run(performer, events, {"temperature": 2, "expression_articulation": 2})
    down = [is_note_on(event.message) for event in sent if not is_other(event)]
    assert down == [True, False] * 80


def test_notes_of_two_tracks_on_one_key_end_each_in_its_own(performer):
    """The note of track 1 begins first and ends last: that of track 2 does not cut it."""
    given = [(0, note_on(0, 60, 64), 1), (0.5, note_on(0, 60, 64), 2), (1.0, note_off(0, 60), 2), (3.0, note_off(0, 60), 1)]
    events = [Event(round(time_s * 1e9), message, track) for time_s, message, track in given]
    sent = drive(performer.create_stream(0, AS_PLAYED), events)
    ends = {event.track: (event.time_ns - LATENCY_NS) / 1e9 for event in sent if is_note_off(event.message)}
    assert ends == {2: pytest.approx(1.0, abs=0.02), 1: pytest.approx(3.0, abs=0.02)}


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


def test_windows_ahead_are_those_at_once_and_a_late_one_is_bridged(performer, monkeypatch):
    gate = Gate(performer._networks)
    monkeypatch.setattr(performer, "_networks", gate)
    events, own_level = flat_take(12), {"level": 1.0}  # kept at the take's level, an average of notes would be as loud as the take
    at_once = notes_of(drive(performer.create_stream(0, own_level), events))
    stream = performer.create_stream(0, own_level)
    stream.work_ahead()
    sent = []
    for event in [*events, None]:
        while (due_ns := stream.next_due_ns()) is not None and (event is None or due_ns < event.time_ns):
            shut = 5_000_000_000 < due_ns < 7_000_000_000
            gate.open.clear() if shut else gate.open.set()
            if not shut and stream._state.request:
                stream._computer._answer.result(60)
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


def test_a_worker_that_fails_costs_no_note(performer, monkeypatch):
    """Notes are as played where no window could be computed."""
    def fail(*_):
        raise RuntimeError("out of numbers")

    stream = performer.create_stream(0, {})
    stream.work_ahead()
    monkeypatch.setattr(performer._networks, "mean", fail)
    events, sent = flat_take(4), []
    for event in [*events, None]:
        while (due_ns := stream.next_due_ns()) is not None and (event is None or due_ns < event.time_ns):
            if stream._state.request and stream._computer._answer:
                stream._computer._answer.exception(60)
            sent += stream.advance(due_ns)
        if event is not None:
            sent += stream.feed(event)
    stream.close()
    assert_nothing_is_lost(events, sorted((event for event in sent if not pedal([event])), key=lambda event: event.time_ns))
    assert {event.message[2] for event in notes_of(sent)} == {event.message[2] for event in events if is_note_on(event.message)}
    assert stream.counts.windows == 0 < stream.counts.failed and str(stream.counts.failure) == "out of numbers"


def test_a_run_that_ends_leaves_no_thread(performer):
    stream = performer.create_stream(0, {})
    stream.work_ahead()
    drive(stream, flat_take(3))
    worker = stream._computer._worker._thread
    stream.close()
    assert not worker.is_alive()


MS = 1_000_000


def repeated(pitches, count=60, step_ms=100, held_ms=70, channel=0):
    """Single notes in turn."""
    keys = [pitches[index % len(pitches)] for index in range(count)]
    begins = [Event(index * step_ms * MS, note_on(channel, pitch, 64)) for index, pitch in enumerate(keys)]
    ends = [Event((index * step_ms + held_ms) * MS, note_off(channel, pitch)) for index, pitch in enumerate(keys)]
    return sorted(begins + ends, key=lambda event: event.time_ns)


def durations_ns(sent):
    """Return how long each note lasts, in order of the onsets; a key sounds once at a time."""
    lasting, begun = {}, {}
    for event in sent:
        key = event.message[0] & 15, event.message[1]
        if is_note_on(event.message):
            begun[key] = event.time_ns
        elif is_note_off(event.message) and key in begun:
            begun_ns = begun.pop(key)
            lasting[begun_ns, *key] = event.time_ns - begun_ns
    assert not begun, "a note is stuck"
    return np.array([lasting[key] for key in sorted(lasting)])


def test_a_lost_note_off_costs_no_later_note_and_a_doubled_one_none_at_all(performer):
    events = repeated((60, 62))
    whole = durations_ns(run(performer, events, AS_PLAYED)[0])
    lost = [event for index, event in enumerate(events) if index != 21]  # of the eleventh note
    assert is_note_off(events[21].message)
    heard = durations_ns(run(performer, lost, AS_PLAYED)[0])
    assert np.abs(np.delete(heard - whole, 10)).max() <= 20 * MS and heard[10] <= 200 * MS
    doubled = sorted(events + [event._replace(time_ns=event.time_ns + 25 * MS) for event in events[1::2]], key=lambda event: event.time_ns)
    assert np.abs(durations_ns(run(performer, doubled, AS_PLAYED)[0]) - whole).max() <= 20 * MS


@pytest.mark.parametrize("number", [120, 123, 126])
@pytest.mark.parametrize("controls", [AS_PLAYED, {"temperature": 1}])
def test_all_notes_off_ends_what_is_held_when_it_is_due_and_costs_no_other_note(performer, number, controls):
    """It comes while a chord is held: 10 ms after a note of it was struck, and 30 ms before the music goes on."""
    held = [Event(1500 * MS, note_on(0, 48, 64)), Event(1960 * MS, note_on(0, 55, 64)), Event(1965 * MS, note_on(1, 50, 64))]
    silenced = Event(1970 * MS, control_change(0, number, 0))
    other = Event(2500 * MS, note_off(1, 50))
    events = sorted([*repeated((60, 62)), *held, silenced, other], key=lambda event: event.time_ns)
    sent, _ = run(performer, events, controls)
    due_ns = silenced.time_ns + LATENCY_NS
    assert [event.time_ns for event in sent if event.message == silenced.message] == [due_ns]
    begun, ended = ([event for event in sent if kind(event.message)] for kind in (is_note_on, is_note_off))
    assert len(begun) == len(ended) == 63
    by_key = {event.message[1]: event.time_ns for event in begun if event.message[1] in (48, 50, 55)}
    ends = {event.message[1]: event.time_ns for event in ended if event.message[1] in (48, 50, 55)}
    assert ends[48] <= due_ns and ends[55] <= due_ns and ends[50] > due_ns
    assert ends[55] - by_key[55] >= 10 * MS, "a note is cut off as it begins"
    assert (durations_ns(sent) > 5 * MS).all()
