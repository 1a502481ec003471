"""The partner: it goes on when you stop, plays along, takes back what it had planned, and ends what it began."""

import numpy as np
import pytest
from synthetic_improviser import write_model

from engine.midi.events import Event, channel_of, control_change, is_note_on, note_off, note_on
from engine.midi.ledger import NoteLedger
from engine.performers.controls import defaults
from engine.performers.performance_rnn.controls import CONTROLS, preferences_of
from engine.performers.performance_rnn.performer import load_performer
from engine.performers.performance_rnn.reaction_delay import REACTION_NS, THOUGHT_NS
from engine.performers.performance_rnn.stream import HORIZON_NS

MS = 1_000_000


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_model(tmp_path_factory.mktemp("model") / "improviser.onnx"), None)


def played(*notes):
    """Events of (onset, release, pitch), in milliseconds."""
    events = [(on * MS, 1, note_on(0, pitch, 70)) for on, _, pitch in notes] + [
        (off * MS, 0, note_off(0, pitch)) for _, off, pitch in notes
    ]
    return [Event(time_ns, message) for time_ns, _, message in sorted(events)]


def perform(stream, events, until_ms, eager=False):
    """Do as the engine does: look in when something is due, and rest in between or not; return what was sent."""
    sent = []

    def advance(until_ns):
        while (due_ns := stream.next_due_ns()) is not None and due_ns <= until_ns:
            sent.extend(stream.advance(due_ns))

    for event in events:
        advance(event.time_ns - 1)
        sent.extend(stream.feed(event))
        while eager and stream.rest():
            pass
    advance(until_ms * MS)
    return sent


def own(sent, events):
    return [event for event in sent if event not in events]


PHRASE = played((0, 300, 60), (200, 500, 64), (500, 900, 67))


def test_after_an_input_every_event_has_time_to_be_thought_of(performer):
    """So that a chord that the network would play at once is spread, on every machine by as much."""
    stream = performer.create_stream(3, {"mode": 1, "temperature": 1.5})
    for event in played((0, 900, 60), (0, 900, 64)):
        if is_note_on(event.message):
            stream.feed(event)
    assert stream.next_due_ns() == REACTION_NS + 2 * THOUGHT_NS  # before, nothing is asked for that an input would have to wait for
    while stream.rest():
        pass
    reacts, *sampled = stream.snapshot()[0][0].planned
    assert reacts.time_ns >= REACTION_NS + 2 * THOUGHT_NS
    times_ns = [planned.time_ns - (REACTION_NS + 2 * THOUGHT_NS) for planned in sampled]
    assert all(time_ns >= place * THOUGHT_NS for place, time_ns in enumerate(times_ns, 1)) and times_ns == sorted(times_ns)
    assert any(time_ns == place * THOUGHT_NS for place, time_ns in enumerate(times_ns, 1))


def test_it_goes_on_when_you_stop_and_stops_when_you_start(performer):
    stream = performer.create_stream(1, {"pause": 0.5})
    sent = perform(stream, PHRASE, 4000)
    assert sent[: len(PHRASE)] == PHRASE
    mine = own(sent, PHRASE)
    assert len(mine) > 10 and mine[0].time_ns >= 1400 * MS
    assert [event.time_ns for event in mine] == sorted(event.time_ns for event in mine)
    ledger = NoteLedger()
    for event in mine:
        ledger.observe(event.message)
    assert ledger.sounding
    start = Event(4010 * MS, note_on(0, 50, 80))
    answer = perform(stream, [start], 6000)
    for event in answer[: answer.index(start)]:
        ledger.observe(event.message)
    assert ledger.sounding == 0 and answer[-1] == start  # and nothing more while the key is down
    after = perform(stream, [Event(6100 * MS, note_off(0, 50))], 8000)
    assert after[1].time_ns >= 6600 * MS and is_note_on(after[1].message)


@pytest.mark.parametrize("mode", [0, 1])
def test_when_it_thinks_changes_nothing(performer, mode):
    more = played((3000, 3100, 62), (3050, 3400, 65))
    lazy = perform(performer.create_stream(1, {"mode": mode, "pause": 0.5}), PHRASE + more, 6000)
    eager = perform(performer.create_stream(1, {"mode": mode, "pause": 0.5}), PHRASE + more, 6000, eager=True)
    assert lazy == eager and len(lazy) > 30
    assert perform(performer.create_stream(2, {"mode": mode, "pause": 0.5}), PHRASE + more, 6000) != lazy


