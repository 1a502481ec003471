"""What the tests of score players share: a piece, and how it is played without waiting."""

import itertools
from collections import Counter

import numpy as np

from engine.midi.events import SUSTAIN_PEDAL, is_control_change, is_note_off, is_note_on
from engine.midi.file import MidiTimeline, Track
from engine.score.piece import Piece
from engine.score.tables import MARKING_DTYPE, MEASURE_DTYPE, SCORE_NOTE_DTYPE, TEMPO_DTYPE, TIME_SIGNATURE_DTYPE, Score

BARS = 40
START_NS = 5_000_000_000


def melody(bars=BARS, pitch_of=lambda index: 40 + index % 48, non_note_events=()):
    """Return a piece in 4/4 at 100 quarters a minute: a chord and three quarters in each bar, no key twice in a row."""
    rows = []
    for bar, place in itertools.product(range(bars), (0.0, 0.0, 1.0, 2.0, 3.0)):
        rows.append((4 * bar + place, 1.0, pitch_of(len(rows)), 1, 0, 0, f"n{len(rows)}", False, 0))
    notes = np.array(rows, SCORE_NOTE_DTYPE)
    measures = np.array([(4 * bar, 4, bar + 1) for bar in range(bars)], MEASURE_DTYPE)
    score = Score(
        notes,
        measures,
        np.array([(0, 4, 4)], TIME_SIGNATURE_DTYPE),
        np.array([(0, 100)], TEMPO_DTYPE),
        np.zeros(len(notes), MARKING_DTYPE),
        has_markings=False,
    )
    return Piece(score, np.zeros(len(notes), int), np.zeros(len(notes), int), non_note_events, MidiTimeline([], (Track(),), 0, 960))


def marked(piece, name, rows, value):
    """Return the piece with a marking of which the networks know nothing."""
    piece.score.markings[name][rows] = value
    return piece


def play(stream, actions=(), until_ns=10**13):
    """Play as the engine does, on a clock that jumps from one due time to the next; ``actions`` are (time in s, what to do then)."""
    stream.start(START_NS)
    sent, waiting = [], sorted(actions, key=lambda action: action[0])
    while True:
        due_ns = stream.next_due_ns()
        action_ns = START_NS + round(waiting[0][0] * 1e9) if waiting else None
        if action_ns is not None and (due_ns is None or action_ns < due_ns):
            waiting.pop(0)[1](action_ns)
        elif due_ns is None or due_ns > START_NS + until_ns:
            return [event._replace(time_ns=event.time_ns - START_NS) for event in sent]
        else:
            events = stream.advance(due_ns)
            assert all(event.time_ns <= due_ns for event in events)
            sent += events


def notes_of(events):
    return [(event.time_ns / 1e9, event.message[1], event.message[2]) for event in events if is_note_on(event.message)]


def assert_all_released(events):
    counts = Counter()
    for event in events:
        counts[event.message[1]] += is_note_on(event.message) - is_note_off(event.message)
        assert not is_note_off(event.message) or counts[event.message[1]] >= 0
    assert not any(counts.values())
    pedal = [event.message[2] for event in events if is_control_change(event.message) and event.message[1] == SUSTAIN_PEDAL]
    assert not pedal or pedal[-1] == 0
