"""The notes of a layer in verovio's MEI: their places, lengths and pitches, what tremolos and signs of repetition stand for."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from engine.score.notation.mei.documents import XML_ID, usual_base
from engine.score.notation.musicxml.pitches import STEPS, nearest_semitone

LOWEST_LINE = 30  # steps of E4, the lowest line of a drum kit's staff, above C0
# Semitones; quarter tones are halves.
_ACCIDENTALS = {
    "n": 0.0, "s": 1.0, "f": -1.0, "ss": 2.0, "x": 2.0, "ff": -2.0, "xs": 3.0, "sx": 3.0, "ts": 3.0, "tf": -3.0, "ns": 1.0, "nf": -1.0,
    "su": 1.5, "sd": 0.5, "fu": -0.5, "fd": -1.5, "nu": 0.5, "nd": -0.5, "1qs": 0.5, "3qs": 1.5, "1qf": -0.5, "3qf": -1.5,
}  # fmt: skip
_ROLL_STROKES = 3  # of a tremolo of which nothing is said
_DURATIONS = ("dur", "dur.ges", "dur.ppq")
_SILENT = ("mRpt", "mRpt2", "multiRpt", "verse", "artic", "accid")


@dataclass
class PrintedNote:
    """A note of a measure; ``onset`` and ``duration`` are quarters, the onset from the beginning of the measure.

    A note that a sign of repetition stands for has the printed one's ``element`` and its id with an r for each time.
    """

    identifier: str
    onset: Fraction
    duration: Fraction
    pitch: int | None  # as it sounds; None for an unpitched one
    staff: int
    layer: int
    is_grace: bool
    tied_to: str | None = None
    element: Any = None
    place: int = 0  # of an unpitched one: steps above the lowest line
    tremolo: Fraction = Fraction(0)  # quarters of each of the notes that strokes stand for
    tremolo_pair: int = 0  # of two notes that are played in turn 1 for the first, -1 for the second

    @property
    def printed(self) -> str:
        """The id of the note that is printed."""
        return str(self.element.get(XML_ID))

    def repeated(self, later: Fraction = Fraction(0)) -> "PrintedNote":
        return replace(self, identifier=f"{self.identifier}r", onset=self.onset + later, tied_to=None)


@dataclass
class Staff:
    """What holds for the notes of a staff until it changes. ``ppq`` are the divisions of MusicXML; ``beat`` and ``bar`` are quarters."""

    number: int
    transposition: int = 0
    ppq: int | None = None
    has_clef: bool = False
    percussion: bool = False
    beat: Fraction = Fraction(1)
    bar: Fraction = Fraction(4)


class LayerWalk:
    """Goes through a layer from left to right and sums up durations."""

    def __init__(self, staff: Staff, layer: int) -> None:
        self._staff, self._layer = staff, layer
        self._share = Fraction(0)  # quarters of what has no duration
        self._clear()

    def _clear(self) -> None:
        self.notes: list[PrintedNote] = []
        self.without_duration = 0  # spaces, rests and notes
        self._now = Fraction(0)
        self._graces: list[PrintedNote] = []

    def fill(self, layer: Any, length: Fraction) -> None:
        """Go through the layer again: what has no duration shares what is left of its ``length``."""
        self._share = max(length - self._now, Fraction(0)) / self.without_duration
        self._clear()
        self.go(layer)

    def go(self, parent: Any, scale: Fraction = Fraction(1), in_grace: bool = False) -> None:
        for element in parent:
            name = name_of(element)
            if name in ("note", "chord"):
                self._sound(element, scale, in_grace)
            elif name in ("rest", "space"):
                self._pause(element, scale)
            elif name == "tuplet":
                count = int(element.get("num", 3))
                self.go(element, scale * Fraction(int(element.get("numbase", usual_base(count))), count), in_grace)
            elif name == "bTrem":
                first = len(self.notes)
                self.go(element, scale, in_grace)
                self._shake(self.notes[first:], element, scale)
            elif name == "fTrem":
                self._play_in_turn(element, scale)
            elif name == "graceGrp":
                self.go(element, scale, True)
            elif name in ("beatRpt", "halfmRpt"):
                self._repeat(self._staff.beat if name == "beatRpt" else self._staff.bar / 2)
            elif name not in _SILENT:
                self.go(element, scale, in_grace)

    def end(self) -> Fraction:
        """Put grace notes that stand last at the end of the layer, and return where it is."""
        for note in self._graces:
            note.onset = self._now
        return self._now

    def _pause(self, element: Any, scale: Fraction) -> None:
        if any(element.get(name) for name in _DURATIONS):
            self._now += self._duration(element, scale)
        elif length := _beside_in_beam(element):
            self._now += length * scale
        else:
            self.without_duration += 1
            self._now += self._share

    def _duration(self, element: Any, scale: Fraction) -> Fraction:
        """Return quarters: those of MusicXML's own <duration> where verovio tells it, else what is notated."""
        if self._staff.ppq and element.get("dur.ppq", "").isdigit():
            return _quarters(int(element.get("dur.ppq")), self._staff.ppq)
        return _notated_duration(element) * scale

    def _sound(self, element: Any, scale: Fraction, in_grace: bool) -> None:
        grace = in_grace or element.get("grace") is not None
        is_note = name_of(element) == "note"
        own = [element] if is_note else list(element.iter("{*}note"))
        lengths = [Fraction(0) if grace else self._duration(note, scale) for note in own]
        duration = Fraction(0) if grace else lengths[0] if is_note else self._duration(element, scale)
        duration = duration or max(lengths, default=Fraction(0))  # a note may outlast its chord
        if not grace and not duration and not any(each.get(name) for each in (element, *own) for name in _DURATIONS):
            self.without_duration += 1
            duration = self._share
        made = [self._note(note, length or duration, grace) for note, length in zip(own, lengths, strict=True)]
        self.notes += made
        if grace:
            self._graces += made
        else:
            for note in self._graces:
                note.onset = self._now
            self._graces = []
            self._now += duration
            if any(each.get("stem.mod") for each in (element, *own)):
                self._shake(made, element, scale)

    def _note(self, element: Any, duration: Fraction, grace: bool) -> PrintedNote:
        staff = self._staff
        pitch = None if staff.percussion else _pitch(element, staff.transposition)
        place = _place(element) if pitch is None else 0
        return PrintedNote(element.get(XML_ID), self._now, duration, pitch, staff.number, self._layer, grace, None, element, place)

    def _shake(self, notes: Iterable[PrintedNote], element: Any, scale: Fraction) -> None:
        for note in notes:
            note.tremolo = _stroke(element, note.element) * scale

    def _play_in_turn(self, element: Any, scale: Fraction) -> None:
        """Each of the two notes is written as long as both."""
        first = len(self.notes)
        self.go(element, scale / 2)
        made = [note for note in self.notes[first:] if not note.is_grace]
        for note in made:
            note.tremolo = _stroke(element, note.element) * scale
            note.tremolo_pair = 1 if note.onset == made[0].onset else -1

    def _repeat(self, length: Fraction) -> None:
        begin = self._now - length
        self.notes += [note.repeated(length) for note in self.notes if begin <= note.onset < self._now]
        self._now += length