def test_in_a_duet_what_was_planned_is_taken_back(performer):
    heard, unheard = (performer.create_stream(1, {"mode": 1}) for _ in range(2))
    first = played((0, 100, 60))
    assert perform(heard, first, 1000) == perform(unheard, first, 1000)
    while heard.rest():
        pass
    assert heard._state.planned[-1].time_ns > 1000 * MS + HORIZON_NS / 2
    with_note, without = perform(heard, played((1005, 1100, 61)), 3000), perform(unheard, [], 3000)
    mine = own(with_note, played((1005, 1100, 61)))
    assert [event for event in mine if event.time_ns <= 1004 * MS] == [event for event in without if event.time_ns <= 1004 * MS]
    assert mine != without
    assert min(event.time_ns for event in mine) > 1000 * MS and max(event.time_ns for event in mine) <= 3000 * MS


def test_keys_are_never_shared(performer):
    """Nobody presses a key that the other holds, but for the player, for whom it is let go first."""
    stream = performer.create_stream(3, {"mode": 1, "lowest": 60, "highest": 66, "density": 64})
    notes = [(100 * n, 100 * n + 90, 60 + n % 7) for n in range(40)]
    events = played(*notes)
    holders: dict[int, str] = {}
    collisions = 0
    for event in perform(stream, events, 6000):
        pitch, who = event.message[1], "player" if event in events else "partner"
        if is_note_on(event.message):
            assert pitch not in holders
            holders[pitch] = who
        else:
            collisions += any(
                event.time_ns == other.time_ns and is_note_on(other.message) and other.message[1] == pitch for other in events
            )
            assert holders.pop(pitch) == who
    assert collisions


def test_the_pedal_keeps_keys_sounding(performer):
    stream = performer.create_stream(1, {"mode": 1, "lowest": 60, "highest": 61})
    down, up = played((0, 50, 60))
    events = [down, Event(10 * MS, control_change(0, 64, 127)), up]
    mine = own(perform(stream, events, 4000), events)
    assert mine and {event.message[1] for event in mine} == {61}
    lift = Event(4001 * MS, control_change(0, 64, 0))
    assert 60 in {event.message[1] for event in perform(stream, [lift], 8000) if event != lift and is_note_on(event.message)}


def test_controls_are_heard(performer):
    stream = performer.create_stream(1, {"mode": 1, "channel": 3, "velocity": -60, "key": 1 + 12 + 9})
    mine = own(perform(stream, played((0, 100, 60)), 5000), played((0, 100, 60)))
    assert {channel_of(event.message) for event in mine} == {2}
    onsets = [event.message for event in mine if is_note_on(event.message)]
    assert {message[1] % 12 for message in onsets} <= {9, 11, 0, 2, 4, 5, 7, 8}  # a minor
    assert max(message[2] for message in onsets) <= 66
    stream.set_control("mute", 1)
    assert not any(is_note_on(event.message) for event in perform(stream, [], 8000))


def test_when_the_input_ends_it_goes_on_for_as_long_as_asked(performer):
    stream = performer.create_stream(1, {"seconds": 5, "pause": 0})
    sent = perform(stream, PHRASE, 0)
    assert sent == PHRASE
    rest = stream.finish()
    assert 900 * MS <= rest[0].time_ns and 5000 * MS < max(event.time_ns for event in rest) <= 5900 * MS
    ledger = NoteLedger()
    for event in rest:
        ledger.observe(event.message)
    assert ledger.sounding == 0 and sum(is_note_on(event.message) for event in rest) > 10
    silent = performer.create_stream(1, {"pause": 1})
    perform(silent, PHRASE, 0)
    assert silent.finish() == [] and silent.next_due_ns() is None


def test_a_snapshot_is_the_whole_state(performer):
    stream = performer.create_stream(1, {"mode": 1})
    perform(stream, PHRASE, 1500)
    snapshot = stream.snapshot()
    future = perform(stream, played((1600, 1700, 70)), 4000)
    stream.set_control("temperature", 0.1)
    stream.restore(snapshot)
    assert perform(stream, played((1600, 1700, 70)), 4000) == future
    stream.reset()
    again = perform(stream, PHRASE, 1500)
    assert again == perform(performer.create_stream(1, {"mode": 1}), PHRASE, 1500)


