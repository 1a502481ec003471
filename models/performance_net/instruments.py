"""The instruments that PerformanceNet plays, with their ranges and General MIDI programs. Imports nothing of the project."""

from typing import NamedTuple


class Instrument(NamedTuple):
    """``program``: General MIDI's, from 0. Pitches are MIDI's, ends included. ``bass``: among several voices it plays the lowest."""

    program: int
    lowest_pitch: int
    highest_pitch: int
    bass: bool = False

    @property
    def keys(self) -> int:
        """The number of keys in its range."""
        return self.highest_pitch - self.lowest_pitch + 1


PIANO = "piano"
SOLO_INSTRUMENTS = {
    "violin": Instrument(40, 55, 93),  # the sound font has no note above
    "cello": Instrument(42, 36, 84, bass=True),
    "flute": Instrument(73, 59, 98),
}
INSTRUMENTS = {PIANO: Instrument(0, 21, 108)} | SOLO_INSTRUMENTS
