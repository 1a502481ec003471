"""The messages of a score beside its notes: which of them a performance needs that begins anywhere."""

from collections.abc import Sequence

from engine.midi.events import is_channel_message, is_control_change, is_note_off, is_note_on
from engine.score.piece import NonNoteEvent


def is_note(message: bytes) -> bool:
    """Return whether a message begins or ends a note."""
    return is_channel_message(message) and (is_note_on(message) or is_note_off(message))


def set_up(non_note_events: Sequence[NonNoteEvent], quarter: float) -> list[NonNoteEvent]:
    """Return what sets an instrument up at ``quarter``: the events there, and the last of each kind before it."""
    chosen: dict[object, NonNoteEvent] = {}
    for event in non_note_events:
        message = event.message
        if event.quarter > quarter:
            break
        if is_note(message):
            continue
        if event.quarter == quarter:
            chosen[len(chosen)] = event
        elif is_channel_message(message):
            chosen[message[:2] if is_control_change(message) else message[:1]] = event
    return list(chosen.values())
