"""MusicXML as partitura can take it, with what it leaves out: scores written measure by measure, dynamics in words, arpeggio signs."""

import re
import zipfile
from math import lcm
from pathlib import Path
from typing import Any, NamedTuple

from engine.base.errors import PerfLiveError
from engine.midi.percussion import key_of
from engine.score.notation.musicxml.movements import separate_movements
from engine.score.notation.musicxml.pitches import nearest_semitone
from engine.score.notation.musicxml.repeated_measures import equation_swing, write_repeated_measures
from engine.score.notation.partitura_reading.asking import Arpeggios
from engine.score.tables import Swing

_LEVEL = re.compile(r"(?<!\w)(p{1,4}|mp|mf|f{1,4}|f?fp|s?fp|sf{1,2}z?|rfz?|pfz)(?!\w)")
_ACCIDENTALS = {  # that partitura knows
    "sharp", "flat", "natural", "double-sharp", "flat-flat", "sharp-sharp", "double-flat", "natural-sharp", "natural-flat", "triple-sharp",
    "triple-flat",
}  # fmt: skip
_TYPES = {  # quarters
    "breve": 8.0, "whole": 4.0, "half": 2.0, "quarter": 1.0, "eighth": 0.5, "16th": 0.25, "32nd": 0.125, "64th": 0.0625, "128th": 0.03125,
}  # fmt: skip
_SUDDEN = {"ffp": "fp", "sff": "sf", "sffz": "sfz", "pfz": "sfz"}  # signs that have no element of their own
MOST_DIGITS, MOST_REPETITIONS = 9, 100
_SENSIBLE = {  # the least and the most that a number means something
    "divisions": (1e-6, 1e6), "duration": (-1e9, 1e9), "alter": (-12, 12), "chromatic": (-127, 127), "octave-change": (-10, 10),
    "voice": (0, 1e6), "staff": (1, 1e3), "staves": (1, 1e3), "beats": (1e-6, 1e4), "beat-type": (1, 1e4),
}  # fmt: skip
_DASHES = re.compile(r"[\s\-–_]*[\-–_]\s*$")  # that show how far a word reaches


class MusicXML(NamedTuple):
    """``document`` is partwise and not compressed; ``root`` is the same as a tree. ``left_out`` says what of the file means nothing."""

    document: bytes
    arpeggios: Arpeggios
    root: Any
    left_out: list[str]


def open_musicxml(data: bytes) -> MusicXML:
    """Read a document that is not compressed. Raises whatever lxml does for one that is damaged."""
    from lxml import etree

    left_out: list[str] = []
    data = _trimmed(data)
    root = _parsed(data, left_out)
    timewise = root.tag == "score-timewise"
    if timewise:
        _make_partwise(root)
    _leave_out_nonsense(root, left_out)
    repeated = write_repeated_measures(root, left_out)
    changed = [_spell_out_dynamics(root), _round_microtones(root), _silence_cues(root), timewise, repeated]
    if any(changed) or left_out:
        data = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return MusicXML(data, _arpeggios(root), root, left_out)


def _trimmed(data: bytes) -> bytes:
    """Return a document without blanks and zeros around it, which parsers take for damage; as it is in encodings that have zeros."""
    return data if b"\0" in data[:4] or data[:2] in (b"\xff\xfe", b"\xfe\xff") else data.strip(b"\0 \t\r\n")


def _parsed(data: bytes, left_out: list[str]) -> Any:
    """Return the root. A document that is not in the encoding that it names is taken for Latin-1."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, huge_tree=False, no_network=True)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if error.code != etree.ErrorTypes.ERR_INVALID_ENCODING and "encoding" not in str(error):
            raise
    left_out.append("letters that are not in the encoding that it names, taken for Latin-1")
    parser = etree.XMLParser(resolve_entities=False, huge_tree=False, no_network=True, encoding="iso-8859-1")
    return etree.fromstring(data, parser)


def _leave_out_nonsense(root: Any, left_out: list[str]) -> None:
    """Remove numbers that mean nothing, in place: they would stop one reader or the other, or let it go on for ever."""
    found: dict[tuple[str, str], str] = {}
    for element in list(root.iter(*_SENSIBLE, "repeat", "measure")):
        tag, name = element.tag, {"repeat": "times", "measure": "number"}.get(element.tag)
        text = (element.get(name, "") if name else element.text or "").strip()
        if not text or (name == "number" and len(text) <= MOST_DIGITS) or (name != "number" and _is_sensible(tag, text)):
            continue
        where = next((own.get("number", "") for own in (element, *element.iterancestors("measure")) if own.tag == "measure"), "")
        found.setdefault((f"{tag} {name}" if name else tag, text[:20]), where[:MOST_DIGITS])
        if name:
            del element.attrib[name]
        elif tag == "duration":
            element.text = "0"  # a note has one
        else:
            element.getparent().remove(element)
    left_out += [f"measure {where}: {tag} {text!r}" for (tag, text), where in found.items()]


def _is_sensible(tag: str, text: str) -> bool:
    least, most = _SENSIBLE.get(tag, (0, MOST_REPETITIONS))
    try:
        return least <= float(text) <= most
    except ValueError:
        return False


def identified(root: Any) -> dict[str, tuple[int, int, str]]:
    """Give the notes ids that are told apart by part and place, ``note_key``'s, in place, and return (part, staff, id) by these ids."""
    named: dict[str, tuple[int, int, str]] = {}
    for notations in root.iter("notations"):
        for mark in notations.findall("accidental-mark"):
            notations.remove(mark)  # verovio takes it for the accidental of this note and of all that follow
    listed = [part.get("id") for part in root.iter("score-part")]
    separate_movements(root)
    for barline in root.iter("barline"):
        if barline.get("location") is None and barline.find("repeat[@direction='forward']") is not None:
            barline.set("location", "left")
    for number, part in enumerate(root.findall("part")):
        _share_divisions(part)
        _add_types(part)
        _count_staves(part)
        identifier = part.get("id", "P1")
        place = listed.index(identifier) if identifier in listed else number
        several = next(part.iter("staff"), None) is not None
        for index, note in enumerate(part.iterfind("measure/note")):
            staff = note.findtext("staff", "1").strip() if several else "1"
            key = note_key(identifier, index)
            named[key] = (place, int(staff) if staff.isdigit() else 1, note.get("id") or f"p{place}n{index}")
            note.set("id", key)
    return named


