"""The parts of a score as a file names them, and the channels on which they sound."""

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from engine.midi.events import DRUM_CHANNEL
from engine.midi.general_midi import program_of
from engine.score.files import HUMDRUM, MEI, MUSICXML
from engine.score.notation.musicxml import uncompressed

CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)  # of pitched parts
NO_NAMES = ("musicxml part",)  # what programs write for a part without a name


class Part(NamedTuple):
    """One part of a score. Parts of one ``instrument``, such as the staves of a piano, sound on one channel.

    ``program`` is 0 to 127, None when unknown; ``channel`` 0 to 15 is the file's own wish.
    """

    instrument: int
    name: str = ""
    program: int | None = None
    channel: int | None = None


def read_parts(path: Path, count: int) -> tuple[Part, ...]:
    """Return ``count`` parts in the order of the score; those that the file does not describe have no name and program."""
    suffix = path.suffix.lower()
    if suffix in MUSICXML:
        found = _musicxml_parts(uncompressed(path))
    elif suffix in MEI:
        found = _mei_parts(path.read_bytes())
    else:
        found = _humdrum_parts(path.read_text("utf-8", "replace")) if suffix in HUMDRUM else []
    instruments = list({part.instrument: part for part in reversed(found)}.values())[::-1]
    if len(instruments) == count:  # the reader made one part of an instrument's staves
        found = instruments
    first_free = 1 + max((part.instrument for part in found), default=-1)
    return tuple((*found, *(Part(first_free + number) for number in range(count))))[:count]


def spread_channels(parts: Sequence[Part]) -> tuple[int, ...]:
    """Return a channel for each part: its own for each instrument, the file's where it can be; never the drums'.

    Where there are more than 15 instruments, those of one program share channels, then those of one family of programs, then others.
    """
    firsts = list({part.instrument: part for part in reversed(parts)}.values())[::-1]
    channels: dict[int, int] = {}
    for part in firsts:
        if part.channel in CHANNELS and part.channel not in channels.values():
            channels[part.instrument] = part.channel
    free = [channel for channel in CHANNELS if channel not in channels.values()]
    waiting = [part for part in firsts if part.instrument not in channels]
    if len(waiting) > len(free):
        channels, free, waiting = {}, list(CHANNELS), _one_of_each_kind_first(firsts)
    for part in waiting:
        channels[part.instrument] = free.pop(0) if free else _shared_channel(part, firsts, channels)
    return tuple(channels[part.instrument] for part in parts)


def _one_of_each_kind_first(parts: Sequence[Part]) -> list[Part]:
    """Return the parts in an order in which each program has its first part before any has its second."""
    seen: Counter[int] = Counter()
    ranks = []
    for part in parts:
        ranks.append(seen[part.program or 0])
        seen[part.program or 0] += 1
    return [part for _, part in sorted(zip(ranks, parts, strict=True), key=lambda ranked: ranked[0])]


def _shared_channel(part: Part, parts: Sequence[Part], channels: dict[int, int]) -> int:
    """Return the channel whose instrument is most like the part's, among equals the one with the fewest parts."""
    crowds = Counter(channels.values())

    def unlike(channel: int) -> tuple[int, int, int]:
        own = next(other for other in parts if channels.get(other.instrument) == channel).program or 0
        wanted = part.program or 0
        return (0 if own == wanted else 1 if own // 8 == wanted // 8 else 2), crowds[channel], channel

    return min(crowds, key=unlike)


def _musicxml_parts(document: bytes) -> list[Part]:
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


def _mei_parts(document: bytes) -> list[Part]:
    from lxml import etree

    root = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True, recover=True))
    music = next(root.iter("{*}music"), root)  # the header may have the beginning of the score as well
    definition = next(music.iter("{*}scoreDef"), None)
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


def _humdrum_parts(text: str) -> list[Part]:
    """Return the spines of notes from the last to the first, as a page has them from top to bottom."""
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
