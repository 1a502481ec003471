"""What verovio makes of a score: its measures as printed, each note's place and pitch, and the order in which measures are played.

verovio (LGPL 3) reads MusicXML, MEI, Humdrum and ABC. Its MEI says what each note is, its time map how long measures of rest are.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from engine.base.errors import PerfLiveError
from engine.base.limited_process import LimitedProcess, ProcessFailed
from engine.midi.events import DRUM_CHANNEL
from engine.midi.general_midi import program_of
from engine.score.notation.mei.documents import XML_ID
from engine.score.notation.mei.joined_parts import joined_parts
from engine.score.notation.mei.spans import shift_octaves, tie_by_times
from engine.score.notation.musicxml.written_times import WrittenTimes
from engine.score.notation.verovio_layers import LayerWalk, PrintedNote, Staff, name_of, repeated_notes
from engine.score.notation.verovio_order import measure_order
from engine.score.notation.verovio_tempos import PrintedTempo, printed_tempos

LONGEST_S, LONGEST_S_A_MEGABYTE = 20.0, 10.0  # of processor time; a score of a hundred pages, 10 MB, takes five seconds
MOST_BYTES = 2_000_000_000  # it takes a quarter of a gigabyte

Repeats = dict[tuple[int, int], list[list[PrintedNote]]]  # by staff and layer


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

    ``tempos`` are as printed, none where the score says none.
    """

    measures: list[PrintedMeasure]
    played: list[tuple[int, Fraction]]
    tempos: list[PrintedTempo]
    staves: list[int]

    def put_at(self, written: WrittenTimes) -> None:
        """Put notes where their document does, let measures last what it says, and tie notes of two voices, which verovio does not."""
        if len(written.lengths) != len(self.measures):
            return
        for measure, length in zip(self.measures, written.lengths, strict=True):
            measure.duration = length or measure.duration
            for note in measure.notes:
                note.onset, note.duration = written.notes.get(note.identifier, (note.onset, note.duration))
                note.tied_to = written.ties.get(note.identifier, note.tied_to)


def start_verovio(documents: Sequence[str], time_map: Literal["always", "needed", "never"] = "needed") -> LimitedProcess:
    """Let verovio begin to read a document in any of its formats, or a part in each, beside what is done in the meantime."""
    most_s = LONGEST_S + LONGEST_S_A_MEGABYTE * sum(map(len, documents)) / 1e6
    return LimitedProcess(Path(__file__).with_name("verovio_process.py"), json.dumps(documents).encode(), MOST_BYTES, most_s, time_map)


def read_with_verovio(started: LimitedProcess, documents: Sequence[str], written: WrittenTimes) -> VerovioScore:
    """Return what verovio has read, put where it is ``written``.

    Raises PerfLiveError when it does not take a document, or takes more than its time or memory.
    """
    if not documents[0].strip():
        raise PerfLiveError("it is empty")
    time_map, scores = _output(started)
    root = joined_parts(scores)
    measures, staves = _printed_measures(root)
    if documents[0].startswith("<mei"):  # of other formats verovio writes out ties and octaves
        tie_by_times(measures)
        shift_octaves(measures)
    heard = VerovioScore(measures, [], printed_tempos(root, documents[0]), staves)
    heard.put_at(written)
    if any(measure.duration is None for measure in measures):
        _last_as_long_as(measures, _output(start_verovio(documents, "always"))[0] if time_map is None else time_map)
    durations = [measure.duration or Fraction(0) for measure in measures]
    heard.played = measure_order(root, [measure.identifier for measure in measures], durations)
    return heard


def _output(started: LimitedProcess) -> tuple[Any, list[Any]]:
    """Return the time map, None where none was asked for, and the <music> of each document. Raises PerfLiveError."""
    from lxml import etree

    try:
        head, _, written = started.output().partition(b"\n")
    except ProcessFailed as failed:
        raise PerfLiveError(f"verovio cannot read it ({failed})") from None
    started.close()
    sizes, time_map = json.loads(head)
    parser = etree.XMLParser(resolve_entities=False, huge_tree=True, no_network=True)
    roots = [etree.fromstring(written[end - size : end], parser) for size, end in zip(sizes, accumulate(sizes), strict=True)]
    return time_map, [next(root.iter("{*}music")) for root in roots]  # the header may have measures of its own


def _last_as_long_as(measures: list[PrintedMeasure], time_map: Any) -> None:
    """Take durations that are not known from the time map, in place.

    It has each measure once; its places are not those that count: it spreads chords and makes room for grace notes.
    """
    starts = {entry["measureOn"]: Fraction(*entry["qfrac"]) for entry in time_map if "measureOn" in entry}
    end = max((Fraction(*entry["qfrac"]) for entry in time_map), default=Fraction(0))
    ends = dict(zip(starts, [*list(starts.values())[1:], end], strict=True))
    for measure in measures:
        if measure.duration is None and measure.identifier in starts:
            measure.duration = ends[measure.identifier] - starts[measure.identifier]


