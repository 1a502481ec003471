"""MEI as verovio and partitura can take it: one score, one reading of what editors have marked, definitions where they are looked for.

MEI (https://music-encoding.org/guidelines/v5/) says the same music in many ways. What is changed here is how it is said, not what sounds.
"""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from engine.score.notation.mei.attributes import EVENTS, MEI, in_tuplet, write_attributes

XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_FRAME = ("mei", "music", "body", "mdiv", "score")  # each is in the one before
_PREFERRED = ("lem", "corr", "reg", "expan", "add", "rdg", "sic", "orig", "abbr", "unclear")  # of several readings
_ALTERNATIVES = ("app", "choice", "subst")
_TRANSPARENT = ("supplied", "unclear", "damage", "add", "corr", "reg", "sic", "orig", "expan", "restore", "ossia", "lem", "rdg")
_SILENT = ("del", "oStaff", "oLayer")  # staves of an ossia are what else may be played
MOST_COPIES_OF_COPIES = 4


def normal_mei(data: bytes) -> Any:
    """Return the root of a document that has one score in each movement. Raises what lxml does for a damaged one."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, huge_tree=False, no_network=True, recover=True)  # an id may stand twice
    root = etree.fromstring(data, parser)
    if len(parser.error_log):
        etree.fromstring(data, etree.XMLParser(resolve_entities=False, huge_tree=False, no_network=True))  # raises
    names: set[str] = set()
    for element in root.iter(etree.Element):
        if not str(element.tag).startswith("{"):
            element.tag = f"{{{MEI}}}{element.tag}"
        if element.get(XML_ID) in names:
            del element.attrib[XML_ID]
        names.add(element.get(XML_ID, ""))
    root = _framed(_without_prefix(root))
    _one_body(root)
    version = next((element.get("meiversion") for element in root.iter(etree.Element) if element.get("meiversion")), "")
    for music in root.iterfind("{*}music"):
        _write_copies(music)
        _one_reading(music)
        _silence_cues(music)
        write_attributes(music, version)
        for movement in music.iter("{*}mdiv"):
            if movement.find("{*}score") is None and movement.find("{*}parts") is not None:
                movement.append(_joined_parts(list(movement.find("{*}parts"))))
                movement.remove(movement.find("{*}parts"))
        for score in music.iter("{*}score"):
            _define_staves(score)
        _write_tuplets(music)
    etree.cleanup_namespaces(root, top_nsmap={None: MEI})
    return root


def local_name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _make(name: str, children: Iterable[Any] = (), **attributes: str) -> Any:
    from lxml import etree

    made = etree.Element(f"{{{MEI}}}{name}", attributes, nsmap={None: MEI})
    made.extend(list(children))
    return made


def _without_prefix(root: Any) -> Any:
    """Let MEI's be the names without a prefix, as verovio has them."""
    if root.prefix is None:
        return root
    from lxml import etree

    plain = etree.Element(root.tag, dict(root.attrib), nsmap={None: MEI})
    plain.extend(list(root))
    etree.cleanup_namespaces(plain, top_nsmap={None: MEI})
    return plain


def _framed(root: Any) -> Any:
    """Put a document that begins with <music>, a section or the like into what is around it elsewhere."""
    name = local_name(root)
    if name in ("mei", "meiCorpus"):
        root.tag = f"{{{MEI}}}mei"
        return root
    if name in _FRAME[1:]:
        around = _FRAME[: _FRAME.index(name)]
    else:
        around = _FRAME if name in ("section", "measure") else _FRAME[:1]
    for outer in reversed(around):
        root = _make(outer, [root])
    return root


def _one_body(root: Any) -> None:
    """Bring the movements of a corpus, of a group or, where there are no others, of the header's incipits into one <body>, in place."""
    scores = [music for music in root.iter("{*}music") if next(music.iter("{*}note"), None) is not None and not _inside(music, "music")]
    movements = [movement for music in scores for movement in music.iter("{*}mdiv") if _has_notes(movement)]
    if not movements:
        incipits = [score for incipit in root.iter("{*}incip") for score in incipit.iterfind("{*}score")]
        movements = [_make("mdiv", [score]) for score in incipits if next(score.iter("{*}note"), None) is not None]
    if not movements or _are_all(root, movements):
        return
    body = _make("body", movements)
    for music in list(root.iter("{*}music")):
        if music.getparent() is not None:
            music.getparent().remove(music)
    for own in root.findall("{*}mei"):  # of a corpus
        root.remove(own)
    root.append(_make("music", [body]))


def _are_all(root: Any, movements: list[Any]) -> bool:
    """Say whether movements are one body already, with nothing beside it: to move them takes seconds where they are long."""
    bodies = [child for music in root.iter("{*}music") for child in music]
    return root.find("{*}music") is not None and len(bodies) == 1 and local_name(bodies[0]) == "body" and list(bodies[0]) == movements


