"""What verovio makes of a score: its measures as printed, each note's place and pitch, and the order in which measures are played.

verovio (LGPL 3) reads MusicXML, MEI, Humdrum and ABC, and takes repeats, voltas, jumps and expansions as players do. Its time map says when
each measure and note is played; its MEI says what each note is.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import copysign, floor
from pathlib import Path
from typing import Any

from engine.base.errors import PerfLiveError

XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
LONGEST_S = 120.0  # a score of a hundred pages takes ten
_REPETITION = re.compile(r"-rend\d+$")
_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
# Semitones; quarter tones are halves.
_ACCIDENTALS = {
    "n": 0.0, "s": 1.0, "f": -1.0, "ss": 2.0, "x": 2.0, "ff": -2.0, "xs": 3.0, "sx": 3.0, "ts": 3.0, "tf": -3.0, "ns": 1.0, "nf": -1.0,
    "su": 1.5, "sd": 0.5, "fu": -0.5, "fd": -1.5, "nu": 0.5, "nd": -0.5, "1qs": 0.5, "3qs": 1.5, "1qf": -0.5, "3qf": -1.5,
}  # fmt: skip


@dataclass
class PrintedNote:
    """A note of a measure; ``onset`` and ``duration`` are quarters, the onset from the beginning of the measure."""

    identifier: str
    onset: Fraction
    duration: Fraction
    pitch: int | None  # as it sounds; None for an unpitched one
    staff: int
    layer: int
    is_grace: bool
    tied_to: str | None = None
    element: Any = None


@dataclass
class PrintedMeasure:
    """``metre`` is (beats, beat type) or None where none is written; ``in_ending`` is the volta that it is in."""

    identifier: str
    number: int
    metre: tuple[int, int] | None
    in_ending: Any
    element: Any
    notes: list[PrintedNote] = field(default_factory=list)
    duration: Fraction | None = None


@dataclass
class VerovioScore:
    """``played`` has for each measure that is played its index in ``measures`` and its onset; ``staves`` are the staves' numbers in order.

    ``tempos`` are (onset, quarters a minute) as played, none where the score says none.
    """

    measures: list[PrintedMeasure]
    played: list[tuple[int, Fraction]]
    tempos: list[tuple[Fraction, float]]
    staves: list[int]


def read_with_verovio(document: str) -> VerovioScore:
    """Read a document in any of verovio's formats. Raises PerfLiveError when verovio does not take it, or takes more than its time."""
    from lxml import etree

    if not document.strip():
        raise PerfLiveError("it is empty")
    call = [sys.executable, "-P", str(Path(__file__).with_name("verovio_process.py"))]
    try:
        ended = subprocess.run(call, input=document.encode(), capture_output=True, timeout=LONGEST_S, check=True)  # noqa: S603
    except subprocess.SubprocessError:
        raise PerfLiveError("it is no score that verovio can read") from None
    read = json.loads(ended.stdout)
    parser = etree.XMLParser(resolve_entities=False, huge_tree=True, no_network=True)
    root = etree.fromstring(read["mei"].encode(), parser)
    time_map = read["time_map"]
    measures, staves = _printed_measures(root)
    return _played(measures, staves, time_map, _tempo_is_written(root, measures[0] if measures else None))


def _printed_measures(root: Any) -> tuple[list[PrintedMeasure], list[int]]:
    """Walk through the document: definitions change metre and transposition, measures have notes."""
    measures: list[PrintedMeasure] = []
    metre: tuple[int, int] | None = None
    transpositions: dict[str, int] = {}
    ppq: dict[str, int] = {}
    staves: list[int] = []
    ties: dict[str, str] = {}
    for element in root.iter("{*}scoreDef", "{*}staffDef", "{*}meterSig", "{*}measure", "{*}tie"):
        name = _name(element)
        if name == "measure":
            ending = next((parent for parent in element.iterancestors("{*}ending")), None)
            number = re.match(r"\d+", element.get("n", ""))
            measure = PrintedMeasure(element.get(XML_ID), int(number[0]) if number else len(measures) + 1, metre, ending, element)
            previous = measures[-1] if measures else None
            measure.notes, measure.duration = _measure_notes(element, transpositions, ppq, previous)
            measures.append(measure)
        elif name == "tie":
            ties[element.get("startid", "")[1:]] = element.get("endid", "")[1:]
        elif name == "staffDef":
            number_text = element.get("n", "1")
            if "trans.semi" in element.attrib:
                transpositions[number_text] = int(element.get("trans.semi"))
            if element.get("ppq", "0").isdigit() and int(element.get("ppq", "0")):
                ppq[number_text] = int(element.get("ppq"))
            if number_text.isdigit() and int(number_text) not in staves:
                staves.append(int(number_text))
        if name != "measure":
            metre = _metre(element) or metre
    for measure in measures:
        for note in measure.notes:
            note.tied_to = ties.get(note.identifier)
    return measures, staves


