"""What of the input is performed, and what goes out untouched: by channel, by track, and by key."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from engine.base.errors import UsageError
from engine.midi.events import DRUM_CHANNEL, NOTE_OFF, NOTE_ON, POLYPHONIC_AFTERTOUCH, Event, channel_of, is_channel_message
from engine.midi.mpe import LOWER_MASTER, MOST_MEMBERS, Zones, configuration_message

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
NOTE = r"([A-G])([#♯b♭]?)(-?\d)"
OF_KEYS = (NOTE_OFF, NOTE_ON, POLYPHONIC_AFTERTOUCH)


class Way(Enum):
    """Which way a message goes: through the performer, or past it."""

    PERFORMED = "performed"
    KEYSWITCH = "keyswitch"  # past it, and no note that follows is sent before it
    PAST = "past"


@dataclass(frozen=True)
class Routing:
    """What a user leaves alone. ``excluded_channels`` are 0 to 15, ``keyswitches`` MIDI keys.

    ``tracks`` and ``excluded_tracks`` are names, or numbers from 1; without ``tracks`` all are performed. ``drums``: whether channel 10 is
    a drum kit, which is left alone unless ``perform_drums``. ``kit`` has pairs of keys: the kit's own, General MIDI's for
    its drum. ``mpe``: the input is the lower MPE zone of all channels, though it does not say so itself.
    """

    excluded_channels: frozenset[int] = frozenset()
    keyswitches: frozenset[int] = frozenset()
    tracks: tuple[str, ...] = ()
    excluded_tracks: tuple[str, ...] = ()
    drums: bool = True
    mpe: bool = False
    keys: frozenset[int] = frozenset()  # the only ones that are performed; without any all are
    perform_drums: bool = False
    kit: tuple[tuple[int, int], ...] = ()

    @property
    def names_tracks(self) -> bool:
        return bool(self.tracks or self.excluded_tracks)

    @property
    def has_drums(self) -> bool:
        """Whether channel 10 is drums, as far as it is known beforehand."""
        return self.drums and not self.mpe

    @property
    def announcement(self) -> tuple[bytes, ...]:
        """What goes before the input, and out with it: the MPE Configuration Message where the user says what the sender does not."""
        return configuration_message(LOWER_MASTER, MOST_MEMBERS) if self.mpe else ()

    def tracks_left_alone(self, names: Sequence[str], what: str = "track") -> frozenset[int]:
        """Return which of the tracks with these ``names`` are left alone, counted from 0. Raises UsageError for one that is not there."""
        excluded = {number for given in self.excluded_tracks for number in _find_tracks(f"--exclude-{what}", given, names)}
        chosen = {number for given in self.tracks for number in _find_tracks(f"--{what}", given, names)}
        return frozenset(excluded | (set(range(len(names))) - chosen if self.tracks else set()))


DEFAULT_ROUTING = Routing()  # drums are left alone, and nothing else


class Router:
    """Says which way the messages of one run go; follows the MPE zones in them."""

    def __init__(self, routing: Routing, track_names: Sequence[str] = ()):
        """Raises UsageError for a track that is not among the ``track_names``."""
        self._routing = routing
        self._left_alone = routing.tracks_left_alone(track_names) if routing.names_tracks else frozenset()
        self.zones = Zones()
        for message in routing.announcement:
            self.zones.observe(message)

    def let_drums(self, performed: bool) -> None:
        """From now on let the kit be performed, or leave it alone."""
        self._routing = replace(self._routing, perform_drums=performed)

    def way(self, event: Event) -> Way:
        """Return which way a message goes; ``zones`` must have observed those before it."""
        message = event.message
        if not is_channel_message(message) or event.track in self._left_alone:
            return Way.PAST
        routing, channel = self._routing, channel_of(message)
        if channel in routing.excluded_channels:
            return Way.PAST
        if channel == DRUM_CHANNEL and routing.drums and channel not in self.zones:
            return Way.PERFORMED if routing.perform_drums else Way.PAST
        if routing.keyswitches and message[1] in routing.keyswitches and message[0] & 0xF0 in OF_KEYS:
            return Way.KEYSWITCH
        if routing.keys and message[0] & 0xF0 in OF_KEYS and message[1] not in routing.keys:
            return Way.PAST
        return Way.PERFORMED


def parse_keys(given: str, flag: str = "--keyswitches") -> frozenset[int]:
    """Turn ``C-1-B0,C7`` into MIDI keys; C4 is middle C, 60, and so C-1 is 0. Raises UsageError, which names the ``flag``."""
    keys: set[int] = set()
    for part in given.split(","):
        found = re.fullmatch(rf"{NOTE}(?:-{NOTE})?", part.strip(), re.IGNORECASE)
        names = [found.groups()[:3], found.groups()[3:]] if found else []
        numbers = [_key(*name) for name in names if name[0] is not None]
        if not numbers or not 0 <= numbers[0] <= numbers[-1] <= 127:
            expected = "expected keys from C-1 (0) to G9 (127) with C4 as middle C (60), the lower first, as in C-1-B0,C7"
            raise UsageError(f"{flag} {given!r}: {expected}")
        keys.update(range(numbers[0], numbers[-1] + 1))
    return frozenset(keys)


def _key(letter: str, accidental: str, octave: str) -> int:
    return 12 * (int(octave) + 1) + STEPS[letter.upper()] + ACCIDENTALS[accidental.lower()]


def _find_tracks(flag: str, given: str, names: Sequence[str]) -> list[int]:
    """Return the tracks of a name, whatever its capitals, or the one of a number from 1. Raises UsageError when there is none."""
    plain = [name.strip().lower() for name in names]
    if found := [number for number, name in enumerate(plain) if name and name == given.strip().lower()]:
        return found
    if given.strip().isdecimal() and 1 <= int(given) <= len(names):
        return [int(given) - 1]
    known = ", ".join(f"{number} {name!r}" if name else str(number) for number, name in enumerate(names, 1)) or "none"
    near = difflib.get_close_matches(given.strip().lower(), [name for name in plain if name], n=1)
    hint = f"; did you mean {names[plain.index(near[0])].strip()!r}?" if near else ""
    raise UsageError(f"{flag} {given!r}: there is none of this name or number; allowed: {known}{hint}")