def _has_notes(movement: Any) -> bool:
    """Say whether there are notes in the movement's own score, which is not that of a scene within an act."""
    return any(next(score.iter("{*}note"), None) is not None for name in ("score", "parts") for score in movement.iterfind(f"{{*}}{name}"))


def _inside(element: Any, name: str) -> bool:
    return next(element.iterancestors(f"{{*}}{name}"), None) is not None


def _write_copies(music: Any) -> None:
    """Write what is only named as a copy of something else, in place; ids stay with what was copied."""
    named = {element.get(XML_ID): element for element in music.iter() if element.get(XML_ID)}
    for _ in range(MOST_COPIES_OF_COPIES):
        copies = [element for element in music.iter() if element.get("copyof")]
        for copy in copies:
            source = named.get(copy.attrib.pop("copyof").lstrip("#"))
            if source is None or source is copy or source in copy.iterancestors():
                continue
            for name, value in source.attrib.items():
                if name != XML_ID and name not in copy.attrib:
                    copy.set(name, value)
            if not len(copy):
                children = [deepcopy(child) for child in source]
                for element in (inner for child in children for inner in child.iter()):
                    element.attrib.pop(XML_ID, None)
                copy.extend(children)
        if not copies:
            return


def _one_reading(music: Any) -> None:
    """Leave the lemma, the correction or the addition of several readings, without the marks of the editor, in place."""
    for name in _ALTERNATIVES:
        for element in list(music.iter(f"{{*}}{name}")):
            readings = [child for child in element if local_name(child) in _PREFERRED]
            kept = min(readings, key=lambda child: _PREFERRED.index(local_name(child)), default=None)
            for reading in readings:
                if reading is not kept and not (name == "subst" and local_name(reading) == "add"):
                    element.remove(reading)
            _unwrap(element)
    for element in list(music.iter(*(f"{{*}}{name}" for name in _SILENT))):
        if not _inside(element, "restore") and element.getparent() is not None:
            _keep_tail(element)
            element.getparent().remove(element)
    for element in list(music.iter(*(f"{{*}}{name}" for name in (*_TRANSPARENT, "del")))):
        _unwrap(element)


def _silence_cues(music: Any) -> None:
    """Turn cue notes into rests, in place."""
    cued = [element for element in music.iter("{*}layer", "{*}chord", "{*}note") if element.get("cue") == "true"]
    for note in dict.fromkeys(note for element in cued for note in element.iter("{*}note")):
        chord = next(note.iterancestors("{*}chord"), None)
        if note.get("grace") is not None:
            note.getparent().remove(note)
        elif chord is None:
            note.tag = f"{{{MEI}}}rest"
        else:
            chord.remove(note)
            if next(chord.iter("{*}note"), None) is None:
                chord.set("dur", chord.get("dur") or note.get("dur", "4"))
                chord.tag = f"{{{MEI}}}rest"


def _keep_tail(element: Any) -> None:
    """Move the text after an element to what is before it, in place."""
    previous, parent = element.getprevious(), element.getparent()
    if element.tail and previous is not None:
        previous.tail = (previous.tail or "") + element.tail
    elif element.tail:
        parent.text = (parent.text or "") + element.tail


def _unwrap(element: Any) -> None:
    """Put what an element has in its place."""
    parent = element.getparent()
    if parent is None:
        return
    if len(element):
        element[-1].tail = (element[-1].tail or "") + (element.tail or "")
        element.tail = element.text
    else:
        element.tail = (element.text or "") + (element.tail or "")
    _keep_tail(element)
    place = parent.index(element)
    children = list(element)
    parent.remove(element)
    for number, child in enumerate(children):
        parent.insert(place + number, child)


def _joined_parts(parts: list[Any]) -> Any:
    """Return a score of parts that are written one after the other: their measures go together by their order."""
    parts = [part for part in parts if local_name(part) == "part"]
    definitions = _make("staffGrp")
    outer = next((definition for part in parts for definition in part.iter("{*}scoreDef")), None)
    measures: list[Any] = []
    staves = 0
    for part in parts:
        _spread_rests(part)
        numbers: dict[str, str] = {}
        for element in part.iter("{*}staffDef", "{*}staff"):
            number = element.get("n", "1")
            if number not in numbers:
                staves += 1
                numbers[number] = str(staves)
                defined = next((own for own in part.iter("{*}staffDef") if own.get("n", "1") == number), None)
                definitions.append(_make("staffDef", lines="5") if defined is None else deepcopy(defined))
                definitions[-1].set("n", str(staves))
        for element in part.iter("{*}staffDef", "{*}staff"):
            element.set("n", numbers[element.get("n", "1")])
        for element in part.iterfind(".//{*}measure/*[@staff]"):
            element.set("staff", " ".join(numbers.get(number, number) for number in element.get("staff").split()))
        own_measures = list(part.iter("{*}measure"))
        for measure, other in zip(measures, own_measures, strict=False):
            measure.extend(list(other))
        if part is parts[0]:
            measures = own_measures
        elif measures and len(own_measures) > len(measures):
            measures[-1].getparent().extend(own_measures[len(measures) :])
            measures += own_measures[len(measures) :]
    score = _make("score", [_make("scoreDef", [definitions], **({} if outer is None else _without_id(outer)))])
    for element in list(parts[0]):
        if local_name(element) not in ("scoreDef", "staffDef", "staffGrp"):
            score.append(element)
    return score


