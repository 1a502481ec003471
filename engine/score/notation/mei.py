"""MEI as partitura reads it, with the trills, mordents, turns and arpeggio signs that partitura leaves out."""

import tempfile
from pathlib import Path
from typing import Any

from engine.base.partitura_loader import load_partitura
from engine.score.notation.mei_documents import XML_ID
from engine.score.notation.musicxml import Arpeggios


def read_mei(root: Any) -> tuple[list[Any], Arpeggios]:
    """Return the parts, their notes with ornaments, and the arpeggio signs as ``open_musicxml`` has them.

    Signs that name their notes (startid, plist) are read, those that only say where they stand (tstamp) are not. Raises whatever lxml and
    partitura do for what they do not take.
    """
    from lxml import etree

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "score.mei"  # partitura takes names of files alone
        path.write_bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))
        parts = load_partitura().load_mei(str(path)).parts
    ornaments, directions = mei_signs(root)
    signs: dict[int, int] = {}
    for place, note in enumerate(note for part in parts for note in part.notes):
        note.doc_order = place
        if note.id in ornaments:
            note.ornaments = [ornaments[note.id]]
        if note.id in directions:
            signs[place] = directions[note.id]
    return parts, {part.id: signs for part in parts}


def mei_signs(root: Any) -> tuple[dict[str, str], dict[str, int]]:
    """Return by the id of a note its ornament, under MusicXML's name, and the direction in which it is rolled."""
    chords = {element.get(XML_ID): [note.get(XML_ID) for note in element.iter("{*}note")] for element in root.iter("{*}chord")}
    ornaments: dict[str, str] = {}
    directions: dict[str, int] = {}
    for sign in root.iter("{*}trill", "{*}mordent", "{*}turn", "{*}arpeg"):
        named = f"{sign.get('startid', '')} {sign.get('plist', '')}".replace("#", "").split()
        notes = [note for name in named for note in chords.get(name, [name])]
        kind = sign.tag.rpartition("}")[2]
        if kind != "arpeg":
            ornaments |= dict.fromkeys(notes[-1:], _ornament(kind, sign))  # of a chord the highest, which is written last
        elif sign.get("order") != "nonarp":
            directions |= dict.fromkeys(notes, -1 if sign.get("order") == "down" else 1)
    return ornaments, directions


def _ornament(kind: str, sign: Any) -> str:
    """Return MusicXML's name. MEI's forms: a mordent goes to the lower note unless it says upper, a turn begins above unless lower."""
    if kind == "trill":
        return "trill-mark"
    usual = "lower" if kind == "mordent" else "upper"
    name = kind if sign.get("form", usual) == usual else f"inverted-{kind}"
    return f"delayed-{name}" if kind == "turn" and sign.get("delayed") == "true" else name