def _metre(element: Any) -> tuple[int, int] | None:
    names = ("count", "unit", "sym") if _name(element) == "meterSig" else ("meter.count", "meter.unit", "meter.sym")
    count, unit, symbol = (element.get(name) for name in names)
    if count and unit and unit.isdigit():
        beats = sum(int(part) for part in re.findall(r"\d+", count))
        return (beats, int(unit)) if beats else None
    return {"common": (4, 4), "cut": (2, 2)}.get(symbol or "")


def _measure_notes(
    measure: Any, transpositions: Mapping[str, int], ppq: Mapping[str, int], previous: PrintedMeasure | None
) -> tuple[list[PrintedNote], Fraction | None]:
    """Return the notes and how long they and the rests between them last; None where nothing but rests of whole bars stands."""
    notes: list[PrintedNote] = []
    longest = Fraction(0)
    for staff in measure.iterfind("{*}staff"):
        number = staff.get("n", "1")
        for index, layer in enumerate(staff.iterfind("{*}layer")):
            place = int(layer.get("n", index + 1)) if layer.get("n", "1").isdigit() else index + 1
            walk = _LayerWalk(int(number) if number.isdigit() else 1, place, transpositions.get(number, 0), ppq.get(number))
            walk.go(layer, Fraction(1))
            if any(_name(child) == "mRpt" for child in layer) and previous is not None:  # the same as in the measure before
                notes += [
                    PrintedNote(f"{note.identifier}r", note.onset, note.duration, note.pitch, note.staff, note.layer, note.is_grace)
                    for note in previous.notes
                    if (note.staff, note.layer) == (walk.staff, walk.layer)
                ]
            notes += walk.notes
            longest = max(longest, walk.end())
    return notes, longest or None


class _LayerWalk:
    """Goes through a layer from left to right and sums up durations."""

    def __init__(self, staff: int, layer: int, transposition: int, ppq: int | None) -> None:
        self.staff, self.layer, self._transposition, self._ppq = staff, layer, transposition, ppq
        self.notes: list[PrintedNote] = []
        self._now = Fraction(0)
        self._graces: list[PrintedNote] = []

    def go(self, parent: Any, scale: Fraction, in_grace: bool = False) -> None:
        for element in parent:
            name = _name(element)
            if name in ("note", "chord"):
                self._sound(element, scale, in_grace)
            elif name in ("rest", "space"):
                self._now += self._duration(element, scale)
            elif name == "tuplet":
                self.go(element, scale * Fraction(int(element.get("numbase", 2)), int(element.get("num", 3))), in_grace)
            elif name == "fTrem":  # each of the two notes is written as long as both
                self.go(element, scale / 2, in_grace)
            elif name == "graceGrp":
                self.go(element, scale, True)
            elif name not in ("mRpt", "verse", "artic", "accid"):
                self.go(element, scale, in_grace)

    def end(self) -> Fraction:
        """Put grace notes that stand last at the end of the layer, and return where it is."""
        for note in self._graces:
            note.onset = self._now
        return self._now

    def _duration(self, element: Any, scale: Fraction) -> Fraction:
        """Return quarters: those of MusicXML's own <duration> where verovio tells it, else what is notated."""
        if self._ppq and element.get("dur.ppq", "").isdigit():
            return Fraction(int(element.get("dur.ppq")), self._ppq)
        return _notated_duration(element) * scale

    def _sound(self, element: Any, scale: Fraction, in_grace: bool) -> None:
        grace = in_grace or element.get("grace") is not None
        own = [element] if _name(element) == "note" else list(element.iter("{*}note"))
        duration = Fraction(0) if grace else max(self._duration(each, scale) for each in (element, *own))
        made = [
            PrintedNote(
                note.get(XML_ID), self._now, duration, _pitch(note, self._transposition), self.staff, self.layer, grace, element=note
            )
            for note in own
        ]
        self.notes += made
        if grace:
            self._graces += made
        else:
            for note in self._graces:
                note.onset = self._now
            self._graces = []
            self._now += duration


