"""What a player does, as Performance RNN hears it: a note lasts as long as it sounds, with the pedal too."""

from dataclasses import dataclass, field

from engine.midi.events import SUSTAIN_PEDAL, Event, channel_of, is_channel_message, is_control_change, is_note_off, is_note_on
from engine.midi.held import HeldNotes, ends_all_notes, ends_all_sound, resets_controllers

PEDAL_DOWN = 64


@dataclass
class PlayerNotes:
    """The keys that are down, and those that a channel's pedal keeps sounding. The network knows one keyboard, which all channels play."""

    held: HeldNotes[int] = field(default_factory=HeldNotes)  # pitches
    sustained: dict[int, set[int]] = field(default_factory=dict)  # by channel
    pedals: set[int] = field(default_factory=set)  # channels whose pedal is down

    def hear(self, event: Event) -> list[tuple[int, int]]:
        """Return the notes that begin and end with a message, as pitches and velocities; the velocity is 0 where a note ends."""
        message = event.message
        if not is_channel_message(message):
            return []
        channel = channel_of(message)
        if is_note_on(message):
            return self._begin(event)
        if is_note_off(message):
            released = self.held.end(event)
            return self._let_go(channel, [] if released is None else [released])
        if ends_all_notes(message):
            released_keys = self._let_go(channel, self.held.end_channel(channel))
            return released_keys + (self._lift(channel) if ends_all_sound(message) else [])
        if resets_controllers(message):
            self.pedals.discard(channel)
            return self._lift(channel)
        if is_control_change(message) and message[1] == SUSTAIN_PEDAL:
            if message[2] >= PEDAL_DOWN:
                self.pedals.add(channel)
                return []
            self.pedals.discard(channel)
            return self._lift(channel)
        return []

    def _begin(self, event: Event) -> list[tuple[int, int]]:
        pitch = event.message[1]
        ended = [(pitch, 0)] if self._sounds(pitch) else []
        self.held.begin(event, pitch)
        for pitches in self.sustained.values():
            pitches.discard(pitch)
        return [*ended, (pitch, event.message[2])]

    def _let_go(self, channel: int, pitches: list[int]) -> list[tuple[int, int]]:
        """Let the pedal hold keys that are let go, where it is down; return the notes that end."""
        if channel in self.pedals:
            self.sustained.setdefault(channel, set()).update(pitches)
            return []
        return self._ended(pitches)

    def _lift(self, channel: int) -> list[tuple[int, int]]:
        return self._ended(sorted(self.sustained.pop(channel, set())))

    def _ended(self, pitches: list[int]) -> list[tuple[int, int]]:
        return [(pitch, 0) for pitch in pitches if not self._sounds(pitch)]

    def _sounds(self, pitch: int) -> bool:
        """Return whether a pitch sounds, on whatever channel."""
        return self.held.holds(pitch) or any(pitch in pitches for pitches in self.sustained.values())
