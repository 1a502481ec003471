"""Decoded notes as messages: a MIDI key of a track sounds once, whatever notes the score has on it."""

from dataclasses import dataclass, field

from engine.midi.events import Event, channel_of, note_off
from engine.midi.ledger import NoteLedger

UNISON_S = 0.03  # two notes of one key that begin within it are one sound, which ends with the longer one
SHORTEST_NOTE_S = 0.01


_Place = tuple[int, int, int]  # file track, channel and pitch


@dataclass
class _Key:
    begun_sec: float
    notes: set[int] = field(default_factory=set)
    sounding: set[int] = field(default_factory=set)


class Keys:
    """The keys that are down, of each track its own: tracks that share a channel are hands or instruments, and end their own notes.

    Notes are known by any number of the caller's; times are the performance's, events have the clock's.
    """

    def __init__(self) -> None:
        self.ledger = NoteLedger()
        self._keys: dict[_Place, _Key] = {}
        self._places: dict[int, _Place] = {}  # of the notes of the keys that are down

    def begin(self, note: int, time_sec: float, time_ns: int, message: bytes, track: int) -> list[Event]:
        """Begin a note with ``message``. An earlier note on the same key ends at once, and its own end is ignored."""
        place = track, channel_of(message), message[1]
        down = self._keys.get(place)
        sent = []
        if down is not None and time_sec - down.begun_sec > UNISON_S:
            sent = self._lift(place, time_ns)
            down = None
        if down is None:
            down = self._keys[place] = _Key(time_sec)
        down.notes.add(note)
        down.sounding.add(note)
        self._places[note] = place
        return [*sent, *self.send(Event(time_ns, message, track))]

    def end(self, note: int, time_ns: int) -> list[Event]:
        """End a note. Of notes that are one sound, all end with the last."""
        place = self._places.get(note)
        if place is None:
            return []
        down = self._keys[place]
        down.sounding.discard(note)
        return [] if down.sounding else self._lift(place, time_ns)

    def end_channel(self, channel: int, time_ns: int) -> list[Event]:
        """End all notes of a channel."""
        return [event for place in [each for each in self._keys if each[1] == channel] for event in self._lift(place, time_ns)]

    def send(self, event: Event) -> list[Event]:
        """Take note of an event that is sent."""
        self.ledger.observe(event.message, event.track)
        return [event]

    def release(self, time_ns: int) -> list[Event]:
        """End everything that sounds, and lift the pedals."""
        self._keys.clear()
        self._places.clear()
        return self.ledger.release_all(time_ns)

    def _lift(self, place: _Place, time_ns: int) -> list[Event]:
        track, channel, pitch = place
        notes = self._keys.pop(place).notes
        for note in notes:
            del self._places[note]
        return [event for _ in notes for event in self.send(Event(time_ns, note_off(channel, pitch), track))]