def _share_divisions(part: Any) -> None:
    """Bring all durations of a part to the same divisions, in place: verovio tells the first divisions alone."""
    found = [int(float(element.text or 1)) or 1 for element in part.iter("divisions")]
    shared, factor = lcm(*found), 1
    if len(set(found)) < 2:
        return
    for element in part.iter("divisions", "duration"):
        if element.tag == "divisions":
            factor = shared // (int(float(element.text or 1)) or 1)
            element.text = str(shared)
        else:
            element.text = f"{float(element.text or 0) * factor:g}"


def _add_types(part: Any) -> None:
    """Give notes and rests without a type the one of their duration, in place: verovio takes them for whole bars otherwise."""
    divisions = 1.0
    for element in part.xpath(".//divisions | .//note[not(type) and not(grace)]"):
        if element.tag == "divisions":
            divisions = float(element.text or 1) or 1.0
            continue
        rest = element.find("rest")
        if rest is not None and rest.get("measure") == "yes":
            continue
        quarters = float(element.findtext("duration", "0")) / divisions
        for name, length in _TYPES.items():
            dots = next((dots for dots in (0, 1, 2) if abs(length * (2 - 0.5**dots) - quarters) < 1e-6), None)
            if dots is not None:
                before = next(child for child in reversed(element) if child.tag in ("voice", "duration", "tie", "instrument"))
                for tag in ["dot"] * dots + ["type"]:
                    typed = element.makeelement(tag, {})
                    typed.text = name if tag == "type" else None
                    before.addnext(typed)
                break


def _count_staves(part: Any) -> None:
    """Say how many staves the part has where it does not say so itself, in place."""
    attributes = part.find("measure/attributes")
    numbers = [int(staff.text) for staff in part.iterfind("measure/note/staff") if (staff.text or "").strip().isdigit()]
    if attributes is None or part.find("measure/attributes/staves") is not None or max(numbers, default=1) < 2:
        return
    staves = attributes.makeelement("staves", {})
    staves.text = str(max(numbers))
    before = [child for child in attributes if child.tag in ("divisions", "key", "time")]
    attributes.insert(len(before), staves)


def note_key(part: str, index: int) -> str:
    """Return an id for a note by its place among all <note> elements of its part."""
    return f"{part}.note{index}"


def written_notes(root: Any) -> dict[str, tuple[str, str]]:
    """Return the measure and the name of the part of each note that is to be heard, by the ids that ``identified`` gave."""
    names = {part.get("id"): " ".join((part.findtext("part-name") or "").split()) for part in root.iter("score-part")}
    found: dict[str, tuple[str, str]] = {}
    for part in root.findall("part"):
        name = names.get(part.get("id")) or f"part {part.get('id')}"
        for measure in part.iterfind("measure"):
            place = (measure.get("number", "?"), name)
            found |= {note.get("id"): place for note in measure.iterchildren("note") if next(note.iterchildren("rest"), None) is None}
    return found


def percussion_keys(root: Any) -> dict[str, int]:
    """Return General MIDI keys by the ids of unpitched notes: as the file says (midi-unpitched), else as their instrument's name does."""
    known = {part.get("id"): _instrument_keys(part) for part in root.iter("score-part")}
    found: dict[str, int] = {}
    if next(root.iter("unpitched"), None) is None:
        return found
    for part in root.findall("part"):
        keys = known.get(part.get("id"), {})
        for note in part.iterfind("measure/note[unpitched]"):
            instrument = note.find("instrument")
            only = next(iter(keys)) if len(keys) == 1 else None
            identifier = only if instrument is None else instrument.get("id")
            if identifier in keys:
                found[note.get("id")] = keys[identifier]
    return found


