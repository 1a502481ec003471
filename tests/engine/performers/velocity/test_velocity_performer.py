"""The velocity performers with the weights that ship."""

import numpy as np
import pytest
from played_events import play, velocities

from engine.midi.events import Event, channel_of, control_change, is_note_on, note_off, note_on
from engine.performers.controls import MODEL
from engine.performers.velocity.controls import CENTRE
from engine.performers.velocity.expression import ExpressionNoise, HintGate, VelocityExpression
from engine.performers.velocity.performer import load_performer

SECOND_NS = 1_000_000_000
CONSTANTS = {"quantile_levels": [0.1, 0.5, 0.9], "noise_time_constants_s": [0.5, 5.0], "noise_shares": [0.3, 0.4]}


def take(notes=80, seed=0, velocity=None, start_ns=0):
    """A made-up take: runs and chords with pedal, held and released as a hand would, in order of time."""
    random = np.random.default_rng(seed)
    events, time_ns = [], start_ns
    for number in range(notes):
        time_ns += int(random.choice([0, 3_000_000, 125_000_000, 250_000_000]))
        pitch = int(random.integers(21, 109))
        touch = int(random.integers(20, 110))
        events.append(Event(time_ns, note_on(number % 2, pitch, velocity or touch)))
        events.append(Event(time_ns + 200_000_000, note_off(number % 2, pitch, 30)))
        if number % 10 == 0:
            events.append(Event(time_ns + 1, control_change(0, 64, 127 * (number % 20 == 0))))
    return sorted(events, key=lambda event: event.time_ns)


@pytest.fixture(scope="module")
def causal():
    return load_performer(None, None)


@pytest.fixture(scope="module", params=[None, 1.5], ids=["causal", "looking ahead"])
def performer(request):
    return load_performer(None, request.param)


def test_only_velocities_change_and_everything_is_delayed_alike(performer):
    events = take()
    sent = play(performer.create_stream(0, {}), events)
    assert [event.time_ns - performer.latency_ns for event in sent] == [event.time_ns for event in events]
    for before, after in zip(events, sent, strict=True):
        if is_note_on(before.message):
            assert after.message[:2] == before.message[:2] and 1 <= after.message[2] <= 127
        else:
            assert after.message == before.message
    assert velocities(sent) != velocities(events)


def test_the_same_seed_gives_the_same_take_at_any_time_of_day(performer):
    once = play(performer.create_stream(3, {"temperature": 1}), take())
    again = play(performer.create_stream(3, {"temperature": 1}), take(start_ns=12_345 * SECOND_NS + 678))
    other = play(performer.create_stream(4, {"temperature": 1}), take())
    assert velocities(once) == velocities(again) != velocities(other)


def test_at_temperature_0_the_seed_does_not_matter(performer):
    settings = {"temperature": 0}
    assert velocities(play(performer.create_stream(1, settings), take())) == velocities(play(performer.create_stream(2, settings), take()))


def test_a_restored_stream_goes_on_as_before(performer):
    events = take(120)
    stream = performer.create_stream(0, {"temperature": 1})
    first = play_without_finish(stream, events[:100])
    snapshot = stream.snapshot()
    rest = play(stream, events[100:])
    stream.restore(snapshot)
    assert play(stream, events[100:]) == rest
    stream.restore(snapshot)
    assert play(stream, events[100:]) == rest
    stream.reset()
    assert play_without_finish(stream, events[:100]) == first


def play_without_finish(stream, events):
    sent = []
    for event in events:
        while (due_ns := stream.next_due_ns()) is not None and due_ns < event.time_ns:
            sent += stream.advance(due_ns)
        sent += stream.feed(event)
    return sent


def test_streams_of_one_performer_do_not_disturb_each_other(performer):
    settings = {"temperature": 0.7}
    alone = play_without_finish(performer.create_stream(0, settings), take())
    one, two = performer.create_stream(0, settings), performer.create_stream(5, settings)
    sent = []
    for event, other in zip(take(), take(seed=1), strict=False):
        sent += play_without_finish(one, [event])
        play_without_finish(two, [other])
    assert sent == alone[: len(sent)] and len(sent) > 0


def test_strength_0_leaves_the_played_velocities(performer):
    events = take()
    assert velocities(play(performer.create_stream(0, {"strength": 0}), events)) == velocities(events)


def test_dynamics_and_range_do_what_they_say(performer):
    def played(**controls):
        return np.array(velocities(play(performer.create_stream(0, {"temperature": 0.5} | controls), take(velocity=64))))

    plain = played()
    assert played(dynamics=15).mean() > plain.mean() + 10
    assert played(dynamics=-15).mean() < plain.mean() - 10
    assert set(played(range=0)) == {round(CENTRE)}
    assert played(range=1.5).std() > plain.std() * 1.2


def test_the_level_is_that_of_what_is_played_or_the_models(performer):
    def played(velocity, **controls):
        stream = performer.create_stream(0, {"hint": 2, "temperature": 0} | controls)
        return np.array(velocities(play(stream, take(200, velocity=velocity))))

    for velocity in (40, 90):
        assert played(velocity).mean() == pytest.approx(velocity, abs=1.5)
    assert np.array_equal(played(40, level=MODEL), played(90, level=MODEL))
    quiet, loud = played(40)[50:], played(90)[50:]
    assert np.corrcoef(quiet, loud)[0, 1] > 0.95 and quiet.std() > 1


def test_a_control_changes_what_comes_after_it(causal):
    stream = causal.create_stream(0, {})
    events = take()
    play(stream, events[:60])
    stream.set_control("strength", 0)
    assert velocities(play(stream, events[60:])) == velocities(events[60:])