def _without_id(element: Any) -> dict[str, str]:
    return {name: value for name, value in element.attrib.items() if not name.startswith("{")}


def _spread_rests(part: Any) -> None:
    """Turn a measure that stands for several of rest into these, in place: other parts have one each."""
    for measure in list(part.iter("{*}measure")):
        rests = next(measure.iter("{*}multiRest"), None)
        count = rests.get("num", "1") if rests is not None else ""
        if rests is None or not count.isdigit():
            continue
        rests.tag = f"{{{MEI}}}mRest"
        rests.attrib.pop("num", None)
        for _ in range(int(count) - 1):
            more = deepcopy(measure)
            for element in more.iter():
                element.attrib.pop(XML_ID, None)
            measure.addnext(more)


def _define_staves(score: Any) -> None:
    """Put a definition of all staves before the first section, in place: verovio looks for it there."""
    definition = score.find("{*}scoreDef")
    if definition is None:
        definition = next(score.iter("{*}scoreDef"), None)
        if definition is None:
            definition = _make("scoreDef")
        score.insert(0, definition)
    group = definition.find("{*}staffGrp")
    if group is None:
        group = _make("staffGrp", list(definition.iterfind("{*}staffDef")))
        definition.append(group)
    defined = {staff.get("n", "1") for staff in definition.iter("{*}staffDef")}
    for staff in score.iter("{*}staff"):
        number = staff.get("n", "1")
        if number not in defined:
            defined.add(number)
            own = next((other for other in score.iter("{*}staffDef") if other.get("n", "1") == number), None)
            group.append(_make("staffDef", **{"lines": "5", **({} if own is None else _without_id(own)), "n": number}))


def _write_tuplets(music: Any) -> None:
    """Write each event under a <tupletSpan> as a tuplet of its own, in place: readers go by elements, and leave the signs alone."""
    written = set(music.iter("{*}tuplet"))
    for span in list(music.iter("{*}tupletSpan")):
        named = {element.get(XML_ID): element for element in span.getparent().iter() if element.get(XML_ID)}
        first, last = (named.get(span.get(name, "")[1:]) for name in ("startid", "endid"))
        layer = next(first.iterancestors("{*}layer"), None) if first is not None else None
        count = span.get("num", "")
        if first is None or last is None or layer is None or not count.isdigit():
            continue
        base = span.get("numbase", "") if span.get("numbase", "").isdigit() else str(usual_base(int(count)))
        inside = False
        for element in [each for each in layer.iter(*(f"{{*}}{name}" for name in EVENTS)) if not _inside(each, "chord")]:
            inside = inside or element is first or first in element.iterdescendants()
            said = any(each in written and each.get("num") == count for each in element.iterancestors("{*}tuplet"))  # once more
            if inside and not said and element.get("dur.ges") is None and element.get("grace") is None:
                in_tuplet(element, count, base)
            if element is last or last in element.iterdescendants():
                break
        span.getparent().remove(span)


def written_notes(root: Any) -> dict[str, tuple[str, str]]:
    """Return the measure and the staff of each note, by ids; notes that have none get one. A note within a note is a reading of it."""
    found: dict[str, tuple[str, str]] = {}
    for measure in root.iterfind("{*}music//{*}measure"):
        for staff in measure.iterfind("{*}staff"):
            for note in staff.iter("{*}note"):
                if local_name(note.getparent()) == "note":
                    continue
                if note.get(XML_ID) is None:
                    note.set(XML_ID, f"note-without-id-{len(found)}")
                found[note.get(XML_ID)] = (measure.get("n", "?"), f"staff {staff.get('n', '1')}")
    return found


def mei_signs(root: Any) -> tuple[dict[str, str], dict[str, int]]:
    """Return by the id of a note its ornament, under MusicXML's name, and the direction in which it is rolled, 1 upwards or -1.

    Signs that name their notes (startid, plist) are read, those that only say where they stand (tstamp) are not.
    """
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


def usual_base(count: int) -> int:
    """Return in the time of how many the ``count`` notes of a tuplet are played where nothing is said: 2 in 3, else a power of 2."""
    return 3 if count in (2, 4) else 1 << max((count - 1).bit_length() - 1, 0)
