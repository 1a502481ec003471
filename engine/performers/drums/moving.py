"""Live messages that are moved in time, decided one after another: the rules of ``order``, for what is not known to its end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.midi.events import NOTE_OFF, NOTE_ON, POLYPHONIC_AFTERTOUCH, Event, channel_of, is_channel_message, is_note_off, is_note_on
from engine.midi.events import note_off as note_off_message
from engine.midi.events import note_on as note_on_message
from models.drums.representation import HATS, KEYS

HAT_GROUP = 128  # beside the keys
Key = tuple[int, int, int]  # track, channel, key


class Before(NamedTuple):
    """A grace stroke: how long before its main stroke, and its velocity."""

    before_ns: int
    velocity: int


@dataclass
class Item:
    """A message that is decided and not yet sent; of those at one place the ``number`` says which is first."""

    place_ns: int
    number: int
    event: Event


@dataclass
class Moving:
    """``kit`` says which drum a key is, where it is not General MIDI's; ``spare_ns``: so long before it is due nothing changes any more."""

    kit: Mapping[int, int]
    spare_ns: int
    _items: list[Item] = field(default_factory=list)
    _numbers: int = 0
    _sent_ns: int = 0  # nothing is sent before
    _lowest: dict[int, int] = field(default_factory=dict)  # by channel: the last message that changes how its notes sound
    _last: dict[Key, int] = field(default_factory=dict)  # where the last stroke of a key, or of the hi-hat, goes
    _moved_by: dict[Key, int] = field(default_factory=dict)
    _ends: dict[Key, Item] = field(default_factory=dict)  # of strokes whose key is not struck again yet
    _down: set[Key] = field(default_factory=set)

    def put(self, event: Event, due_ns: int, later_ns: int, following: Iterable[Event], grace: Before | None = None) -> None:
        """Take a message; ``later_ns``: how much later than due it is, where it is a stroke. ``following`` are those that come next."""
        message = event.message
        if not is_channel_message(message):
            self._add(due_ns, event)
        elif is_note_on(message):
            latest_ns = self._next_change(channel_of(message), following, due_ns - event.time_ns)
            self._strike(event, due_ns, later_ns, latest_ns, grace)
        elif is_note_off(message):
            key = _key(event)
            place_ns = max(due_ns + self._moved_by.get(key, 0), self._last.get(key, 0))
            self._down.discard(key)
            self._ends[key] = self._add(place_ns, event)
        else:
            held = message[0] & 0xF0 == POLYPHONIC_AFTERTOUCH
            if not held:
                self._lowest[channel_of(message)] = due_ns
            self._add(due_ns + (self._moved_by.get(_key(event), 0) if held else 0), event)

    def add(self, like: Event, place_ns: int, velocity: int, length_ns: int) -> None:
        """Add a stroke on the key of another, which ends where its key is struck again."""
        key = _key(like)
        place_ns = max(place_ns, self._last.get(key, 0), self._lowest.get(key[1], 0))
        self._end_before(key, place_ns, like)
        self._add(place_ns, like._replace(message=note_on_message(key[1], key[2], velocity)))
        self._ends[key] = self._add(place_ns + length_ns, like._replace(message=note_off_message(key[1], key[2])))
        self._last[key] = place_ns

    def pop(self, now_ns: int | None) -> list[Event]:
        """Return what is certain by now, each with its due time, in order; None: everything."""
        until_ns = None if now_ns is None else now_ns + self.spare_ns
        due = sorted((item for item in self._items if until_ns is None or item.place_ns <= until_ns), key=_order)
        if due:
            sent = {id(item) for item in due}
            self._items = [item for item in self._items if id(item) not in sent]
            self._ends = {key: item for key, item in self._ends.items() if id(item) not in sent}
            self._sent_ns = due[-1].place_ns
        return [item.event._replace(time_ns=item.place_ns) for item in due]

    def next_ns(self) -> int | None:
        """Return when ``pop`` next has something to give."""
        return min((item.place_ns for item in self._items), default=0) - self.spare_ns if self._items else None

    def _strike(self, event: Event, due_ns: int, later_ns: int, latest_ns: int | None, grace: Before | None) -> None:
        key, role = _key(event), KEYS.get(self.kit.get(event.message[1], event.message[1]), (None, 0))[0]
        groups = [key, *([(*key[:2], HAT_GROUP)] if role in HATS else [])]
        earliest_ns = max([self._sent_ns, self._lowest.get(key[1], 0), *(self._last.get(group, 0) for group in groups)])
        place_ns = max(due_ns + later_ns, earliest_ns)
        place_ns = place_ns if latest_ns is None else min(place_ns, latest_ns)
        if grace and place_ns - grace.before_ns > earliest_ns:
            self.add(event, place_ns - grace.before_ns, grace.velocity, grace.before_ns)
        self._end_before(key, place_ns, None)
        self._add(place_ns, event)
        self._down.add(key)
        self._moved_by[key] = place_ns - due_ns
        self._last.update(dict.fromkeys(groups, place_ns))

    def _end_before(self, key: Key, place_ns: int, sounding: Event | None) -> None:
        """Let the last stroke of a key end before a new one; one whose end nobody knows yet is ended like ``sounding``."""
        end = self._ends.pop(key, None)
        if end is not None:
            end.place_ns = min(end.place_ns, place_ns)
        elif sounding is not None and key in self._down:
            self._add(place_ns, sounding._replace(message=note_off_message(key[1], key[2])))

    def _next_change(self, channel: int, following: Iterable[Event], latency_ns: int) -> int | None:
        for event in following:
            message = event.message
            if is_channel_message(message) and channel_of(message) == channel:
                if message[0] & 0xF0 not in (NOTE_ON, NOTE_OFF, POLYPHONIC_AFTERTOUCH):
                    return event.time_ns + latency_ns
        return None

    def _add(self, place_ns: int, event: Event) -> Item:
        self._numbers += 1
        item = Item(max(place_ns, self._sent_ns), self._numbers, event)
        self._items.append(item)
        return item


def _key(event: Event) -> Key:
    return event.track, channel_of(event.message), event.message[1]


def _order(item: Item) -> tuple[int, int]:
    return item.place_ns, item.number
