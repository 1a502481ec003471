"""Decided events of live notes that are not sent yet: in order of time, with equal keys kept apart."""

import heapq
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.midi.events import SUSTAIN_PEDAL, Event, channel_of, control_change, note_on
from engine.midi.general_midi import Programs
from engine.midi.held import ends_all_notes, resets_controllers
from engine.performers.lookahead.rubato import PedalStep
from engine.performers.score_playing.keys import Keys

PEDAL, PEDAL_TAKEN, MESSAGE, BEGIN, END = range(5)


class Item(NamedTuple):
    """Events that are due at one time leave in the order in which their input came (``number``)."""

    time_ns: int
    number: int
    kind: int
    serial: int
    content: Any


@dataclass
class Outgoing:
    """``channels`` whose pedal is that of notes, their own or a master channel's, each with the file track of its first note.

    The model's pedal goes to those of them whose program is a piano's, until the sender presses one (``pedal_taken``).
    """

    channels: dict[int, int] = field(default_factory=dict)
    pedal_taken: bool = False
    _items: list[Item] = field(default_factory=list)  # a heap
    _put: int = 0
    _keys: Keys = field(default_factory=Keys)
    _programs: Programs = field(default_factory=Programs)
    _pedal: int = 0
    _anchor: int = 0  # whose pedal it is
    _silenced_ns: int = 0  # when a channel was last told to let all its keys go: the pedals of chords that began before are void

    def put_message(self, number: int, event: Event) -> None:
        """Take a message that is sent unchanged; ``event`` has its due time."""
        self._add(event.time_ns, number, MESSAGE, event)

    def put_note(self, number: int, event: Event, velocity: int, pedalled: int) -> None:
        """Take a note-on that is sent with another velocity, under the number ``number``; ``pedalled`` is the channel of its pedal."""
        self.channels.setdefault(pedalled, event.track)
        message = note_on(channel_of(event.message), event.message[1], velocity)
        self._add(event.time_ns, number, BEGIN, event._replace(message=message))

    def put_end(self, number: int, note: int, event: Event) -> None:
        """Take the note-off of ``note``; its due time is not before that of the note-on."""
        self._add(event.time_ns, number, END, (note, event))

    def put_pedal(self, number: int, step: PedalStep) -> None:
        self._add(step.time_ns, number, PEDAL, step)

    def take_pedal(self, number: int, time_ns: int) -> None:
        """The sender has the sustain pedal from now on: at ``time_ns`` the model's is lifted, and its later steps are dropped."""
        self._add(time_ns, number, PEDAL_TAKEN, None)

    def next_ns(self) -> int | None:
        return self._items[0].time_ns if self._items else None

    def pop(self, until_ns: int) -> list[Event]:
        """Return what is due by ``until_ns``, each with its due time. Nothing that is due earlier may be put afterwards."""
        sent = []
        while self._items and self._items[0].time_ns <= until_ns:
            sent += self._send(heapq.heappop(self._items))
        return sent

    def _add(self, time_ns: int, number: int, kind: int, content: Any) -> None:
        heapq.heappush(self._items, Item(time_ns, number, kind, self._put, content))
        self._put += 1

    def _send(self, item: Item) -> list[Event]:
        if item.kind == MESSAGE:
            return self._send_message(item.content)
        if item.kind == BEGIN:
            return self._keys.begin(item.number, item.time_ns / 1e9, item.time_ns, item.content.message, item.content.track)
        if item.kind == END:
            return self._end(*item.content)
        if item.kind == PEDAL_TAKEN:
            self.pedal_taken = True
            return self._move_pedal(item.time_ns, 0)
        step: PedalStep = item.content
        if self.pedal_taken or step.anchor < self._anchor or (step.value and step.begun_ns < self._silenced_ns):
            return []
        self._anchor = step.anchor
        return self._move_pedal(step.time_ns, step.value)

    def _end(self, note: int, event: Event) -> list[Event]:
        sent = self._keys.end(note, event.time_ns)
        return [event] if len(sent) == 1 else sent  # with the velocity of the release that it came with

    def _send_message(self, event: Event) -> list[Event]:
        """Send a message as it is; before a channel changes from a piano to something else, its pedal is lifted."""
        channel = channel_of(event.message)
        had_pedal = self._programs.has_pedal(channel)
        self._programs.observe(event.message)
        if ends_all_notes(event.message):
            return [*self._silence(channel, event.time_ns), event]
        moved = [] if self.pedal_taken or not self._pedal or not had_pedal else self._own_pedal(channel, event.time_ns)
        if not self._programs.has_pedal(channel):
            return [*(each._replace(message=control_change(channel, SUSTAIN_PEDAL, 0)) for each in moved), event]
        return [event, *moved] if resets_controllers(event.message) else [event]

    def _silence(self, channel: int, time_ns: int) -> list[Event]:
        """End what sounds on a channel, as it is told; the model's pedal too, of which the sender knows nothing."""
        self._silenced_ns = time_ns
        ended = self._keys.end_channel(channel, time_ns)
        return ended if self.pedal_taken else ended + self._move_pedal(time_ns, 0)

    def _own_pedal(self, channel: int, time_ns: int) -> list[Event]:
        """Return the model's pedal as it is, for a channel that has it."""
        if channel not in self.channels:
            return []
        return [Event(time_ns, control_change(channel, SUSTAIN_PEDAL, self._pedal), self.channels[channel])]

    def _move_pedal(self, time_ns: int, value: int) -> list[Event]:
        if value == self._pedal:
            return []
        self._pedal = value
        pianos = [(channel, track) for channel, track in sorted(self.channels.items()) if self._programs.has_pedal(channel)]
        return [Event(time_ns, control_change(channel, SUSTAIN_PEDAL, value), track) for channel, track in pianos]