def _printed_measures(root: Any) -> tuple[list[PrintedMeasure], list[int]]:
    """Walk through the document: definitions and clefs change what holds for a staff, measures have notes."""
    measures: list[PrintedMeasure] = []
    metre: tuple[int, int] | None = None
    staves: dict[str, Staff] = {}
    ties: dict[str, str] = {}
    following: Repeats = {}
    for element in root.iter("{*}scoreDef", "{*}staffDef", "{*}meterSig", "{*}clef", "{*}measure", "{*}tie"):
        name = name_of(element)
        if name == "measure":
            ending = next((parent for parent in element.iterancestors("{*}ending")), None)
            number = re.match(r"\d+", element.get("n", ""))
            measure = PrintedMeasure(element.get(XML_ID), int(number[0]) if number else len(measures) + 1, metre, ending, element)
            measure.notes, measure.duration = _measure_notes(measure, staves, measures, following)
            measures.append(measure)
        elif name == "tie":
            ties[element.get("startid", "")[1:]] = element.get("endid", "")[1:]
        elif name == "staffDef":
            number_text = element.get("n", "1")
            _define(element, staves.setdefault(number_text, Staff(int(number_text) if number_text.isdigit() else 1)))
        elif name == "clef":
            place = next(element.iterancestors("{*}staffDef", "{*}staff"), None)
            if place is not None and element.get("shape"):
                number_text = place.get("n", "1")
                staff = staves.setdefault(number_text, Staff(int(number_text) if number_text.isdigit() else 1))
                _change_clef(staff, element, has_begun=len(measures) > 1)
        if name in ("scoreDef", "staffDef", "meterSig"):
            metre = _metre(element) or metre
    for measure in measures:
        for note in measure.notes:
            note.tied_to = ties.get(note.identifier)
    return measures, [staff.number for number, staff in staves.items() if number.isdigit()]


def _define(element: Any, staff: Staff) -> None:
    """Let a staffDef change what holds for its staff."""
    if "trans.semi" in element.attrib:
        staff.transposition = int(element.get("trans.semi"))
    if element.get("ppq", "0").isdigit() and int(element.get("ppq", "0")):
        staff.ppq = int(element.get("ppq"))
    if element.get("clef.shape"):
        staff.percussion, staff.has_clef = element.get("clef.shape") == "perc", True
    instrument = element.find("{*}instrDef")
    if instrument is not None and instrument.get("midi.channel") == str(DRUM_CHANNEL) and element.find("{*}clef") is None:
        staff.percussion = program_of("".join(element.xpath("string(*[local-name()='label'])"))) is None


def _change_clef(staff: Staff, clef: Any, has_begun: bool) -> None:
    """Let a clef say what a staff is. Where pitched notes go on under a sign for percussion, it is the sign that is wrong."""
    staff.percussion = clef.get("shape") == "perc" and (staff.percussion or not (has_begun or staff.has_clef))
    staff.has_clef = True


def _metre(element: Any) -> tuple[int, int] | None:
    names = ("count", "unit", "sym") if name_of(element) == "meterSig" else ("meter.count", "meter.unit", "meter.sym")
    count, unit, symbol = (element.get(name) for name in names)
    if count and unit and unit.isdigit():
        beats = sum(int(part) for part in re.findall(r"\d+", count))
        return (beats, int(unit)) if beats else None
    return {"common": (4, 4), "cut": (2, 2)}.get(symbol or "")


def quarters_of(timestamp: str | None, metre: tuple[int, int] | None) -> float:
    """Return quarters from the beginning of the measure for MEI's beats from 1."""
    return max(float(timestamp or 1) - 1, 0.0) * 4 / (metre or (4, 4))[1]


def _measure_notes(
    measure: PrintedMeasure, staves: dict[str, Staff], before: list[PrintedMeasure], following: Repeats
) -> tuple[list[PrintedNote], Fraction | None]:
    """Return the notes and how long they and the rests between them last; None where nothing but rests of whole bars stands.

    ``following`` has for a staff and layer the measures that are repeated next, after a sign that repeats several.
    """
    walks: list[tuple[LayerWalk, Any, tuple[int, int]]] = []
    beats, unit = measure.metre or (4, 4)
    for element in measure.element.iterfind("{*}staff"):
        number = element.get("n", "1")
        staff = staves.setdefault(number, Staff(int(number) if number.isdigit() else 1))
        staff.beat, staff.bar = Fraction(4, unit), Fraction(4 * beats, unit)
        for index, layer in enumerate(element.iterfind("{*}layer")):
            place = int(layer.get("n", index + 1)) if layer.get("n", "1").isdigit() else index + 1
            walk = LayerWalk(staff, place)
            walk.go(layer)
            walks.append((walk, layer, (staff.number, place)))
    bar = Fraction(4 * beats, unit)
    written = max((walk.end() for walk, _, _ in walks if not walk.without_duration), default=Fraction(0)) or bar
    notes: list[PrintedNote] = []
    longest = Fraction(0)
    for walk, layer, key in walks:
        if walk.without_duration:
            walk.fill(layer, written)
        if (count := _measures_repeated(layer)) and before:
            following[key] = [printed.notes for printed in before[-count:]]
        if not walk.notes and following.get(key):
            notes += repeated_notes(following[key].pop(0), *key)
            longest = max(longest, bar)
        else:
            following.pop(key, None)
        notes += walk.notes
        longest = max(longest, walk.end())
    return notes, longest or None


def _measures_repeated(layer: Any) -> int:
    """Return how many measures a sign in the layer repeats, 0 without one."""
    signs = {name_of(child): child for child in layer}
    if "multiRpt" in signs:
        return int(signs["multiRpt"].get("num", 2))
    return 1 if "mRpt" in signs else 2 if "mRpt2" in signs else 0
