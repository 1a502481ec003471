"""MusicXML as partitura can take it, with what it leaves out: scores written measure by measure, dynamics in words, arpeggio signs."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

# part id -> index of a note among all <note> elements of the part -> 1 for a chord rolled upwards, -1 for one rolled downwards
Arpeggios = dict[str, dict[int, int]]


_LEVEL = re.compile(r"(?<!\w)(p{1,4}|mp|mf|f{1,4}|f?fp|s?fp|sf{1,2}z?|rfz?|pfz)(?!\w)")
_SUDDEN = {"ffp": "fp", "sff": "sf", "sffz": "sfz", "pfz": "sfz"}  # signs that have no element of their own
_DASHES = re.compile(r"[\s\-–_]*[\-–_]\s*$")  # that show how far a word reaches


class MusicXML(NamedTuple):
    """``document`` is partwise and not compressed."""

    document: io.BytesIO
    arpeggios: Arpeggios


def open_musicxml(path: Path) -> MusicXML:
    """Read a file, compressed or not. Raises whatever lxml and zipfile do for one that is damaged."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, huge_tree=False, no_network=True)
    data = _uncompressed(path)
    root = etree.fromstring(data, parser)
    timewise = root.tag == "score-timewise"
    if timewise:
        _make_partwise(root)
    if _spell_out_dynamics(root) or timewise:
        data = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return MusicXML(io.BytesIO(data), _arpeggios(root))


def _uncompressed(path: Path) -> bytes:
    """Return the document; the container of an archive names which of its files that is."""
    from lxml import etree

    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        container = etree.fromstring(archive.read("META-INF/container.xml"), etree.XMLParser(resolve_entities=False))
        rootfile = next(element for element in container.iter() if str(element.tag).endswith("rootfile"))
        return archive.read(rootfile.get("full-path"))


def _make_partwise(root: Any) -> None:
    """Turn measures of parts into parts of measures, in place; the parts in the order in which they first appear."""
    measures = root.findall("measure")
    parts: dict[str, Any] = {}
    for measure in measures:
        for piece in measure.findall("part"):
            identifier = piece.get("id")
            if identifier not in parts:
                parts[identifier] = root.makeelement("part", {"id": identifier})
            piece.tag = "measure"
            piece.attrib.clear()
            piece.attrib.update(measure.attrib)
            parts[identifier].append(piece)
        root.remove(measure)
    root.extend(parts.values())
    root.tag = "score-partwise"


def _spell_out_dynamics(root: Any) -> bool:
    """Turn dynamics that are written as text ("cresc.", "sempre ff") into dynamics and words, in place; say whether there were any.

    Notation programs write them so, and partitura reads none of them.
    """
    texts = list(root.iter("other-dynamics"))
    for element in texts:
        place = element.getparent().getparent()  # direction-type, or notations
        text = _DASHES.sub("", (element.text or "").strip(" []()"))
        level = _LEVEL.search(text)
        if level:
            element.tag, element.text = _SUDDEN.get(level[0], level[0]), None
        else:
            element.getparent().remove(element)
        if place.tag == "direction-type" and (words := _LEVEL.sub("", text).strip()):
            typed = place.makeelement("direction-type", {})
            typed.append(place.makeelement("words", {}))
            typed[0].text = words
            place.addnext(typed)
    return bool(texts)


def _arpeggios(root: Any) -> Arpeggios:
    found: Arpeggios = {}
    for part in root.findall("part"):
        signs = found.setdefault(part.get("id", "P1"), {})
        for index, note in enumerate(part.iterfind("measure/note")):
            sign = note.find("notations/arpeggiate")
            if sign is not None:
                signs[index] = -1 if sign.get("direction") == "down" else 1
    return found
