"""What partitura leaves out of the MusicXML that it writes, and a reader of notes needs: rests, accidentals, beams."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

BEAMED = ("eighth", "16th", "32nd")
SIGNS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
SHARPENED = "FCGDAEB"  # in the order of keys
RESTS = ((4, "whole"), (2, "half"), (1, "quarter"), (1 / 2, "eighth"), (1 / 4, "16th"), (1 / 8, "32nd"))  # quarters


class _Placed(NamedTuple):
    """A note or a rest, and when it begins, in divisions."""

    begin: int
    note: Any


def complete(root: Any, lengths: Sequence[int], divisions: int) -> None:
    """Complete a score, in place, whose parts have one staff each. ``lengths`` are those of its measures, in divisions of a quarter."""
    for part in root.iter("part"):
        alters: dict[str, int] = {}
        beat = divisions
        for number, measure in enumerate(part.iter("measure")):
            if (fifths := measure.findtext("attributes/key/fifths")) is not None:
                alters = _alters(int(fifths))
            if (beats := measure.findtext("attributes/time/beats")) is not None:
                unit = divisions * 4 // int(measure.findtext("attributes/time/beat-type", "4"))
                beat = 3 * unit if unit < divisions and int(beats) % 3 == 0 else max(unit, divisions)
            if number < len(lengths):
                _write_rests(measure, lengths[number], divisions)
            placed = list(_placed(measure))
            _write_accidentals(placed, dict(alters))
            _write_beams(placed, beat)


def _alters(fifths: int) -> dict[str, int]:
    """Return what a key does to each step that it changes."""
    return dict.fromkeys(SHARPENED[:fifths], 1) if fifths > 0 else dict.fromkeys(SHARPENED[::-1][:-fifths], -1)


def _placed(measure: Any) -> Iterator[_Placed]:
    now = begin = 0
    for element in measure:
        length = int(element.findtext("duration", "0"))
        if element.tag == "note":
            begin = begin if element.find("chord") is not None else now
            yield _Placed(begin, element)
            now = begin + length
        elif element.tag in ("forward", "backup"):
            now += length if element.tag == "forward" else -length


def _write_rests(measure: Any, length: int, divisions: int) -> None:
    """Write the rests of the first voice; in others what is not written is not seen."""
    now, back = 0, None
    for element in list(measure):
        duration = int(element.findtext("duration", "0"))
        if element.tag == "backup":
            back = element
            break
        if element.tag == "forward":
            for rest in _rests(now, now + duration, divisions):
                element.addprevious(rest)
            measure.remove(element)
        if element.tag in ("note", "forward") and element.find("chord") is None:
            now += duration
    missing = list(_rests(now, length, divisions))
    if not now and missing:
        missing = [_rest(length, "")]
    for rest in missing:
        measure.append(rest) if back is None else back.addprevious(rest)
    if back is not None and missing:
        back.find("duration").text = str(int(back.findtext("duration")) + length - now)


def _rests(begin: int, end: int, divisions: int) -> Iterator[Any]:
    """Yield rests from one time to another, none longer than to the next place of its own length."""
    while begin < end:
        lengths = ((round(quarters * divisions), kind) for quarters, kind in RESTS)
        fitting = next(((length, kind) for length, kind in lengths if begin + length <= end and begin % length == 0), None)
        if fitting is None:  # within a tuplet
            return
        yield _rest(*fitting)
        begin += fitting[0]


def _rest(length: int, kind: str) -> Any:
    from lxml import etree

    note = etree.Element("note")
    etree.SubElement(note, "rest", {} if kind else {"measure": "yes"})
    etree.SubElement(note, "duration").text = str(length)
    etree.SubElement(note, "voice").text = "1"
    if kind:
        etree.SubElement(note, "type").text = kind
    return note


def _write_accidentals(placed: Sequence[_Placed], alters: dict[str, int]) -> None:
    """Write accidentals where a note is not what the key or the bar so far says."""
    from lxml import etree

    held: dict[tuple[str, str], int] = {}
    for _, note in sorted(placed, key=lambda each: each.begin):
        if note.find("pitch") is None or note.find("tie[@type='stop']") is not None:
            continue
        step, octave = note.findtext("pitch/step"), note.findtext("pitch/octave")
        alter = int(float(note.findtext("pitch/alter", "0")))
        if held.get((step, octave), alters.get(step, 0)) != alter and alter in SIGNS:
            sign = etree.Element("accidental")
            sign.text = SIGNS[alter]
            (note.findall("dot") or note.findall("type") or note.findall("voice"))[-1].addnext(sign)
        held[step, octave] = alter


def _write_beams(placed: Sequence[_Placed], beat: int) -> None:
    """Beam what is shorter than a quarter within each beat."""
    from lxml import etree

    group: list[_Placed] = []
    for each in [*[one for one in placed if one.note.find("chord") is None], None]:
        same = group and each and each.begin // beat == group[-1].begin // beat and each.begin > group[-1].begin
        beamed = each is not None and each.note.findtext("type") in BEAMED and each.note.find("rest") is None
        if group and not (beamed and same):
            for number, (_, note) in enumerate(group if len(group) > 1 else []):
                beam = etree.Element("beam", number="1")
                beam.text = "begin" if number == 0 else "end" if number == len(group) - 1 else "continue"
                notations = note.find("notations")
                note.append(beam) if notations is None else notations.addprevious(beam)
            group = []
        if beamed and each is not None:
            group.append(each)