def test_impossible_preferences_end_nothing(performer):
    """No pitch is both in the range and in the key."""
    stream = performer.create_stream(1, {"mode": 1, "lowest": 61, "highest": 61, "key": 1})
    assert perform(stream, PHRASE, 3000) == PHRASE


def test_a_pedal_gives_it_the_turn(performer):
    stream = performer.create_stream(1, {"pause": 0})
    assert perform(stream, PHRASE, 4000) == PHRASE
    stream.set_control("take_turn", 1)
    pedal = Event(4005 * MS, control_change(0, 66, 127))
    mine = own(perform(stream, [pedal], 7000), [pedal])
    assert len(mine) > 10 and 4005 * MS <= mine[0].time_ns < 6000 * MS
    stream.set_control("take_turn", 0)
    key = Event(7005 * MS, note_on(0, 50, 80))
    assert not any(is_note_on(event.message) for event in own(perform(stream, [key], 9000), [key]))


@pytest.mark.parametrize("mode", [0, 1])
def test_panic_ends_everything_until_a_key_is_pressed(performer, mode):
    stream = performer.create_stream(1, {"mode": mode, "pause": 0.5})
    ledger = NoteLedger()
    for event in perform(stream, PHRASE, 4000):
        ledger.observe(event.message)
    assert ledger.sounding
    stream.set_control("panic", 1)
    for event in perform(stream, [], 9000):
        assert not is_note_on(event.message)
        ledger.observe(event.message)
    assert ledger.sounding == 0
    later = played((9005, 9100, 60))
    assert any(is_note_on(event.message) for event in own(perform(stream, later, 12000), later))


CLOCK_NS = 20 * MS  # 125 quarters a minute


def test_onsets_are_moved_to_midi_clock(performer):
    """Clocks begin with the song at 7 ms; a sixteenth is six of them. A quarter of clocks tells the tempo."""

    def sent_with(quantise):
        stream = performer.create_stream(2, {"mode": 1, "quantise": quantise})
        stream.follow_clock(Event(0, b"\xfa"))
        sent = []
        for clock in range(400):
            time_ns = 7 * MS + clock * CLOCK_NS
            while (due_ns := stream.next_due_ns()) is not None and due_ns < time_ns:
                sent += stream.advance(due_ns)
            stream.follow_clock(Event(time_ns, b"\xf8"))
            if clock == 24:
                sent += own(stream.feed(Event(time_ns, note_on(0, 60, 70))), [Event(time_ns, note_on(0, 60, 70))])
        return sent

    moved, free = sent_with(4), sent_with(0)
    onsets = np.array([event.time_ns for event in moved if is_note_on(event.message)])
    from_grid_ns = (onsets - 7 * MS + 3 * CLOCK_NS) % (6 * CLOCK_NS) - 3 * CLOCK_NS
    assert len(onsets) > 30 and np.abs(from_grid_ns).max() <= MS
    assert [event.time_ns for event in moved] == sorted(event.time_ns for event in moved)
    assert sum(is_note_on(event.message) for event in free) == pytest.approx(len(onsets), abs=8)
    ledger = NoteLedger()
    for event in moved:
        ledger.observe(event.message)
        assert max(len(tracks) for tracks in [[], *ledger._sounding.values()]) <= 1


def test_without_a_clock_onsets_are_free(performer):
    quantised, free = (performer.create_stream(2, {"mode": 1, "quantise": value}) for value in (4, 0))
    assert perform(quantised, PHRASE, 4000) == perform(free, PHRASE, 4000)


def test_a_long_silence_is_heard_as_a_short_one(performer):
    stream = performer.create_stream(1, {"pause": 0})
    late = [event._replace(time_ns=event.time_ns + 3600 * 1000 * MS) for event in PHRASE]
    assert perform(stream, PHRASE + late, 3600 * 1000 + 1000) == PHRASE + late
    stream.set_control("take_turn", 1)
    pedal = Event((3600 * 1000 + 1200) * MS, control_change(0, 66, 127))
    mine = own(perform(stream, [pedal], 3600 * 1000 + 3000), [pedal])
    assert stream._improvisation.step < 10 * 100
    assert len(mine) > 10 and min(event.time_ns for event in mine) >= pedal.time_ns


