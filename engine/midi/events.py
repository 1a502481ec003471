"""Time-stamped MIDI messages, kept as bytes on the hot path (MIDI 1.0 detailed specification, tables I to III)."""

from typing import NamedTuple

NOTE_OFF, NOTE_ON, POLYPHONIC_AFTERTOUCH, CONTROL_CHANGE = 0x80, 0x90, 0xA0, 0xB0
PROGRAM_CHANGE, CHANNEL_AFTERTOUCH, PITCH_BEND = 0xC0, 0xD0, 0xE0
SYSTEM_EXCLUSIVE, END_OF_EXCLUSIVE = 0xF0, 0xF7
LENGTHS = bytes([0] * 128 + [3] * 64 + [2] * 32 + [3] * 16 + [0, 2, 3, 2, 1, 1, 1, 0] + [1] * 8)  # in bytes, by status; 0: it begins none
SUSTAIN_PEDAL, SOSTENUTO_PEDAL, SOFT_PEDAL = 64, 66, 67
ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF = 120, 121, 123
LINK_TRACK = -1  # of the clock of an Ableton Link session, which is heard and not passed on
REPLAY_TRACK = -2  # of a take that is played back within a run
DRUM_CHANNEL = 9  # "channel 10" to a user, who counts from one


class Event(NamedTuple):
    """One complete MIDI message and when it is (or was) due.

    ``time_ns`` is on the engine's clock; ``track`` is the track of the file that the message came from (0 for a port, ``LINK_TRACK``,
    ``REPLAY_TRACK``),
    so that a rendered file keeps its tracks.
    """

    time_ns: int
    message: bytes
    track: int = 0


def is_note_on(message: bytes) -> bool:
    return message[0] & 0xF0 == NOTE_ON and message[2] > 0


def is_note_off(message: bytes) -> bool:
    """True for a note-off and for its other spelling, a note-on of velocity 0."""
    kind = message[0] & 0xF0
    return kind == NOTE_OFF or (kind == NOTE_ON and message[2] == 0)


def is_control_change(message: bytes) -> bool:
    return message[0] & 0xF0 == CONTROL_CHANGE


def is_channel_message(message: bytes) -> bool:
    """False for system messages (exclusive, common, real-time)."""
    return message[0] < 0xF0


def channel_of(message: bytes) -> int:
    """Return the channel of a channel message, 0 to 15."""
    return message[0] & 0x0F


def note_on(channel: int, pitch: int, velocity: int) -> bytes:
    return bytes((NOTE_ON | channel, pitch, velocity))


def note_off(channel: int, pitch: int, velocity: int = 64) -> bytes:
    return bytes((NOTE_OFF | channel, pitch, velocity))


def control_change(channel: int, number: int, value: int) -> bytes:
    return bytes((CONTROL_CHANGE | channel, number, value))


def program_change(channel: int, program: int) -> bytes:
    return bytes((PROGRAM_CHANGE | channel, program))


def is_whole(message: bytes) -> bool:
    """Whether a message is one as the specification defines it (tables I to III): a status byte and its data bytes, each below 128.

    Drivers hand on what a faulty program sends: nothing, pieces of a message, data without a status.
    """
    if not message:
        return False
    if message[0] == SYSTEM_EXCLUSIVE:
        return message[-1] == END_OF_EXCLUSIVE and message[1:-1].isascii()
    return len(message) == LENGTHS[message[0]] and message[1:].isascii()
