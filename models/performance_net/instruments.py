"""The instruments that sound, and which notes are theirs. Imports nothing."""

from typing import NamedTuple


class Instrument(NamedTuple):
    """``program``: of General MIDI, from 0. Pitches are MIDI's, the ends included. ``bass``: of several voices, the lowest is its own."""

    program: int
    lowest_pitch: int
    highest_pitch: int
    bass: bool = False

    @property
    def keys(self) -> int:
        """How many notes it has."""
        return self.highest_pitch - self.lowest_pitch + 1


PIANO = "piano"
SOLO_INSTRUMENTS = {
    "violin": Instrument(40, 55, 93),  # the sound font has no note above
    "cello": Instrument(42, 36, 84, bass=True),
    "flute": Instrument(73, 59, 98),
}
INSTRUMENTS = {PIANO: Instrument(0, 21, 108)} | SOLO_INSTRUMENTS
