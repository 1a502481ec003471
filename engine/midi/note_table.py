"""MIDI events as tables: the notes, with partitura's field names, and the changes of the sustain pedal."""

from collections.abc import Sequence

import numpy as np

from engine.midi.events import (
    DRUM_CHANNEL,
    SUSTAIN_PEDAL,
    Event,
    channel_of,
    is_channel_message,
    is_control_change,
    is_note_off,
    is_note_on,
)

NOTE_FIELDS = [("onset_sec", "f8"), ("duration_sec", "f8"), ("pitch", "i4"), ("velocity", "i4")]


def note_array(events: Sequence[Event], drums: bool = True) -> np.ndarray:
    """Return the notes of ``events`` (in order of time), sorted by onset and pitch, with partitura's field names.

    Times are in seconds. ``drums``: whether channel 10 is drums, which are left out: their numbers are no pitches. A note that is never
    released lasts until the last event.
    """
    notes: list[list[float]] = []
    held: dict[tuple[int, int, int], list[int]] = {}
    for event in events:
        message = event.message
        if not is_channel_message(message) or (drums and channel_of(message) == DRUM_CHANNEL):
            continue
        key = (event.track, channel_of(message), message[1])
        if is_note_on(message):
            held.setdefault(key, []).append(len(notes))
            notes.append([event.time_ns / 1e9, np.nan, message[1], message[2]])
        elif is_note_off(message) and held.get(key):
            note = notes[held[key].pop(0)]
            note[1] = event.time_ns / 1e9 - note[0]
    for note in notes:
        if np.isnan(note[1]):
            note[1] = events[-1].time_ns / 1e9 - note[0]
    return np.sort(np.array([tuple(note) for note in notes], dtype=NOTE_FIELDS), order=["onset_sec", "pitch"])


def pedal_array(events: Sequence[Event]) -> np.ndarray:
    """Return the sustain pedal's changes, shape (changes, 2): seconds, value 0 to 127."""
    changes = [
        (event.time_ns / 1e9, event.message[2])
        for event in events
        if is_channel_message(event.message) and is_control_change(event.message) and event.message[1] == SUSTAIN_PEDAL
    ]
    return np.array(changes, dtype=float).reshape(-1, 2)
