"""Decoded notes as messages: a MIDI key sounds once, whatever notes the score has on it."""

from dataclasses import dataclass, field

from engine.midi.events import Event, channel_of, note_off
from engine.midi.ledger import NoteLedger

UNISON_S = 0.03  # two notes of one key that begin within it are one sound, which ends with the longer one
SHORTEST_NOTE_S = 0.01


@dataclass
class _Key:
    begun_sec: float
    tracks: dict[int, int] = field(default_factory=dict)  # note -> the file track on which it ends, as it began
    sounding: set[int] = field(default_factory=set)


class Keys:
    """The keys that are down. Notes are known by any number of the caller's; times are the performance's, events have the clock's."""

    def __init__(self) -> None:
        self.ledger = NoteLedger()
        self._keys: dict[tuple[int, int], _Key] = {}

    def begin(self, note: int, time_sec: float, time_ns: int, message: bytes, track: int) -> list[Event]:
        """Begin a note with ``message``. An earlier note on the same key ends at once, and its own end is ignored."""
        key = channel_of(message), message[1]
        down = self._keys.get(key)
        sent = []
        if down is not None and time_sec - down.begun_sec > UNISON_S:
            sent = self._lift(key, time_ns)
            down = None
        if down is None:
            down = self._keys[key] = _Key(time_sec)
        down.tracks[note] = track
        down.sounding.add(note)
        return [*sent, *self.send(Event(time_ns, message, track))]

    def end(self, note: int, time_ns: int, channel: int, pitch: int) -> list[Event]:
        """End a note. Of notes that are one sound, all end with the last, each in the track in which it began."""
        down = self._keys.get((channel, pitch))
        if down is None or note not in down.tracks:
            return []
        down.sounding.discard(note)
        return [] if down.sounding else self._lift((channel, pitch), time_ns)

    def send(self, event: Event) -> list[Event]:
        """Take note of an event that is sent."""
        self.ledger.observe(event.message, event.track)
        return [event]

    def release(self, time_ns: int) -> list[Event]:
        """End everything that sounds, and lift the pedals."""
        self._keys.clear()
        return self.ledger.release_all(time_ns)

    def _lift(self, key: tuple[int, int], time_ns: int) -> list[Event]:
        tracks = self._keys.pop(key).tracks.values()
        return [event for track in tracks for event in self.send(Event(time_ns, note_off(*key), track))]