def test_equal_weights_are_no_wish():
    values = defaults(CONTROLS)
    assert preferences_of(values).histogram is None and preferences_of(values).density is None
    assert preferences_of(values | {"c": 0.0}).histogram == pytest.approx([0.0] + [1 / 11] * 11)
    assert preferences_of(values | {"key": 1.0}).limits.classes == tuple(index in (0, 2, 4, 5, 7, 9, 11) for index in range(12))
    assert (preferences_of(values | {"lowest": 90, "highest": 40}).limits.lowest) == 40


def test_an_input_waits_for_no_more_than_one_step(performer):
    """However much there is to hear, every call to rest hears one event; the reaction comes after all of it."""
    stream = performer.create_stream(3, {"mode": 1})
    for event in played((0, 900, 60), (0, 900, 64), (1, 900, 67)):
        if is_note_on(event.message):
            stream.feed(event)
    heard, hear = [], stream._improvisation.hear

    def count(events, *more, **named):
        heard.append(len(events))
        hear(events, *more, **named)

    stream._improvisation.hear = count
    while not stream.snapshot()[0][0].planned:
        stream.rest()
    assert heard[:-1] == [1] * 5 and heard[-1] > 0  # three notes, the first one's velocity, and a shift of time; then the reaction


def test_after_all_notes_off_it_goes_on_as_after_note_offs(performer):
    held = [Event(0, note_on(0, 60, 70)), Event(100 * MS, note_on(0, 64, 70)), Event(200 * MS, note_on(3, 48, 70))]
    let_go = [Event(600 * MS, note_off(0, 60)), Event(600 * MS, note_off(0, 64)), Event(700 * MS, note_off(3, 48))]
    silenced = [Event(600 * MS, control_change(0, 123, 0)), let_go[-1]]
    expected, heard = (
        own(perform(performer.create_stream(1, {"pause": 0.4}), [*held, *ends], 6000), [*held, *ends]) for ends in (let_go, silenced)
    )
    assert len(expected) > 10 and min(event.time_ns for event in expected) >= 1100 * MS
    assert heard == expected


def test_the_pedal_holds_past_all_notes_off_but_not_past_all_sound_off_or_a_reset(performer):
    def sustained(number):
        player = performer.create_stream(0, {})._state.player
        for message in (control_change(2, 64, 127), note_on(2, 60, 70), control_change(2, 123, 0)):
            assert player.hear(Event(0, message)) == ([(60, 70)] if message[0] == 0x92 else [])
        return player.hear(Event(0, control_change(2, *number)))

    assert sustained((64, 0)) == sustained((120, 0)) == sustained((121, 0)) == [(60, 0)]
    assert sustained((123, 0)) == sustained((64, 127)) == []


def test_a_key_of_one_channel_and_its_pedal_are_not_another_s(performer):
    player = performer.create_stream(0, {})._state.player
    for message in (control_change(1, 64, 127), note_on(0, 60, 70), note_on(1, 60, 70)):
        player.hear(Event(0, message))
    assert player.hear(Event(0, note_off(0, 60))) == []  # it sounds on the other channel
    assert player.hear(Event(0, note_off(1, 60))) == []
    assert player.hear(Event(0, control_change(0, 64, 0))) == []
    assert player.hear(Event(0, control_change(1, 64, 0))) == [(60, 0)]


def test_all_notes_off_leaves_its_own_notes_and_all_sound_off_ends_them(performer):
    stream = performer.create_stream(3, {"mode": 1})
    sent = perform(stream, PHRASE, 1500)
    sounding = dict(stream._state.own.sounding)
    time_ns = 1500 * MS
    while not sounding:
        time_ns = stream.next_due_ns()
        sent += stream.advance(time_ns)
        sounding = dict(stream._state.own.sounding)
    channel = next(iter(sounding.values()))
    assert stream.feed(Event(time_ns, control_change(channel, 123, 0))) == []
    assert stream._state.own.sounding == sounding
    silence = Event(time_ns, control_change(channel, 120, 0))
    assert stream.feed(silence) == [*(Event(time_ns, note_off(channel, pitch)) for pitch in sorted(sounding)), silence]
    assert stream.feed(Event(time_ns, control_change(channel, 123, 0)))[-1].message == control_change(channel, 123, 0)
