"""The messages of a score beside its notes: which of them set its instruments up for a performance that begins anywhere."""

from collections.abc import Sequence

import numpy as np

from engine.midi.events import channel_of, is_channel_message, is_control_change, is_note_off, is_note_on
from engine.score.piece import NonNoteEvent, Piece


def is_note(message: bytes) -> bool:
    """Return whether a message begins or ends a note."""
    return is_channel_message(message) and (is_note_on(message) or is_note_off(message))


def led_from(piece: Piece) -> np.ndarray:
    """Return for each note of the printed score the position, in quarters, of the last message that it must not sound before (N,).

    -inf where there is none.
    """
    found = np.full(len(piece.channels), -np.inf)
    leading = [event for event in piece.non_note_events if event.leads]
    for channel in {channel_of(event.message) for event in leading}:
        quarters = np.array([-np.inf, *(event.quarter for event in leading if channel_of(event.message) == channel)])
        own = piece.channels == channel
        found[own] = quarters[np.searchsorted(quarters, piece.score.notes["onset_quarter"][own], side="right") - 1]
    return found


def set_up(non_note_events: Sequence[NonNoteEvent], quarter: float) -> list[NonNoteEvent]:
    """Return what sets an instrument up at ``quarter``: the events there, and the last of each kind before it, keyswitches too."""
    chosen: dict[object, NonNoteEvent] = {}
    for event in non_note_events:
        message = event.message
        if event.quarter > quarter:
            break
        if is_note(message):
            if event.leads and event.quarter < quarter:
                _keep_keyswitch(chosen, event)
            continue
        if event.quarter == quarter:
            chosen[len(chosen)] = event
        elif is_channel_message(message):
            chosen[message[:2] if is_control_change(message) else message[:1]] = event
    return list(chosen.values())


def _keep_keyswitch(chosen: dict[object, NonNoteEvent], event: NonNoteEvent) -> None:
    """Keep the keyswitch of a channel that went down last, and its end, if it has ended."""
    channel, down = channel_of(event.message), is_note_on(event.message)
    if down:
        chosen.pop((channel, False), None)
        chosen.pop((channel, True), None)
        chosen[channel, True] = event
    elif (before := chosen.get((channel, True))) and before.message[1] == event.message[1]:
        chosen[channel, False] = event
