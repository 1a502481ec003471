"""What a player does, as Performance RNN hears it: a note lasts as long as it sounds, with the pedal too."""

from dataclasses import dataclass, field

from engine.midi.events import SUSTAIN_PEDAL, is_control_change, is_note_off, is_note_on


@dataclass
class PlayerNotes:
    """The keys that are down, and those that the pedal keeps sounding."""

    held: set[int] = field(default_factory=set)
    sustained: set[int] = field(default_factory=set)
    pedal: bool = False

    def hear(self, message: bytes) -> list[tuple[int, int]]:
        """Return the notes that begin and end with a message, as pitches and velocities; the velocity is 0 where a note ends."""
        pitch = message[1] if len(message) > 1 else 0
        if is_note_on(message):
            ended = [(pitch, 0)] if pitch in self.held | self.sustained else []
            self.held.add(pitch)
            self.sustained.discard(pitch)
            return [*ended, (pitch, message[2])]
        if is_note_off(message) and pitch in self.held:
            self.held.discard(pitch)
            if self.pedal:
                self.sustained.add(pitch)
                return []
            return [(pitch, 0)]
        if is_control_change(message) and pitch == SUSTAIN_PEDAL:
            self.pedal = message[2] >= 64
            released = [] if self.pedal else sorted(self.sustained)
            self.sustained.difference_update(released)
            return [(each, 0) for each in released]
        return []
