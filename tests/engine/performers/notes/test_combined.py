"""Several performers as one: one after the other, and one for each range of keys."""

import pytest
from command_line import add_systems
from engine_runs import MS, run

from engine.base.errors import UsageError
from engine.midi.events import Event, control_change, is_note_on, note_off, note_on
from engine.midi.routing import Routing, parse_keys
from engine.performers.registry import known_controls, load_performer
from engine.systems import Kind, Request, find_system

LOW, HIGH, PEDAL = note_on(0, 40, 20), note_on(0, 80, 20), control_change(0, 64, 127)
TAKE = [Event(0, PEDAL), Event(0, LOW), Event(10 * MS, HIGH), Event(20 * MS, note_off(0, 40)), Event(30 * MS, note_off(0, 80))]


@pytest.fixture(autouse=True)
def systems(monkeypatch):
    add_systems(monkeypatch)


def perform(name, events=TAKE, seed=0, lookahead_s=None, **controls):
    performer = load_performer(name, None, lookahead_s)
    given = {each: value for each, value in controls.items()}
    stream = performer.perform(None, Request(), given, seed, live=False)
    return [event.message for event in run(events, performer, stream)[1].sent]


def velocities(messages):
    return [(message[1], message[2]) for message in messages if is_note_on(message)]


def test_a_chain_performs_what_the_one_before_gives_out():
    assert velocities(perform("scaled+scaled", gain=2)) == [(40, 80), (80, 80)]
    assert velocities(perform("scaled+scaled+scaled", gain=1.5)) == [(40, 68), (80, 68)]  # 20, 30, 45, 67.5 to the even 68
    assert perform("scaled+passthrough", gain=2)[:1] == [PEDAL]


def test_a_range_is_performed_by_its_own_and_the_rest_goes_out_as_it_came():
    assert velocities(perform("scaled@C-1-B3,passthrough@C4-G9", gain=2)) == [(40, 40), (80, 20)]
    assert velocities(perform("passthrough@C-1-B3,scaled+scaled@C4-G9", gain=2)) == [(40, 20), (80, 80)]
    assert velocities(perform("scaled@C5-G9", gain=2)) == [(40, 20), (80, 40)]
    split = perform("scaled@C-1-B3,scaled@C4-G9", gain=2)
    assert split.count(PEDAL) == 1 and len(split) == len(TAKE) + 1  # the pedal is lifted at the end
    scaled = load_performer("scaled")
    _, sink = run(TAKE, scaled, scaled.create_stream(0, {"gain": 2}), routing=Routing(keys=parse_keys("C5-G9")))
    assert velocities(event.message for event in sink.sent) == [(40, 20), (80, 40)]


def test_both_hands_of_a_duet_have_touch():
    """The player's notes come as from velocity alone, and the partner plays beside them."""
    flat = []
    for number in range(8):
        flat += [Event(500 * MS * number, note_on(0, 60 + number, 64)), Event(500 * MS * number + 400 * MS, note_off(0, 60 + number))]
    alone = velocities(perform("velocity", flat, seed=3))
    together = perform("velocity+performance-rnn", flat, seed=3, mode=1.0, channel=2.0)
    assert velocities(message for message in together if message[0] & 15 == 0) == alone
    assert velocities(message for message in together if message[0] & 15 == 1)


def test_a_stream_of_several_can_be_restored_and_begun_anew():
    performer = load_performer("velocity@C-1-B3,velocity+performance-rnn@C4-G9")
    assert performer.plays is Kind.IMPROVISES
    stream = performer.create_stream(1, {})
    first = [stream.feed(event) for event in TAKE]
    snapshot = stream.snapshot()
    again = [Event(event.time_ns + 50 * MS, event.message) for event in TAKE]
    went_on = [stream.feed(event) for event in again]
    stream.restore(snapshot)
    assert [stream.feed(event) for event in again] == went_on
    stream.reset()
    assert [stream.feed(event) for event in TAKE] == first


def test_controls_of_several_are_told_apart_where_they_differ():
    names = [control.name for control in known_controls("velocity+performance-rnn")]
    assert {"dynamics", "mode", "velocity.temperature", "performance-rnn.temperature"} <= set(names)
    assert "temperature" not in names and len(names) == len(set(names))
    assert [control.name for control in load_performer("velocity+performance-rnn").controls] == names
    assert [control.name for control in known_controls("scaled@C-1-B3,scaled@C4-G9")] == ["gain", "mood"]


@pytest.mark.parametrize(
    ("name", "lookahead_s", "fragments"),
    [
        ("velocty+passthrough", None, ["'velocty'", "did you mean 'velocity'?"]),
        ("velocity@C4-H5", None, ["'velocity@C4-H5'", "'C4-H5'", "expected keys"]),
        ("velocity@C4-C5,passthrough", None, ["'passthrough' has no keys", "velocity@C-1-B3"]),
        ("velocity@C4-C5,passthrough@C5-C6", None, ["two have keys of C5-C6"]),
        ("velocity@C4-C5", 1.0, ["--lookahead", "answer at once"]),
        ("velocity+", None, ["no performer is called ''"]),
    ],
)
def test_what_cannot_be_combined_is_said_in_one_line(name, lookahead_s, fragments):
    with pytest.raises(UsageError) as refused:
        performer = load_performer(name, None, lookahead_s)
        performer.perform(None, Request(), {}, 0, live=False)
    assert all(fragment in str(refused.value) for fragment in fragments), str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_last_of_a_chain_may_look_ahead():
    assert find_system("velocity+dexter").plays == {Kind.NOTES}
    assert load_performer("scaled+velocity", None, 0.5).latency_ns == 500 * MS
    assert [pitch for pitch, _ in velocities(perform("scaled+velocity", lookahead_s=0.5))] == [40, 80]
