"""The pad of an input port that gives the beat: a key or a controller, on any channel."""

from typing import NamedTuple

from engine.base.errors import UsageError
from engine.midi.events import CONTROL_CHANGE, is_channel_message, is_note_off, is_note_on
from engine.midi.routing import parse_keys

CONTROLLER = "cc"


class Pad(NamedTuple):
    is_controller: bool
    number: int

    def sends(self, message: bytes) -> bool:
        """Return whether a message is the pad's."""
        if not is_channel_message(message) or message[1] != self.number:
            return False
        is_control = message[0] & 0xF0 == CONTROL_CHANGE
        return is_control if self.is_controller else is_note_on(message) or is_note_off(message)

    @staticmethod
    def velocity(message: bytes) -> int:
        """Return how hard the pad is struck, 0 when it is let go."""
        return 0 if is_note_off(message) else message[2]


def parse_pad(text: str) -> Pad:
    """Turn ``C2``, ``36`` or ``cc64`` into a pad. Raises UsageError."""
    number = text.lower().removeprefix(CONTROLLER)
    if number.isdecimal():
        if int(number) > 127:
            raise UsageError(f"--conduct {text!r}: allowed: a key, C-1 to G9 or 0 to 127, or a controller, cc0 to cc127")
        return Pad(number != text.lower(), int(number))
    keys = parse_keys(text, "--conduct")
    if len(keys) > 1:
        raise UsageError(f"--conduct {text!r}: {len(keys)} keys; give one, as in C2, or a controller, as in cc64")
    return Pad(False, *keys)
