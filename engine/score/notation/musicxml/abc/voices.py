"""Voices of ABC: their measures, and what holds in them at the place that is read."""

from dataclasses import dataclass, field
from fractions import Fraction

from engine.score.notation.musicxml.abc.fields import Key, Metre, Tempo, usual_unit

Pitch = tuple[str, int, float]  # step, octave, semitones of the accidental


@dataclass
class Event:
    """A note, chord or, without pitches, rest; ``length`` is in quarters, ``ratio`` what a tuplet makes of it.

    ``signs`` stand before it: ("words", text), ("chord", text), ("mark", name). ``syllables`` go by verse: text, and whether its word goes
    on.
    """

    length: Fraction
    pitches: list[Pitch] = field(default_factory=list)
    ratio: Fraction = Fraction(1)
    is_grace: bool = False
    tied: set[int] = field(default_factory=set)  # those of the pitches that are tied to what follows
    held: set[int] = field(default_factory=set)  # and from what came before
    signs: list[tuple[str, str]] = field(default_factory=list)
    slurs_begun: int = 0
    slurs_ended: int = 0
    syllables: dict[int, tuple[str, bool]] = field(default_factory=dict)
    transposition: int = 0


Change = Key | Metre | Tempo
Item = Event | Change


@dataclass
class Measure:
    """``layers`` begin together. Counts of repeats are how often what they enclose is played; ``volta`` is the text of one that begins."""

    layers: list[list[Item]] = field(default_factory=lambda: [[]])
    begins: int = 0
    ends: int = 0
    volta: str = ""
    volta_ends: bool = False
    last_signs: list[tuple[str, str]] = field(default_factory=list)  # after the last note

    @property
    def is_empty(self) -> bool:
        return not any(isinstance(item, Event) for layer in self.layers for item in layer)


@dataclass
class Voice:
    """A voice and what holds in it at the place that is read."""

    name: str = ""
    program: int | None = None
    transposition: int = 0  # semitones
    key: Key = field(default_factory=Key)
    metre: Metre | None = None
    unit: Fraction | None = None
    measures: list[Measure] = field(default_factory=lambda: [Measure()])
    reach: str = "pitch"  # of accidentals: "not", "octave" or, in all octaves, "pitch"
    altered: dict[tuple[str, int], float] = field(default_factory=dict)  # by accidentals since the bar line
    held: dict[tuple[str, int], float] = field(default_factory=dict)  # pitches that are tied on
    tuplet: list[Fraction] = field(default_factory=list)  # ratios of the next events
    broken: Fraction = Fraction(1)  # what the next event's length is multiplied with
    signs: list[tuple[str, str]] = field(default_factory=list)
    slurs: int = 0
    in_volta: bool = False
    lines: list[list[Event | None]] = field(default_factory=list)  # since lyrics: notes, None for bar lines
    verse: int = 0

    @property
    def letter(self) -> Fraction:
        """How many quarters a letter lasts."""
        return 4 * (self.unit or usual_unit(self.metre))
