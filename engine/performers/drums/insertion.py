"""New strokes among the messages of a track: each with its end, and none in the way of what sounds.

A stroke whose key sounds where a new one is ends there. A new one ends before the next stroke of its key.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.midi.events import Event, channel_of, is_channel_message, is_note_off, is_note_on, note_off, note_on
from engine.midi.held import note_ends

Key = tuple[int, int, int]  # track, channel, key


class NewStroke(NamedTuple):
    """A stroke to be added at ``place``: on the key of the stroke ``like``, an index, of this velocity, and no longer than ``length``."""

    place: float
    like: int
    velocity: int
    length: float


class Inserted(NamedTuple):
    """The messages with the new strokes among them, and their places (N,); where each message that was there is now (M,), and where each
    new stroke begins (S,).
    """

    events: list[Event]
    places: np.ndarray
    moved_to: np.ndarray
    begun: np.ndarray


def insert_strokes(events: Sequence[Event], places: np.ndarray, strokes: Sequence[NewStroke]) -> Inserted:
    """Return messages at ``places`` (M,), in order, with strokes added, in order; both are in one unit."""
    key_of = {index: (event.track, channel_of(event.message), event.message[1]) for index, event in _note_ons(events)}
    wanted = {key_of[stroke.like] for stroke in strokes}
    sounding: dict[Key, list[tuple[float, float, int]]] = {key: [] for key in wanted}  # where notes begin and end, and the end's index
    for begin, end in note_ends(events).items():
        if key_of[begin] in wanted and is_note_off(events[end].message):
            sounding[key_of[begin]].append((places[begin], places[end], end))
    begins = {key: sorted(places[index] for index, own in key_of.items() if own == key) for key in wanted}
    for stroke in strokes:
        begins[key_of[stroke.like]].append(stroke.place)
    begun_at = {key: np.unique(each) for key, each in begins.items()}
    # (place, before 0, with 1 or after 2 the messages that were there, which, end or beginning)
    order: list[tuple[tuple[float, int, int, int], Event]]
    order = [((place, 1, index, 0), event) for index, (place, event) in enumerate(zip(places.tolist(), events, strict=True))]
    for number, stroke in enumerate(strokes):
        key = key_of[stroke.like]
        track, channel, pitch = key
        for start, stop, index in sounding[key]:
            if start < stroke.place < stop and order[index][0][0] > stroke.place:
                order[index] = ((stroke.place, 2, number, 0), events[index])
        after = begun_at[key][np.searchsorted(begun_at[key], stroke.place, side="right") :]
        ends = min(stroke.place + stroke.length, float(after[0]) if len(after) else np.inf)
        order.append(((stroke.place, 2, number, 1), Event(0, note_on(channel, pitch, stroke.velocity), track)))
        order.append(((ends, 0, number, 0), Event(0, note_off(channel, pitch), track)))
    rows = sorted(range(len(order)), key=lambda row: order[row][0])
    now_at = np.empty(len(rows), np.int64)
    now_at[rows] = np.arange(len(rows))
    found = np.array([order[row][0][0] for row in rows], float)
    return Inserted([order[row][1] for row in rows], found, now_at[: len(events)], now_at[len(events) :: 2])


def _note_ons(events: Sequence[Event]) -> list[tuple[int, Event]]:
    return [(index, event) for index, event in enumerate(events) if is_channel_message(event.message) and is_note_on(event.message)]
