"""What MEI says once or apart is written where readers look for it: on each note, or around it."""

from typing import Any

MEI = "http://www.music-encoding.org/ns/mei"
EVENTS = ("note", "chord", "rest", "space")
_DEFAULTS = {"dur.default": "dur", "oct.default": "oct", "octave.default": "oct", "num.default": "num", "numbase.default": "numbase"}
_IN_TICKS = ("2010", "2011", "2012")  # versions whose ticks have no unit
_OCTAVE = (7, 12)  # steps and semitones


def write_attributes(music: Any, version: str) -> None:
    """Write out durations in ticks, defaults, dots as elements, ratios of durations, ties that go on, and transpositions, in place."""
    _read_gestures(music, version)
    _write_defaults(music)
    for dot in list(music.iter("{*}dot")):
        event = dot.getparent()
        if event.get("dots") is None:
            event.set("dots", str(len(event.findall("{*}dot"))))
    for event in music.iter(*(f"{{*}}{name}" for name in EVENTS)):
        if {"i", "t"} <= set(event.get("tie", "")):
            event.set("tie", "m")
    _write_ratios(music)
    for definition in music.iter("{*}scoreDef", "{*}staffDef"):
        _write_transposition(definition)


def in_tuplet(event: Any, count: str, base: str) -> None:
    """Put a <tuplet> around an event, in place."""
    tuplet = event.makeelement(f"{{{MEI}}}tuplet", {"num": count, "numbase": base})
    event.addprevious(tuplet)
    tuplet.append(event)


def _read_gestures(music: Any, version: str) -> None:
    """Let a performed duration in ticks ("24p") count where none is written, in place: before MEI 3 it was an attribute of both."""
    for event in music.iter(*(f"{{*}}{name}" for name in EVENTS)):
        told = event.get("dur.ges", "")
        if told.removesuffix("p").isdigit() and (told.endswith("p") or version[:4] in _IN_TICKS):
            del event.attrib["dur.ges"]
            if event.get("dur") is None:
                event.set("dur.ppq", told.removesuffix("p"))


def _write_defaults(music: Any) -> None:
    held: dict[str | None, dict[str, str]] = {None: {}}  # by staff; None is the score
    for element in music.iter("{*}scoreDef", "{*}staffDef", *(f"{{*}}{name}" for name in EVENTS)):
        name = str(element.tag).rpartition("}")[2]
        if name in ("scoreDef", "staffDef"):
            place = element.get("n", "1") if name == "staffDef" else None
            held.setdefault(place, {}).update({_DEFAULTS[key]: value for key, value in element.attrib.items() if key in _DEFAULTS})
        elif any(held.values()):
            staff = next(element.iterancestors("{*}staff"), None)
            _write_default(element, name, held[None] | held.get("1" if staff is None else staff.get("n", "1"), {}))


def _write_default(element: Any, name: str, values: dict[str, str]) -> None:
    """Give a note its octave and an event its duration; notes of a chord have the chord's, which may have theirs."""
    chord = name == "note" and next(element.iterancestors("{*}chord"), None) is not None
    has_own = any(each.get(key) for each in element.iter() for key in ("dur", "dur.ges", "dur.ppq"))
    if name == "note" and element.get("oct") is None and "oct" in values:
        element.set("oct", values["oct"])
    if not chord and not has_own and "dur" in values:
        element.set("dur", values["dur"])
    if not chord and element.get("num") is None and {"num", "numbase"} <= set(values):
        element.set("num", values["num"])
        element.set("numbase", values["numbase"])


def _write_ratios(music: Any) -> None:
    """Write an event that says in the time of how many (``@numbase``) of it a number (``@num``) is played as a tuplet, in place."""
    for event in list(music.iter(*(f"{{*}}{name}" for name in EVENTS))):
        count, base = (event.get(name, "") for name in ("num", "numbase"))
        inside = next(event.iterancestors("{*}tuplet", "{*}chord", "{*}bTrem", "{*}fTrem"), None)
        if inside is None and count.isdigit() and base.isdigit() and int(count) and int(base):
            del event.attrib["num"], event.attrib["numbase"]
            in_tuplet(event, count, base)


def _write_transposition(definition: Any) -> None:
    """Give octaves in steps their semitones, and what a score's definition says to its staves, in place."""
    steps = definition.get("trans.diat", "")
    if definition.get("trans.semi") is None and steps.lstrip("-").isdigit() and not int(steps) % _OCTAVE[0]:
        definition.set("trans.semi", str(int(steps) // _OCTAVE[0] * _OCTAVE[1]))
    if str(definition.tag).endswith("scoreDef") and definition.get("trans.semi") is not None:
        for staff in definition.iter("{*}staffDef"):
            if staff.get("trans.semi") is None and staff.get("trans.diat") is None:
                staff.set("trans.semi", definition.get("trans.semi"))