def test_the_hint_makes_hard_notes_louder(performer):
    hinted = play(performer.create_stream(0, {"hint": 1, "temperature": 0}), take(200))
    pairs = np.array([velocities(take(200)), velocities(hinted)])
    assert np.corrcoef(pairs)[0, 1] > 0.7
    deaf = {"hint": 2, "temperature": 0, "level": MODEL}
    unheard = play(performer.create_stream(0, deaf), take(200))
    flat = play(performer.create_stream(0, deaf), take(200, velocity=100))
    assert velocities(unheard) == velocities(flat)


def test_a_keyboard_without_touch_gives_no_hint_and_one_with_touch_does():
    flat, touch = HintGate(), HintGate()
    for number in range(40):
        flat.hear((64, 100)[number // 30])
        touch.hear(40 + 3 * number % 60)
    assert not flat.is_open() and touch.is_open()


def test_a_late_note_is_sent_at_once_and_the_model_hears_of_it_afterwards(causal):
    settings = {"temperature": 0, "level": MODEL}
    events = [event for event in take(40) if is_note_on(event.message)]
    stream = causal.create_stream(0, settings)
    before = velocities(play(stream, events[:10]))
    late = [stream.feed(event, late=True)[0].message[2] for event in events[10:15]]
    assert set(late) == {before[-1]}  # the last expression, carried forward
    while stream.rest():
        pass
    after = velocities(play(stream, events[15:]))
    assert after == velocities(play(causal.create_stream(0, settings), events))[15:]


@pytest.mark.parametrize("together", [2, 3, 10, 1000])
def test_events_foreseen_are_performed_as_if_they_had_come_one_by_one(causal, together):
    events = take(120)
    stream = causal.create_stream(0, {"temperature": 0.5})
    sent = []
    for first in range(0, len(events), together):
        stream.foresee(events[first : first + together])
        sent += [event for event in events[first : first + together] for event in stream.feed(event)]
    assert sent == play(causal.create_stream(0, {"temperature": 0.5}), events)


def test_late_notes_are_heard_with_the_chord_that_follows_them(causal):
    events = [event for event in take(40) if is_note_on(event.message)]
    stream = causal.create_stream(0, {"temperature": 0, "level": MODEL})
    play(stream, events[:10])
    for event in events[10:15]:
        stream.feed(event, late=True)
    stream.foresee(events[15:20])
    sent = [event for event in events[15:20] for event in stream.feed(event)]
    assert velocities(sent) == velocities(play(causal.create_stream(0, {"temperature": 0, "level": MODEL}), events[:20]))[15:]


def test_pitches_outside_the_piano_keep_their_pitch(performer):
    events = [Event(number * 100_000_000, note_on(0, pitch, 64)) for number, pitch in enumerate((0, 20, 21, 108, 109, 127))]
    sent = play(performer.create_stream(0, {}), events)
    assert [event.message[1] for event in sent] == [0, 20, 21, 108, 109, 127]


def test_looking_ahead_keeps_order_when_more_notes_wait_than_a_window_holds():
    performer = load_performer(None, 30.0)
    events = take(700)
    sent = play(performer.create_stream(0, {}), events)
    assert [(event.time_ns - performer.latency_ns, event.message[:2], channel_of(event.message)) for event in sent] == [
        (event.time_ns, event.message[:2], channel_of(event.message)) for event in events
    ]


def test_noise_is_standard_normal_and_alike_in_time():
    noise = ExpressionNoise(0, CONSTANTS["noise_time_constants_s"], CONSTANTS["noise_shares"])
    drawn = np.array([noise.draw(number * 0.1) for number in range(60_000)])
    assert drawn.std() == pytest.approx(1, abs=0.05)
    near = np.corrcoef(drawn[1:], drawn[:-1])[0, 1]
    assert near == pytest.approx(0.3 * np.exp(-0.2) + 0.4 * np.exp(-0.02), abs=0.05)


def test_sampling_at_temperature_1_follows_the_quantiles():
    expression = VelocityExpression(0, {"temperature": 1}, CONSTANTS)
    drawn = np.array([expression.choose(np.array([40.0, 60.0, 90.0]), number * 10.0) for number in range(4000)])
    assert (drawn < 60).mean() == pytest.approx(0.5, abs=0.04)
    assert ((drawn > 40) & (drawn < 90)).mean() == pytest.approx(0.8, abs=0.04)


def test_all_notes_off_is_heard_as_the_note_offs_that_it_stands_for(performer):
    """And a release that came too often, or that of another channel's key, is not heard at all."""
    begins = [Event(number * 150_000_000, note_on(number % 2, 60 + 2 * (number % 7), 64)) for number in range(6)]
    then = [event._replace(time_ns=event.time_ns + 1_500_000_000) for event in begins]
    ends_ns = 1_200_000_000
    ends = [Event(ends_ns, note_off(event.message[0] & 15, event.message[1])) for event in begins]
    said = [Event(ends_ns, control_change(channel, 123, 0)) for channel in (0, 1)]
    expected = velocities(play(performer.create_stream(1, {"hint": 2}), [*begins, *ends, *then]))
    assert velocities(play(performer.create_stream(1, {"hint": 2}), [*begins, *said, *then])) == expected
    assert velocities(play(performer.create_stream(1, {"hint": 2}), [*begins, *then])) != expected
    strangers = [Event(ends_ns + 200_000_000, note_off(channel, pitch)) for channel in (0, 3) for pitch in (60, 64, 71)]
    assert velocities(play(performer.create_stream(1, {"hint": 2}), [*begins, *ends, *strangers, *then])) == expected
