"""The pedal of a performance that looks ahead, from made-up decisions."""

import pytest

from engine.midi.events import Event, control_change, note_on
from engine.performers.velocity.pedalling import DOWN, UP, Pedalling

MS = 1_000_000
PRESS_MS = 150
STAYS, CHANGES, LETS_GO = (0.1, 0.9), (0.8, 0.9), (0.8, 0.1)  # likelihoods of "lifted" and "down"
ORGAN = 19


@pytest.fixture
def pedalling():
    made = Pedalling.of({"pedal_press_s": PRESS_MS / 1000, "pedal_lifted_share": 0.5})
    made.strike(Event(0, note_on(0, 60, 64), track=3))
    return made


def moves(pedalling):
    """Take all that is decided; return times in ms, channels and values."""
    sent = []
    while pedalling.next_ns() is not None:
        sent += pedalling.pop()
    return [(event.time_ns / MS, event.message[0] & 0xF, event.message[2]) for event in sent]


def decide(pedalling, *notes):
    pedalling.decide([at_ms * MS for at_ms, _ in notes], [likely for _, likely in notes])


def test_a_pedal_is_changed_at_a_chord_and_stays_down_between(pedalling):
    decide(pedalling, (0, STAYS), (500, STAYS), (1000, CHANGES), (1500, LETS_GO))
    assert moves(pedalling) == [(150, 0, DOWN), (1000, 0, UP), (1150, 0, DOWN), (1500, 0, UP)]


def test_notes_of_a_chord_decide_together(pedalling):
    decide(pedalling, (0, STAYS), (1000, (0.9, 0.9)), (1010, (0.0, 0.9)), (1020, (0.0, 0.9)))  # 0.3 in the mean: it stays
    assert moves(pedalling) == [(150, 0, DOWN)]


def test_the_rest_of_a_chord_that_was_decided_changes_nothing(pedalling):
    decide(pedalling, (0, STAYS), (1000, CHANGES))
    decide(pedalling, (1010, LETS_GO))
    assert moves(pedalling) == [(150, 0, DOWN), (1000, 0, UP), (1150, 0, DOWN)]


def test_a_chord_that_lifts_before_the_pedal_is_down_again_keeps_it_up_until_then(pedalling):
    decide(pedalling, (0, STAYS), (1000, CHANGES), (1100, CHANGES))
    assert moves(pedalling) == [(150, 0, DOWN), (1000, 0, UP), (1250, 0, DOWN)]


def test_the_senders_pedal_counts_in_its_place(pedalling):
    decide(pedalling, (0, STAYS), (1000, CHANGES))
    assert pedalling.pop()[0].message == control_change(0, 64, DOWN)
    pressed = Event(600 * MS, control_change(5, 64, 90))
    assert pedalling.follow(pressed) == [Event(600 * MS, control_change(0, 64, UP), track=3)]
    decide(pedalling, (2000, CHANGES))
    assert moves(pedalling) == []


@pytest.mark.parametrize("number", [120, 121, 123])
def test_a_sender_who_silences_everything_lifts_it(pedalling, number):
    decide(pedalling, (0, STAYS))
    pedalling.pop()
    assert pedalling.follow(Event(600 * MS, control_change(0, number, 0)))[0].message == control_change(0, 64, UP)
    decide(pedalling, (1000, STAYS))
    assert moves(pedalling) == [(1150, 0, DOWN)]  # what comes afterwards is pedalled again


def test_only_pianos_are_pedalled_and_one_that_becomes_another_is_lifted(pedalling):
    assert pedalling.follow(Event(0, bytes((0xC1, ORGAN)))) == []
    pedalling.strike(Event(0, note_on(1, 60, 64)))
    pedalling.strike(Event(0, note_on(2, 60, 64)))
    decide(pedalling, (0, STAYS))
    assert moves(pedalling) == [(150, 0, DOWN), (150, 2, DOWN)]
    assert pedalling.follow(Event(600 * MS, bytes((0xC2, ORGAN)))) == [Event(600 * MS, control_change(2, 64, UP))]
    decide(pedalling, (1000, LETS_GO))
    assert moves(pedalling) == [(1000, 0, UP)]


def test_at_the_end_it_is_up(pedalling):
    decide(pedalling, (0, STAYS))
    pedalling.pop()
    assert [event.message for event in pedalling.finish(900 * MS)] == [control_change(0, 64, UP)]
    assert pedalling.finish(950 * MS) == []


def test_a_network_that_never_pedals_leaves_it_up(pedalling):
    decide(pedalling, (0, STAYS))
    pedalling.pop()
    pedalling.learn({}, 700 * MS)
    assert moves(pedalling) == [(700, 0, UP)]
