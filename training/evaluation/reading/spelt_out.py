"""Documents in which that is written out which music21's readers leave out: then the rest of a file can be compared."""

import re
from copy import deepcopy
from typing import Any

XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_LIST = re.compile(r"^\*>(norep)?\[([^\]]*)\]")
_LABEL = re.compile(r"^\*>([^\[\t]+)")
MOST_COPIES_OF_COPIES = 4


def mei_spelt_out(data: bytes) -> str:
    """Return MEI in which copies (``@copyof``) have what is copied, and chords the longest duration of notes that have one of their own."""
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
    return str(etree.tostring(root, encoding="unicode"))


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
