"""MIDI events as tables: the notes, with partitura's field names, and the changes of the sustain pedal."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.midi.events import (
    DRUM_CHANNEL,
    SUSTAIN_PEDAL,
    Event,
    channel_of,
    is_channel_message,
    is_control_change,
    is_note_on,
)
from engine.midi.held import note_ends

NOTE_FIELDS = [("onset_sec", "f8"), ("duration_sec", "f8"), ("pitch", "i4"), ("velocity", "i4")]


class Played(NamedTuple):
    """What somebody played: ``notes`` (N,) of NOTE_FIELDS, and ``pedal`` (changes, 2) as ``pedal_array`` returns it."""

    notes: np.ndarray
    pedal: np.ndarray


def note_array(events: Sequence[Event], drums: bool = True) -> np.ndarray:
    """Return the notes of ``events`` (in order of time), sorted by onset and pitch, with partitura's field names.

    Times are in seconds. ``drums``: whether channel 10 is drums, which are left out: their numbers are no pitches. How notes end
    is told in engine.midi.held; one that is never released lasts until the last event.
    """
    notes: list[tuple[float, float, int, int]] = []
    ends = note_ends(events)
    for index, event in enumerate(events):
        message = event.message
        if not is_channel_message(message) or not is_note_on(message) or (drums and channel_of(message) == DRUM_CHANNEL):
            continue
        onset_s = event.time_ns / 1e9
        notes.append((onset_s, events[ends.get(index, -1)].time_ns / 1e9 - onset_s, message[1], message[2]))
    return np.sort(np.array(notes, dtype=NOTE_FIELDS), order=["onset_sec", "pitch"])


def pedal_array(events: Sequence[Event]) -> np.ndarray:
    """Return the sustain pedal's changes, shape (changes, 2): seconds, value 0 to 127."""
    changes = [
        (event.time_ns / 1e9, event.message[2])
        for event in events
        if is_channel_message(event.message) and is_control_change(event.message) and event.message[1] == SUSTAIN_PEDAL
    ]
    return np.array(changes, dtype=float).reshape(-1, 2)
