"""Which notes are held, by track, channel and key, and what ends them all (MIDI 1.0 detailed specification, channel mode messages).

A key that is struck while it is held has been let go unheard: the open note ends as the new one begins. A release that nothing is held
for ends nothing. So neither a lost note-off nor one too many costs a later note.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Generic, TypeVar

from engine.midi.events import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    RESET_CONTROLLERS,
    Event,
    channel_of,
    is_channel_message,
    is_control_change,
    is_note_off,
    is_note_on,
)

MODES = range(124, 128)  # omni off and on, mono and poly: each is All Notes Off too

Note = TypeVar("Note")


def ends_all_notes(message: bytes) -> bool:
    """Return whether a channel message lets all keys of its channel go. The pedal holds what it holds on, but for All Sound Off."""
    return is_control_change(message) and (message[1] in (ALL_SOUND_OFF, ALL_NOTES_OFF) or message[1] in MODES)


def lets_keys_go(message: bytes) -> bool:
    """Return whether a message is All Notes Off, which some keyboards say whenever their last key goes up."""
    return is_control_change(message) and message[1] == ALL_NOTES_OFF


def ends_all_sound(message: bytes) -> bool:
    """Return whether a channel message silences its channel, whatever the pedal holds."""
    return is_control_change(message) and message[1] == ALL_SOUND_OFF


def resets_controllers(message: bytes) -> bool:
    """Return whether a channel message lifts the pedals and puts modulation, expression, pitch bend and aftertouch at rest (MMA RP-015)."""
    return is_control_change(message) and message[1] == RESET_CONTROLLERS


class HeldNotes(Generic[Note]):
    """A note of the caller's for each key that is down. Tracks that share a channel are hands or instruments with keys of their own."""

    def __init__(self) -> None:
        self._notes: dict[tuple[int, int, int], Note] = {}  # by track, channel and pitch

    def __len__(self) -> int:
        return len(self._notes)

    def holds(self, pitch: int) -> bool:
        """Return whether a key is down on any channel."""
        return any(held == pitch for _, _, held in self._notes)

    def begin(self, event: Event, note: Note) -> Note | None:
        """Hold the note of a note-on; return the one that was open on its key, which ends now."""
        key = _key(event)
        closed = self._notes.pop(key, None)
        self._notes[key] = note
        return closed

    def end(self, event: Event) -> Note | None:
        """Let the key of a note-off go; return its note, if it was down."""
        return self._notes.pop(_key(event), None)

    def end_channel(self, channel: int) -> list[Note]:
        """Let all keys of a channel go; return their notes, those first that were struck first."""
        return [self._notes.pop(key) for key in [each for each in self._notes if each[1] == channel]]


def note_ends(events: Sequence[Event]) -> dict[int, int]:
    """Return the index of the event that ends each note, by that of its note-on, where there is one; ``events`` are in order.

    What is known beforehand tells overlapping notes of one key, whose ends come in the order of their beginnings, from a lost note-off:
    where all of them end before the key is silent, each has its own end. Otherwise a note ends when its key is struck again.
    """
    ends: dict[int, int] = {}
    since: dict[tuple[int, int, int], list[int]] = {}  # by track, channel and pitch: what came since the key was silent
    sounding: Counter[tuple[int, int, int]] = Counter()
    for index, event in enumerate(events):
        message = event.message
        if not is_channel_message(message):
            continue
        key = _key(event)
        if is_note_on(message) or (is_note_off(message) and key in since):
            since.setdefault(key, []).append(index)
            sounding[key] += 1 if is_note_on(message) else -1
            if not sounding[key]:
                _end_in_order(events, since.pop(key), ends)
        elif ends_all_notes(message):
            for other in [each for each in since if each[1] == channel_of(message)]:
                _end_at_once(events, [*since.pop(other), index], ends)
                del sounding[other]
    for indices in since.values():
        _end_at_once(events, indices, ends)
    return ends


def _end_in_order(events: Sequence[Event], since: list[int], ends: dict[int, int]) -> None:
    begun = [index for index in since if is_note_on(events[index].message)]
    ended = [index for index in since if is_note_off(events[index].message)]
    ends.update(zip(begun, ended, strict=True))


def _end_at_once(events: Sequence[Event], since: list[int], ends: dict[int, int]) -> None:
    held: int | None = None
    for index in since:
        if held is not None:
            ends[held] = index
        held = index if is_note_on(events[index].message) else None


def _key(event: Event) -> tuple[int, int, int]:
    return event.track, channel_of(event.message), event.message[1]