def _notated_duration(element: Any) -> Fraction:
    text = element.get("dur.ges") or element.get("dur")
    if text is None:
        return Fraction(0)
    length = {"breve": Fraction(8), "long": Fraction(16), "maxima": Fraction(32)}.get(text)
    if length is None:
        length = Fraction(4, int(text)) if text.isdigit() and int(text) else Fraction(0)
    dots = int(element.get("dots.ges") or element.get("dots") or len(element.findall("{*}dot")))
    return length * (2 - Fraction(1, 2**dots))


def _pitch(note: Any, transposition: int) -> int | None:
    step = note.get("pname.ges") or note.get("pname")
    octave = note.get("oct.ges") or note.get("oct")
    if step not in _STEPS or octave is None or note.get("pnum") is not None:
        return None
    accidental = next((child for child in note.iterfind("{*}accid")), note)
    sign = note.get("accid.ges") or accidental.get("accid.ges") or note.get("accid") or accidental.get("accid") or "n"
    return min(max(12 * (int(octave) + 1) + _STEPS[step] + nearest_semitone(_ACCIDENTALS.get(sign, 0.0)) + transposition, 0), 127)


def nearest_semitone(semitones: float) -> int:
    """Return whole semitones; a quarter tone counts as the half step that it goes towards."""
    return int(copysign(floor(abs(semitones) + 0.5), semitones))


def _tempo_is_written(root: Any, first: PrintedMeasure | None) -> tuple[bool, bool]:
    """Return whether the score says a tempo anywhere, and whether it says one at its beginning."""
    written = [element for element in root.iter() if element.get("midi.bpm") or (_name(element) == "tempo" and element.get("mm"))]
    at_first = [element for element in written if _name(element) == "scoreDef" or _is_first(element, first)]
    return bool(written), bool(at_first)


def _is_first(element: Any, measure: PrintedMeasure | None) -> bool:
    return measure is not None and measure.element in element.iterancestors() and float(element.get("tstamp", 1)) <= 1


def _played(measures: list[PrintedMeasure], staves: list[int], time_map: Any, written: tuple[bool, bool]) -> VerovioScore:
    """Put measures in the order of the time map.

    Places are those of the notes' own durations: the time map spreads chords and makes room for grace notes.
    """
    index = {measure.identifier: number for number, measure in enumerate(measures)}
    starts: list[tuple[int, Fraction]] = []
    heard_tempos: list[tuple[Fraction, float]] = []
    end = Fraction(0)
    for entry in time_map:
        end = max(end, Fraction(*entry["qfrac"]))
        if "measureOn" in entry:
            starts.append((index[_REPETITION.sub("", entry["measureOn"])], Fraction(*entry["qfrac"])))
        if "tempo" in entry and written[0]:
            heard_tempos.append((Fraction(*entry["qfrac"]), float(entry["tempo"])))
    if heard_tempos and not written[1]:
        del heard_tempos[0]  # verovio's own, until the first that is written
    for (number, start), (_, following) in zip(starts, [*starts[1:], (-1, end)], strict=True):
        if measures[number].duration is None:
            measures[number].duration = following - start
    played, now, shifts = [], Fraction(0), []
    for number, start in starts:
        played.append((number, now))
        shifts.append((start, now - start))
        now += measures[number].duration or 0
    tempos = []
    for onset, tempo in heard_tempos:
        shift = max((each for each in shifts if each[0] <= onset), default=(Fraction(0), Fraction(0)))[1]
        tempos.append((onset + shift, tempo))
    return VerovioScore(measures, played, tempos, staves)


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