def repeated_notes(notes: Iterable[PrintedNote], staff: int, layer: int) -> list[PrintedNote]:
    """Return those of a measure's ``notes`` that are in a layer, once more."""
    return [note.repeated() for note in notes if (note.staff, note.layer) == (staff, layer)]


def _stroke(tremolo: Any, note: Any) -> Fraction:
    """Return quarters of the notes that the strokes of a tremolo stand for; the beams or flags of its note count as well."""
    unit = tremolo.get("unitdur", "")
    if unit.isdigit() and int(unit):
        return Fraction(4, int(unit))
    if name_of(tremolo) == "fTrem" and tremolo.get("beams", "").isdigit():
        return Fraction(1, 2 ** int(tremolo.get("beams")))
    stem = note.get("stem.mod") or note.getparent().get("stem.mod") or ""
    strokes = int(stem[0]) if stem[:1].isdigit() else _ROLL_STROKES
    written = note.get("dur") or note.getparent().get("dur") or ""
    flags = max(int(written).bit_length() - 3, 0) if written.isdigit() else 0
    return Fraction(1, 2 ** (strokes + flags))


def _notated_duration(element: Any) -> Fraction:
    text = element.get("dur.ges") or element.get("dur")
    if text is None:
        return Fraction(0)
    length = {"breve": Fraction(8), "long": Fraction(16), "maxima": Fraction(32)}.get(text)
    if length is None:
        length = Fraction(4, int(text)) if text.isdigit() and int(text) else Fraction(0)
    dots = int(element.get("dots.ges") or element.get("dots") or len(element.findall("{*}dot")))
    return length * (2 - Fraction(1, 2**dots))


def _beside_in_beam(element: Any) -> Fraction:
    """Return the notated duration of the nearest that has one in the same beam, 0 without a beam."""
    if name_of(element.getparent()) != "beam":
        return Fraction(0)
    beside = (each for preceding in (True, False) for each in element.itersiblings("{*}note", "{*}chord", "{*}rest", preceding=preceding))
    lengths = (_notated_duration(each) for each in beside if each.get("grace") is None)
    return next((length for length in lengths if length), Fraction(0))


@lru_cache(maxsize=1000)
def _quarters(length: int, divisions: int) -> Fraction:
    return Fraction(length, divisions)


def _pitch(note: Any, transposition: int) -> int | None:
    step = note.get("pname.ges") or note.get("pname")
    octave = note.get("oct.ges") or note.get("oct")
    if step not in STEPS or octave is None:
        return None
    accidental = next(note.iterchildren("{*}accid"), note)
    sign = note.get("accid.ges") or accidental.get("accid.ges") or note.get("accid") or accidental.get("accid") or "n"
    return min(max(12 * (int(octave) + 1) + STEPS[step] + nearest_semitone(_ACCIDENTALS.get(sign, 0.0)) + transposition, 0), 127)


def _place(note: Any) -> int:
    """Return how many steps above the lowest line an unpitched note stands."""
    place = note.get("loc", "")
    if place.lstrip("-").isdigit():
        return int(place)
    step, octave = note.get("pname"), note.get("oct", "")
    return list(STEPS).index(step) + 7 * int(octave) - LOWEST_LINE if step in STEPS and octave.isdigit() else 4


def name_of(element: Any) -> str:
    return _name(element.tag)


@lru_cache(maxsize=1000)
def _name(tag: Any) -> str:
    return str(tag).rpartition("}")[2]
