"""A partner's own notes on their way to a grid: in order, with their lengths, no key pressed while it is down."""

from engine.midi.events import Event
from engine.performers.performance_rnn.partner_notes import PartnerNotes

MS = 1_000_000
CLOCK_NS = 20 * MS


def notes_on_a_grid(grid_quarters=0.25):
    """A sixteenth is 120 ms; the song and its first clock begin at 0; it is 480 ms now."""
    own = PartnerNotes(grid_quarters=grid_quarters)
    own.clock.follow(Event(0, b"\xfa"))
    for clock in range(25):
        own.clock.follow(Event(clock * CLOCK_NS, b"\xf8"))
    return own


def taken(own):
    return [(round(note.due_ns / MS), note.pitch, note.velocity) for note in own.take_due(10_000 * MS)]


def test_onsets_move_to_the_nearest_place_and_releases_with_them():
    own = notes_on_a_grid()
    for time_ms, pitch, velocity in ((650, 60, 70), (680, 60, 0), (670, 62, 70), (900, 62, 0)):
        own.put(time_ms * MS, pitch, velocity, 480 * MS)
    assert taken(own) == [(600, 60, 70), (630, 60, 0), (720, 62, 70), (950, 62, 0)]
    assert own.reach_ns(480 * MS) == 60 * MS


def test_what_is_over_is_not_gone_back_to():
    own = notes_on_a_grid()
    own.put(500 * MS, 60, 70, 500 * MS)
    assert taken(own) == [(600, 60, 70)]


def test_a_key_is_let_go_before_it_is_struck_again():
    own = notes_on_a_grid()
    for time_ms, velocity in ((661, 70), (685, 0), (770, 80), (900, 0)):
        own.put(time_ms * MS, 60, velocity, 480 * MS)
    assert taken(own) == [(720, 60, 70), (720, 60, 0), (720, 60, 80), (850, 60, 0)]


def test_what_is_dropped_never_comes():
    own = notes_on_a_grid()
    own.sounding[64] = 0
    for pitch in (60, 62):
        own.put(700 * MS, pitch, 70, 480 * MS)
    assert own.drop(60) == {60} and [pitch for _, pitch, _ in taken(own)] == [62]
    own.put(700 * MS, 60, 70, 480 * MS)
    assert own.drop() == {60, 64} and taken(own) == []