def _instrument_keys(part: Any) -> dict[str, int]:
    keys: dict[str, int] = {}
    for instrument in part.iter("score-instrument"):
        names = (instrument.findtext(tag, "").replace(".", " ") for tag in ("instrument-name", "instrument-sound"))
        key = next((key for name in names if (key := key_of(name)) is not None), None)
        if key is not None:
            keys[instrument.get("id")] = key
    for instrument in part.iter("midi-instrument"):
        number = instrument.findtext("midi-unpitched", "").strip()
        if number.isdigit() and 1 <= int(number) <= 128:
            keys[instrument.get("id")] = int(number) - 1
    return keys


def printed_swing(root: Any) -> list[tuple[int, Swing]]:
    """Return what <swing> elements ask for, each with the index of its measure; its place is quarters from the measure's beginning."""
    found: list[tuple[int, Swing]] = []
    if next(root.iter("swing", "metronome-relation"), None) is None:
        return found
    for part in root.findall("part"):
        divisions = 1.0
        for number, measure in enumerate(part.findall("measure")):
            now = 0.0
            for element in measure:
                divisions = float(element.findtext("divisions") or divisions) or 1.0
                asked = [_swing(sign) if sign.tag == "swing" else equation_swing(sign) for sign in element.iter("swing", "metronome")]
                offset = float(element.findtext("offset") or 0)
                found += [(number, swing._replace(onset_quarter=(now + offset) / divisions)) for swing in asked[:1] if swing]
                length = float(element.findtext("duration") or 0) if element.find("chord") is None else 0.0
                now += {"note": length, "forward": length, "backup": -length}.get(element.tag, 0.0)
    return list(dict.fromkeys(found))


def _swing(element: Any) -> Swing:
    unit = 0.25 if (element.findtext("swing-type") or "").strip() == "16th" else 0.5
    first, second = (float(element.findtext(name) or 1) for name in ("first", "second"))
    return Swing(0.0, unit, first / (first + second) if first > 0 and second > 0 else 0.5)


def _round_microtones(root: Any) -> bool:
    """Turn quarter tones into the half step that they go towards, in place; say whether there were any."""
    changed = False
    for alter in root.iter("alter"):
        try:
            semitones = float(alter.text)
        except (TypeError, ValueError):
            continue
        if semitones != int(semitones):
            alter.text, changed = str(nearest_semitone(semitones)), True
    for accidental in list(root.iter("accidental")):
        if (accidental.text or "").strip() not in _ACCIDENTALS:
            accidental.getparent().remove(accidental)  # the pitch is in <alter>
            changed = True
    return changed


def _silence_cues(root: Any) -> bool:
    """Turn cue notes into rests, in place; say whether there were any. MuseScore writes small notes so, which sound."""
    if any("MuseScore" in (software.text or "") for software in root.iter("software")):
        return False
    cues = root.xpath("//note[cue and not(rest)]")
    for note in cues:
        for name in ("chord", "grace", "notations", "tie", "pitch", "unpitched", "accidental"):
            for element in note.findall(name):
                if name in ("chord", "grace"):
                    note.getparent().remove(note)
                    break
                if name in ("pitch", "unpitched"):
                    element.addprevious(note.makeelement("rest", {}))
                note.remove(element)
            if note.getparent() is None:
                break
    return bool(cues)


def uncompressed(path: Path) -> bytes:
    """Return the document; the container of an archive names which of its files that is, else it is the first that may be one."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        scores = (name for name in names if name.lower().endswith((".musicxml", ".xml")) and not name.startswith("META-INF/"))
        named = _named_by_container(archive)
        name = named if named in names else next(scores, None)
        if name is None:
            raise PerfLiveError("its archive has no score in it; give a compressed MusicXML file")
        try:
            return archive.read(name)
        except (RuntimeError, NotImplementedError) as error:  # a password, or a compression of its own
            raise PerfLiveError(f"its archive cannot be unpacked ({error}); give one without a password") from None


def _named_by_container(archive: zipfile.ZipFile) -> str | None:
    from lxml import etree

    try:
        container = etree.fromstring(archive.read("META-INF/container.xml"), etree.XMLParser(resolve_entities=False, no_network=True))
    except (KeyError, etree.XMLSyntaxError, zipfile.BadZipFile):
        return None
    return next((element.get("full-path") for element in container.iter("{*}rootfile")), None)


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
    found: dict[str, dict[int, int]] = {}
    if next(root.iter("arpeggiate"), None) is None:
        return found
    for part in root.findall("part"):
        signs = found.setdefault(part.get("id", "P1"), {})
        for index, note in enumerate(part.iterfind("measure/note")):
            sign = note.find("notations/arpeggiate")
            if sign is not None:
                signs[index] = -1 if sign.get("direction") == "down" else 1
    return found
