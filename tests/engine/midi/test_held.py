"""Which notes are held: lost and doubled note-offs, keys struck again, and what lets all keys of a channel go."""

from pathlib import Path

import numpy as np
import pytest

from engine.midi.events import Event, control_change, note_off, note_on
from engine.midi.file import MidiTimeline
from engine.midi.held import HeldNotes, ends_all_notes, ends_all_sound, lets_keys_go, note_ends, resets_controllers
from engine.midi.note_table import note_array
from engine.score.midi import midi_score

SECOND_NS = 1_000_000_000


def events(*messages):
    """One message a second."""
    return [Event(index * SECOND_NS, message) for index, message in enumerate(messages)]


def on(pitch=60, channel=0):
    return note_on(channel, pitch, 70)


def off(pitch=60, channel=0):
    return note_off(channel, pitch)


def test_channel_mode_messages_are_those_of_the_specification():
    """MIDI 1.0 detailed specification, table III (status bytes 176 to 191, controllers 120 to 127)."""
    said = [control_change(3, number, 0) for number in range(128)]
    assert [message[1] for message in said if ends_all_notes(message)] == [120, 123, 124, 125, 126, 127]
    assert [message[1] for message in said if ends_all_sound(message)] == [120]
    assert [message[1] for message in said if lets_keys_go(message)] == [123]
    assert [message[1] for message in said if resets_controllers(message)] == [121]
    assert not ends_all_notes(bytes((0x93, 123, 1))) and not ends_all_notes(b"\xf8")


def test_a_key_that_is_struck_again_closes_the_open_note_and_one_release_too_many_ends_nothing():
    held = HeldNotes()
    first, second = Event(0, on()), Event(1, on())
    assert held.begin(first, "first") is None
    assert held.begin(second, "second") == "first"
    assert held.end(Event(2, off())) == "second"
    assert held.end(Event(3, off())) is None and len(held) == 0


def test_channels_and_tracks_have_keys_of_their_own():
    held = HeldNotes()
    for channel, track in ((0, 0), (1, 0), (0, 1)):
        assert held.begin(Event(0, on(60, channel), track), (channel, track)) is None
    assert held.end(Event(1, off(60, 0), 1)) == (0, 1)
    assert held.end(Event(1, off(60, 0), 1)) is None
    held.begin(Event(2, on(64, 0)), "other key")
    assert held.end_channel(0) == [(0, 0), "other key"]
    assert held.holds(60) and not held.holds(64)


@pytest.mark.parametrize(
    ("messages", "ends"),
    [
        ((on(), off(), on(), off()), {0: 1, 2: 3}),
        ((on(), on(), off(), off()), {0: 2, 1: 3}),  # two voices on one key
        ((on(), on(), off(), on(), off(), off()), {0: 2, 1: 4, 3: 5}),  # each held a little into the next
        ((on(), on(), off(), on(), off()), {0: 1, 1: 2, 3: 4}),  # the first release was lost
        ((on(), off(), off(), on(), off()), {0: 1, 3: 4}),  # doubled
        ((on(), off(), on(), off(), on()), {0: 1, 2: 3}),  # never ended
        ((on(), on(62), control_change(0, 123, 0), on(), off()), {0: 2, 1: 2, 3: 4}),
        ((on(), on(62, 1), control_change(0, 120, 0), off(62, 1)), {0: 2, 1: 3}),
        ((on(), control_change(0, 121, 0), off()), {0: 2}),
        ((on(), on(), off(), control_change(0, 123, 0), on(), off()), {0: 1, 1: 2, 4: 5}),
    ],
)
def test_how_notes_end_that_are_known_beforehand(messages, ends):
    assert note_ends(events(*messages)) == ends


def test_pictures_and_scores_have_the_lengths_that_are_heard():
    """A note-off is lost, and All Notes Off ends what is held. At 120 quarters a minute a second has two."""
    heard = events(on(60), on(64), on(60), off(60), control_change(0, 123, 0), on(64), off(64), b"\xc0\x00")
    table = note_array(heard)
    assert table[["onset_sec", "duration_sec", "pitch"]].tolist() == [(0, 2, 60), (1, 3, 64), (2, 1, 60), (5, 1, 64)]
    read = midi_score(MidiTimeline(heard), Path("take.mid"))
    notes = read.score.notes
    assert notes[["onset_quarter", "duration_quarter", "pitch"]].tolist() == [(0, 4, 60), (2, 6, 64), (4, 2, 60), (10, 2, 64)]
    assert [event.message for event, _ in read.untouched] == [b"\xc0\x00"]  # it would cut off what is performed longer


def test_a_mode_of_a_score_s_channel_is_kept_though_it_ends_notes():
    mono = control_change(0, 126, 1)
    read = midi_score(MidiTimeline(events(mono, on(), mono, on(62), off(62))), Path("take.mid"))
    assert np.allclose(read.score.notes["duration_quarter"], 2)
    assert [event.message for event, _ in read.untouched] == [mono, mono]
