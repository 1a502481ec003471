"""Documents in which that is written out which music21's readers leave out: then the rest of a file can be compared."""

import re
from copy import deepcopy
from fractions import Fraction
from typing import Any

XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_LIST = re.compile(r"^\*>(norep)?\[([^\]]*)\]")
_LABEL = re.compile(r"^\*>([^\[\t]+)")
MOST_COPIES_OF_COPIES = 4
EVENTS = ("{*}note", "{*}chord", "{*}rest", "{*}space")


def mei_spelt_out(data: bytes) -> str:
    """Return MEI in which copies (``@copyof``) have what is copied, chords the longest duration of their notes, and bars are filled."""
    from lxml import etree

    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, recover=True))
    named = {element.get(XML_ID): element for element in root.iter(etree.Element) if element.get(XML_ID)}
    for _ in range(MOST_COPIES_OF_COPIES):
        for copy in [element for element in root.iter(etree.Element) if element.get("copyof")]:
            source = named.get(copy.attrib.pop("copyof").lstrip("#"))
            if source is not None and source not in copy.iterancestors():
                _copy(source, copy)
    for chord in root.iter("{*}chord"):
        notes = [note for note in chord.iterfind("{*}note") if note.get("dur", "").isdigit()]
        if chord.get("dur") is None and notes:
            longest = min(notes, key=lambda note: int(note.get("dur")))
            for name in ("dur", "dots"):
                if longest.get(name):
                    chord.set(name, longest.get(name))
    _drop_doubled_tuplets(root, named)
    _fill_bars(root)
    return str(etree.tostring(root, encoding="unicode"))


def _drop_doubled_tuplets(root: Any, named: dict[str, Any]) -> None:
    """Drop the sign of a tuplet (``tupletSpan``) whose notes stand in an element of it (``tuplet``) as well: they are shortened once."""
    for sign in list(root.iter("{*}tupletSpan")):
        ends = [named.get(sign.get(name, "").lstrip("#")) for name in ("startid", "endid")]
        if any(end is not None and next(end.iterancestors("{*}tuplet"), None) is not None for end in ends):
            sign.getparent().remove(sign)


def _fill_bars(root: Any) -> None:
    """Give spaces, rests and notes without a duration what is left of their bar, in place, in beams as much as the notes beside them.

    MEI has spaces for that: "used to fill an incomplete measure" (guidelines 5.0, space).
    """
    metre = Fraction(4)
    if next(root.iterfind(".//*[@dur.default]"), None) is not None:
        return
    for element in root.iter("{*}scoreDef", "{*}staffDef", "{*}meterSig", "{*}measure"):
        if _name(element) != "measure":
            counted, unit = (element.get("meter.count") or element.get("count"), element.get("meter.unit") or element.get("unit"))
            metre = Fraction(4 * int(counted), int(unit)) if (counted or "").isdigit() and (unit or "").isdigit() else metre
            continue
        layers = {layer: [event for event in layer.iter(*EVENTS) if not _is_inside(event)] for layer in element.iter("{*}layer")}
        loose = {layer: [event for event in events if not _length(event)] for layer, events in layers.items()}
        full = max((sum(map(_length, layers[layer])) for layer in layers if layers[layer] and not loose[layer]), default=None) or metre
        for layer, events in loose.items():
            for event in events:
                beside = [length for each in event.getparent().iter(*EVENTS) if (length := _length(each))]
                if beside and _name(event.getparent()) == "beam":
                    _set_length(event, beside[0])
            rest = [event for event in events if not _length(event)]
            left = full - sum(map(_length, layers[layer]))
            for event in rest:
                _set_length(event, left / len(rest))


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _is_inside(event: Any) -> bool:
    """Say whether an event takes no time of its own: a note of a chord, or a grace note."""
    return next(event.iterancestors("{*}chord", "{*}graceGrp"), None) is not None or event.get("grace") is not None


def _length(event: Any) -> Fraction:
    """Return quarters, 0 where an event says none; a chord may leave it to its notes."""
    said = next((each.get("dur") for each in (event, *event.iterfind("{*}note")) if each.get("dur")), "")
    if not said.isdigit() or not int(said):
        return {"breve": Fraction(8), "long": Fraction(16)}.get(said, Fraction(0))
    length = Fraction(4, int(said)) * (2 - Fraction(1, 2 ** int(event.get("dots") or 0)))
    for tuplet in event.iterancestors("{*}tuplet"):
        length *= Fraction(int(tuplet.get("numbase") or 2), int(tuplet.get("num") or 3))
    return length


def _set_length(event: Any, quarters: Fraction) -> None:
    """Write a length as a note value, where there is one."""
    for dots in range(3):
        value = Fraction(4) / quarters * (2 - Fraction(1, 2**dots)) if quarters > 0 else Fraction(0)
        if value.denominator == 1 and value >= 1 and not value.numerator & (value.numerator - 1):
            event.set("dur", str(value.numerator))
            event.set("dots", str(dots))
            return


def _copy(source: Any, copy: Any) -> None:
    for name, value in source.attrib.items():
        if name != XML_ID and name not in copy.attrib:
            copy.set(name, value)
    for child in [] if len(copy) else source:
        copy.append(deepcopy(child))
        for element in copy[-1].iter():
            element.attrib.pop(XML_ID, None)


def humdrum_spelt_out(text: str) -> tuple[str, bool]:
    """Return Humdrum with its sections in the order of its list, as ``thru`` of the Humdrum Toolkit writes them, and whether it has lists.

    A file with a second list, without repeats (``norep``), stays as it is written: so the engine plays it.
    """
    lines = text.splitlines()
    lists = [found for found in map(_LIST.match, lines) if found]
    if not lists or any(found[1] for found in lists):
        return text, bool(lists)
    before: list[str] = []
    sections: dict[str, list[str]] = {}
    section = before
    for line in lines:
        if _LIST.match(line):
            continue
        if label := _LABEL.match(line):
            section = sections.setdefault(label[1].strip(), [])
        else:
            section.append(line)
    last = [line for line in lines if line.startswith("*-")][:1]
    played = [line for name in lists[0][2].split(",") for line in sections.get(name.strip(), []) if not line.startswith("*-")]
    return "\n".join([*before, *played, *last]) + "\n", True
