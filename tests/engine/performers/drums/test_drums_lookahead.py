"""Live drums with look-ahead: what is on the sender's beat is played off it, and what must keep its order does."""

import copy

import numpy as np
import pytest
from drum_tracks import BONGO, HAT, KICK, OPEN, SNARE, pattern

from engine.midi.events import CONTROL_CHANGE, Event, is_note_off, is_note_on, note_off, note_on
from engine.performers.drums.moving import Before, Moving
from engine.performers.registry import load_performer

QUARTER_NS = 500_000_000
LATENCY_NS = 1_000_000_000
QUIET = {"temperature": 0, "level": 1}


@pytest.fixture(scope="module")
def drummer():
    return load_performer("drums", lookahead_s=1)


def sent_by(messages, spare_ns=0):
    """Put messages, (due, message, later, grace), that are known one after another; return what is sent."""
    moving = Moving({}, spare_ns)
    events = [Event(time, message) for time, message, *_ in messages]
    for number, (time, _, later, *grace) in enumerate(messages):
        moving.put(events[number], time, later, events[number + 1 :], *grace)
    return [(event.time_ns, event.message) for event in moving.pop(None)]


def test_strokes_of_a_key_and_of_the_hat_keep_their_order_and_their_ends():
    open_hat, closed = note_on(9, OPEN, 90), note_on(9, HAT, 90)
    assert sent_by([(100, open_hat, 40), (150, closed, -30)]) == [(140, open_hat), (140, closed)]
    snare, end = note_on(9, SNARE, 90), note_off(9, SNARE)
    assert sent_by([(100, snare, 0), (190, end, 0), (200, snare, -40)]) == [(100, snare), (160, end), (160, snare)]
    assert sent_by([(100, snare, 30), (110, end, 0)]) == [(130, snare), (140, end)]


def test_a_stroke_stays_between_controllers():
    pedal, hat = bytes((CONTROL_CHANGE | 9, 4, 90)), note_on(9, HAT, 90)
    assert sent_by([(100, pedal, 0), (120, hat, -50)]) == [(100, pedal), (100, hat)]
    assert sent_by([(100, hat, 50), (120, pedal, 0)]) == [(120, hat), (120, pedal)]


def test_a_grace_stroke_goes_with_its_main_one_and_ends_before_it():
    snare, grace, end = note_on(9, SNARE, 90), note_on(9, SNARE, 40), note_off(9, SNARE)
    assert sent_by([(100, snare, 10, Before(30, 40))]) == [(80, grace), (110, end), (110, snare)]
    assert sent_by([(100, snare, 0), (120, snare, 0, Before(30, 40))]) == [(100, snare), (120, snare)]  # no room


def play(stream, strokes, clock=True, channel=9):
    """Feed strokes at 120 quarters a minute, with the sender's clock; advance as a run does; return all that is sent, in order."""
    inputs = [(round(quarter * QUARTER_NS), note_on(channel, key, 100)) for quarter, key in strokes]
    inputs += [(time_ns + 60_000_000, note_off(channel, message[1])) for time_ns, message in inputs]
    if clock:
        ticks = range(24 * 4 * 9)
        inputs += [(-2, b"\xfa"), *((round(tick * QUARTER_NS / 24) - 1, b"\xf8") for tick in ticks)]
    sent = []
    for time_ns, message in sorted(inputs, key=lambda each: (each[0], is_channel_on(each[1]))):
        while (due_ns := stream.next_due_ns()) is not None and due_ns <= time_ns:
            sent += stream.advance(due_ns)
        event = Event(time_ns, message)
        if message[0] >= 0xF0:
            stream.follow_clock(event)
        else:
            sent += stream.feed(event)
    return sent + stream.finish()


def is_channel_on(message):
    return message[0] < 0xF0 and is_note_on(message)


def onsets(sent, key):
    return np.array([event.time_ns - LATENCY_NS for event in sent if is_note_on(event.message) and event.message[1] == key])


def test_strokes_on_the_beat_are_played_off_it_and_others_are_not(drummer):
    beat = pattern(8)
    sent = play(drummer.create_stream(0, QUIET), [*beat, (8.4, KICK)])
    assert [event.time_ns for event in sent] == sorted(event.time_ns for event in sent)
    written = np.array([quarter * QUARTER_NS for quarter, key in beat if key == HAT])
    moved_ms = (onsets(sent, HAT) - written) / 1e6
    assert 1 < np.abs(moved_ms).mean() < 60 and np.abs(moved_ms).max() <= 90
    assert 8.4 * QUARTER_NS in onsets(sent, KICK)  # somebody has played it there
    assert onsets(sent, BONGO).tolist() == [quarter * QUARTER_NS for quarter, key in beat if key == BONGO]
    still = play(drummer.create_stream(0, QUIET | {"timing": 0}), beat)
    assert onsets(still, HAT).tolist() == written.tolist()
    alone = play(drummer.create_stream(0, QUIET), beat, clock=False)
    assert onsets(alone, HAT).tolist() == written.tolist()
    assert len({event.message[2] for event in alone if is_note_on(event.message)}) > 4


def test_each_stroke_has_an_end_with_ghost_notes_and_flams(drummer):
    beat = [(4 * bar + quarter, SNARE) for bar in range(8) for quarter in (0, 1, 2, 2.5, 3, 3.5)]
    plain = play(drummer.create_stream(0, QUIET), beat)
    sent = play(drummer.create_stream(0, QUIET | {"ghosts": 1, "flams": 1}), beat)
    down = set()
    for event in sent:
        key = event.message[1]
        assert (key in down) == is_note_off(event.message) and (key in down) != is_note_on(event.message)
        down ^= {key}
    assert not down and len(onsets(sent, SNARE)) > len(onsets(plain, SNARE)) == len(beat)


def test_ghost_notes_are_soft_and_on_sixteenths(drummer):
    asked = QUIET | {"timing": 0, "ghosts": 1, "style": 6}
    sent = play(drummer.create_stream(0, asked), pattern(8))
    struck = {event.time_ns - LATENCY_NS: event.message[2] for event in sent if is_note_on(event.message) and event.message[1] == SNARE}
    written = {quarter * QUARTER_NS for quarter, key in pattern(8) if key == SNARE}
    ghosts = {time_ns: velocity for time_ns, velocity in struck.items() if time_ns not in written}
    assert ghosts and written < set(struck)
    assert max(ghosts.values()) <= 0.4 * max(struck[time_ns] for time_ns in written)
    away = [(time_ns / QUARTER_NS * 4 + 0.5) % 1 - 0.5 for time_ns in ghosts]
    assert max(map(abs, away)) < 0.01


def test_a_take_goes_on_where_it_was(drummer):
    stream = drummer.create_stream(3, {"temperature": 1.0, "ghosts": 1})
    first = play(stream, pattern(8))
    stream.reset()
    assert play(stream, pattern(8)) == first
    stream.reset()
    for quarter, key in pattern(1):
        stream.feed(Event(round(quarter * QUARTER_NS), note_on(9, key, 100)))
    kept = stream.snapshot()
    rest = stream.finish()
    stream.restore(copy.copy(kept))
    assert stream.finish() == rest != []
