"""The parts of a score as a file names them: names, programs and channels, and which staves belong to one instrument."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.midi.events import DRUM_CHANNEL
from engine.midi.general_midi import program_of
from engine.score.notation.mei.documents import normal_mei
from engine.score.notation.musicxml.abc.writing import musicxml_of
from engine.score.notation.musicxml.documents import uncompressed
from engine.score.parts import Part

NO_NAMES = ("musicxml part",)  # what programs write for a part without a name


def read_parts(path: Path, count: int) -> tuple[Part, ...]:
    """Return ``count`` parts in the order of the score; those that the file does not describe have no name and program."""
    reader = _READERS.get(path.suffix.lower())
    found = reader(path) if reader else []
    instruments = list({part.instrument: part for part in reversed(found)}.values())[::-1]
    if len(instruments) == count:  # the reader made one part of an instrument's staves
        found = instruments
    first_free = 1 + max((part.instrument for part in found), default=-1)
    return tuple((*found, *(Part(first_free + number) for number in range(count))))[:count]


def _musicxml_parts(path: Path) -> list[Part]:
    return _listed_parts(uncompressed(path))


def _abc_parts(path: Path) -> list[Part]:
    return _listed_parts(musicxml_of(path.read_text("utf-8-sig", "replace"))[0])


def _listed_parts(document: bytes) -> list[Part]:
    from lxml import etree

    found: list[Part] = []
    tags = ("score-part", "part-list")
    for _, element in etree.iterparse(io.BytesIO(document), tag=tags, resolve_entities=False, no_network=True, recover=True):
        if element.tag == "part-list":
            break
        found.append(_musicxml_part(element, len(found)))
    return found


def _musicxml_part(element: Any, number: int) -> Part:
    texts = [" ".join((element.findtext(tag) or "").split()) for tag in ("part-name", "score-instrument/instrument-name")]
    names = [text for text in texts if text and text.lower() not in NO_NAMES]
    sound = (element.findtext("score-instrument/instrument-sound") or "").replace(".", " ")
    channel = _number(element.findtext("midi-instrument/midi-channel"), 1, 16)
    program = _number(element.findtext("midi-instrument/midi-program"), 1, 128)
    if program is None or channel == DRUM_CHANNEL:
        program = _first_program([sound, *reversed(names)])
    return Part(number, names[0] if names else "", program, channel)


def _mei_parts(path: Path) -> list[Part]:
    music = next(normal_mei(path.read_bytes()).iter("{*}music"), None)  # the header may have the beginning of the score as well
    definition = next(music.iter("{*}scoreDef"), None) if music is not None else None
    found: list[Part] = []
    groups: dict[Any, int] = {}
    for staff in definition.iter("{*}staffDef") if definition is not None else ():
        group = staff.getparent()
        braced = _is_braced(group) and not any(_label(own) for own in group.iterfind("{*}staffDef"))
        instrument = groups.setdefault(group if braced else staff, len(found))
        name = _label(staff) or (_label(group) if braced else "")
        given = next((own for place in (staff, group) for own in place.iterfind("{*}instrDef")), None)
        program = None if given is None else _number(given.get("midi.instrnum"), 0, 127)
        if program is None:
            program = _first_program(["" if given is None else given.get("midi.instrname", ""), name])
        found.append(Part(instrument, name, program))
    return found


def _is_braced(group: Any) -> bool:
    return "brace" in (group.get("symbol"), *(sign.get("symbol") for sign in group.iterfind("{*}grpSym")))


def _label(element: Any) -> str:
    child = element.find("{*}label")
    return " ".join((element.get("label") or ("" if child is None else "".join(child.itertext()))).split())


def _humdrum_parts(path: Path) -> list[Part]:
    """Return the spines of notes from the last to the first, as a page has them from top to bottom."""
    text = path.read_text("utf-8", "replace")
    records = [line.split("\t") for line in text.lstrip("\ufeff").splitlines() if line.startswith("*")]
    header: list[list[str]] = []
    for record in records:
        if header and (len(record) != len(header[0]) or any(mark in record for mark in ("*^", "*v", "*-", "*+", "*x"))):
            break
        header.append(record)
    found: list[Part] = []
    numbers: dict[str, int] = {}
    for spine in reversed(list(zip(*header, strict=True))):
        if spine[0] != "**kern":
            continue
        name = next((mark[3:].strip() for mark in spine if mark.startswith('*I"')), "")
        code = next((mark[2:] for mark in spine if mark[:2] == "*I" and mark[2:3].islower()), "")
        group = next((mark for mark in spine if mark.startswith("*part")), code if code == "piano" else "")
        instrument = numbers.setdefault(group, len(found)) if group else len(found)
        found.append(Part(instrument, name, _first_program([code, name])))
    return found


def _first_program(names: Sequence[str]) -> int | None:
    return next((program for name in names if (program := program_of(name)) is not None), None)


def _number(text: str | None, least: int, most: int) -> int | None:
    """Return the number in ``text``, counted from ``least``; None where there is none from ``least`` to ``most``."""
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number - least if least <= number <= most else None


_READERS = {
    ".xml": _musicxml_parts,
    ".musicxml": _musicxml_parts,
    ".mxl": _musicxml_parts,
    ".mei": _mei_parts,
    ".abc": _abc_parts,
    ".krn": _humdrum_parts,
    ".kern": _humdrum_parts,
}
