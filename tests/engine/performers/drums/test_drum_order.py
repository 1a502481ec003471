"""Strokes that are moved: what must keep its order does."""

import numpy as np

from engine.midi.events import CONTROL_CHANGE, POLYPHONIC_AFTERTOUCH, Event, note_off, note_on
from engine.performers.drums.order import moved_places

CLOSED, OPEN, SNARE, CRASH = 42, 46, 38, 49


def moved(messages, shifts):
    """Move messages, (time, message), and return their new times."""
    events = [Event(time, message) for time, message in messages]
    return moved_places(events, np.array([time for time, _ in messages], float), shifts, {}).tolist()


def test_a_note_off_goes_with_its_stroke_and_stops_at_the_next():
    track = [(0, note_on(9, SNARE, 90)), (90, note_off(9, SNARE)), (100, note_on(9, SNARE, 90)), (150, note_off(9, SNARE))]
    assert moved(track, {0: 30, 2: 5}) == [30, 105, 105, 155]
    assert moved(track, {2: -20}) == [0, 80, 80, 130]


def test_what_chokes_a_hat_still_does():
    track = [(0, note_on(9, OPEN, 90)), (50, note_on(9, CLOSED, 90)), (100, note_on(9, SNARE, 90))]
    assert moved(track, {0: 40, 1: -30}) == [40, 40, 100]
    assert moved(track, {1: 40, 2: -40}) == [0, 90, 60]  # a snare may overtake


def test_a_stroke_stays_between_the_messages_that_change_its_sound():
    pedal = bytes((CONTROL_CHANGE | 9, 4, 90))
    track = [(0, note_on(9, CLOSED, 90)), (40, pedal), (50, note_on(9, CLOSED, 90)), (80, pedal)]
    assert moved(track, {0: 60, 2: 60}) == [40, 40, 80, 80]
    assert moved(track, {2: -60}) == [0, 40, 40, 80]


def test_a_hand_on_a_cymbal_comes_with_its_stroke():
    track = [(100, note_on(9, CRASH, 90)), (150, bytes((POLYPHONIC_AFTERTOUCH | 9, CRASH, 127))), (160, note_off(9, CRASH))]
    assert moved(track, {0: -20}) == [80, 130, 140]


def test_nothing_goes_before_the_beginning_and_other_notes_stay():
    track = [(0, note_on(9, SNARE, 90)), (0, note_on(0, 60, 90)), (10, note_off(9, SNARE)), (50, note_off(0, 60))]
    assert moved(track, {0: -20}) == [0, 0, 10, 50]
