"""Where the messages of a drum track go when its strokes are moved: what must not change its order does not.

A stroke stays between the messages that change how it sounds, such as the hi-hat's controller. Strokes of one key keep their order, and so
do those of the hi-hat, of which one chokes the other. A note-off goes with its stroke, and no further than the next one of its key; so does
the pressure on a cymbal that a hand chokes.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from engine.midi.events import NOTE_OFF, NOTE_ON, POLYPHONIC_AFTERTOUCH, Event, channel_of, is_channel_message, is_note_off, is_note_on
from engine.midi.held import note_ends
from models.drums.representation import HATS, KEYS

HAT_GROUP = 128  # beside the keys


def moved_places(
    events: Sequence[Event], places: np.ndarray, shifts: Mapping[int, float], kit: Mapping[int, int]
) -> np.ndarray:
    """Return the new places (N,) of messages at ``places`` (N,), in order, of which the strokes ``shifts``, by index, are moved.

    Both are in one unit. Other notes stay; nothing goes before 0.
    """
    found, ends = places.astype(float), note_ends(events)
    lowest: dict[int, float] = defaultdict(float)  # by channel: the last message that changes how its notes sound
    highest = _next_changes(events, places)
    last: dict[tuple[int, int, int], float] = {}  # where the last stroke of a key, or of the hi-hat, went
    moved_by: dict[tuple[int, int], float] = {}  # by channel and key
    for index, event in enumerate(events):
        message = event.message
        if not is_channel_message(message):
            continue
        channel, key = channel_of(message), (event.track, channel_of(message), message[1])
        if is_note_on(message):
            role = KEYS.get(kit.get(message[1], message[1]), (None, 0))[0]
            groups = [key, *([(event.track, channel, HAT_GROUP)] if role in HATS else [])]
            earliest = max([lowest[channel], *(last[group] for group in groups if group in last)])
            place = min(max(places[index] + shifts.get(index, 0.0), earliest), highest.get(index, np.inf))
            found[index] = place
            moved_by[channel, message[1]] = place - places[index]
            last.update(dict.fromkeys(groups, place))
        elif message[0] & 0xF0 == POLYPHONIC_AFTERTOUCH:
            found[index] += moved_by.get((channel, message[1]), 0.0)
        elif message[0] & 0xF0 not in (NOTE_ON, NOTE_OFF):
            lowest[channel] = places[index]
    _move_ends(events, places, found, ends)
    return np.maximum(found, 0.0)


def _next_changes(events: Sequence[Event], places: np.ndarray) -> dict[int, float]:
    """Return for each note-on where the next message is that changes how notes of its channel sound, where there is one."""
    coming: dict[int, float] = {}
    found: dict[int, float] = {}
    for index in range(len(events) - 1, -1, -1):
        message = events[index].message
        if not is_channel_message(message):
            continue
        if is_note_on(message) and channel_of(message) in coming:
            found[index] = coming[channel_of(message)]
        elif message[0] & 0xF0 not in (NOTE_ON, NOTE_OFF, POLYPHONIC_AFTERTOUCH):
            coming[channel_of(message)] = places[index]
    return found


def _move_ends(events: Sequence[Event], places: np.ndarray, found: np.ndarray, ends: Mapping[int, int]) -> None:
    """Let note-offs go with their strokes, no further than the next stroke of their key."""
    following: dict[tuple[int, int, int], int] = {}
    for index in range(len(events) - 1, -1, -1):
        event = events[index]
        if not is_channel_message(event.message) or not is_note_on(event.message):
            continue
        key = (event.track, channel_of(event.message), event.message[1])
        end, after = ends.get(index), following.get(key)
        if end is not None and is_note_off(events[end].message):
            found[end] = places[end] + found[index] - places[index]
            if after is not None and places[end] <= places[after]:
                found[end] = min(found[end], found[after])
            found[end] = max(found[end], found[index])
        following[key] = index
