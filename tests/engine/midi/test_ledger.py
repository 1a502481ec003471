from hypothesis import given
from hypothesis import strategies as st

from engine.midi.events import Event, control_change, is_note_off, note_off, note_on
from engine.midi.ledger import MOST_OVERLAPS, NoteLedger

channels, pitches = st.integers(0, 2), st.integers(60, 63)
messages = st.one_of(
    st.builds(note_on, channels, pitches, st.integers(0, 127)),
    st.builds(note_off, channels, pitches),
    st.builds(control_change, channels, st.sampled_from([1, 64, 66, 67, 123]), st.integers(0, 127)),
    st.sampled_from([b"\xf8", b"\xfe", b"\xf0\x90\x40\xf7", b"\xc0\x05", b"\xd1\x40", b"\xe0\x00\x40", b"\xa0\x3c\x10"]),
)


@given(st.lists(messages, max_size=200))
def test_after_releasing_nothing_sounds_and_no_pedal_is_down(sent):
    ledger = NoteLedger()
    sounding, pedals = {}, {}
    for message in sent:
        ledger.observe(message)
    for message in sent + [event.message for event in ledger.release_all()]:
        kind, key = message[0] & 0xF0, message[:2]
        if kind == 0x90 and message[2]:
            place = (message[0] & 15, message[1])
            sounding[place] = min(sounding.get(place, 0) + 1, MOST_OVERLAPS)
        elif kind in (0x80, 0x90):
            place = (message[0] & 15, message[1])
            sounding[place] = max(sounding.get(place, 0) - 1, 0)
        elif kind == 0xB0 and message[1] in (64, 66, 67):
            pedals[key] = message[2]
    assert not any(sounding.values())
    assert not any(pedals.values())
    assert ledger.sounding == 0
    assert ledger.release_all() == []


def test_a_key_that_was_struck_twice_is_released_twice_in_the_tracks_it_came_from():
    ledger = NoteLedger()
    ledger.observe(note_on(3, 60, 64), track=1)
    ledger.observe(note_on(3, 60, 64), track=2)
    ledger.observe(control_change(3, 64, 1), track=2)
    assert ledger.release_all(7) == [
        Event(7, note_off(3, 60), 1),
        Event(7, note_off(3, 60), 2),
        Event(7, control_change(3, 64, 0), 2),
    ]


def test_a_key_that_was_struck_twice_and_let_go_once_still_sounds():
    ledger = NoteLedger()
    for message in (note_on(0, 60, 64), note_on(0, 60, 64), note_off(0, 60)):
        ledger.observe(message)
    assert ledger.sounding == 1
    assert ledger.release_all() == [Event(0, note_off(0, 60))]


def test_a_sender_without_note_offs_does_not_fill_the_memory():
    ledger = NoteLedger()
    for _ in range(10_000):
        ledger.observe(note_on(9, 38, 100))
    assert ledger.sounding == MOST_OVERLAPS
    ended = ledger.release_all()
    assert ended and all(is_note_off(event.message) for event in ended)


def test_of_two_tracks_on_a_key_the_one_that_ended_it_is_done():
    ledger = NoteLedger()
    for track in (1, 2, 3):
        ledger.observe(note_on(0, 60, 64), track)
    ledger.observe(note_off(0, 60), 2)
    assert [event.track for event in ledger.release_all()] == [1, 3]
