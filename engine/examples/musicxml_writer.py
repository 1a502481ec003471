"""Scores as MusicXML 4.0, written from notes in one line of text a staff. It knows what the bundled music needs, and no more."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lxml import etree

DIVISIONS = 4  # a quarter
TYPES = {16: "whole", 12: "half.", 8: "half", 6: "quarter.", 4: "quarter", 3: "eighth.", 2: "eighth", 1: "16th"}
ALTERS = {"#": 1, "b": -1}
CLEFS = {"treble": ("G", 2), "alto": ("C", 3), "bass": ("F", 4)}
DOCTYPE = '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">'


class Sign(NamedTuple):
    """A dynamic mark (``p``, ``f``), or where a hairpin begins or ends (``crescendo``, ``diminuendo``, ``stop``), on the first staff."""

    quarter: float
    text: str


@dataclass(frozen=True)
class Staff:
    """``notes``: ``name:quarters`` one after the other; ``r`` is a rest, ``+`` joins a chord, ``(`` and ``)`` begin and end a slur.

    No note crosses a bar line.
    """

    clef: str
    notes: str


@dataclass(frozen=True)
class ScorePart:
    """``program`` is General MIDI's, from 0. ``lyrics`` are syllables for the notes of the first staff; ``_`` prolongs the one before."""

    name: str
    program: int
    staves: tuple[Staff, ...]
    signs: tuple[Sign, ...] = ()
    lyrics: str = ""


@dataclass(frozen=True)
class NotatedPiece:
    """``upbeat_quarters`` come before the first whole bar; ``fifths`` is the key signature, ``tempo`` its word and quarters a minute."""

    file_name: str
    title: str
    composer: str
    metre: tuple[int, int]
    fifths: int
    tempo: tuple[str, float]
    upbeat_quarters: float
    parts: tuple[ScorePart, ...]

    @property
    def bar_quarters(self) -> float:
        return self.metre[0] * 4 / self.metre[1]


class _Word(NamedTuple):
    quarter: float
    quarters: float
    names: tuple[str, ...]  # none for a rest
    slurs: tuple[str, ...]
    syllable: str


def musicxml(piece: NotatedPiece) -> bytes:
    """Return the file."""
    root = etree.Element("score-partwise", version="4.0")
    _add(_add(root, "work"), "work-title", piece.title)
    _add(_add(root, "identification"), "creator", piece.composer, type="composer")
    part_list = _add(root, "part-list")
    for number, part in enumerate(piece.parts, 1):
        entry = _add(part_list, "score-part", id=f"P{number}")
        _add(entry, "part-name", part.name)
        _add(_add(entry, "score-instrument", id=f"P{number}-I1"), "instrument-name", part.name)
        instrument = _add(entry, "midi-instrument", id=f"P{number}-I1")
        _add(instrument, "midi-channel", str(number))
        _add(instrument, "midi-program", str(part.program + 1))
    for number, part in enumerate(piece.parts, 1):
        _add_measures(_add(root, "part", id=f"P{number}"), piece, part, is_first=number == 1)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True, doctype=DOCTYPE)


def _add_measures(element: etree._Element, piece: NotatedPiece, part: ScorePart, is_first: bool) -> None:
    staves = [list(_words(staff.notes, part.lyrics if number == 0 else "")) for number, staff in enumerate(part.staves)]
    end = max(word.quarter + word.quarters for words in staves for word in words)
    begin, number = 0.0, 0 if piece.upbeat_quarters else 1
    while begin < end:
        after = piece.upbeat_quarters if begin == 0 and piece.upbeat_quarters else min(begin + piece.bar_quarters, end)
        measure = _add(element, "measure", number=str(number), **({"implicit": "yes"} if number == 0 else {}))
        if begin == 0:
            _add_attributes(measure, piece, part)
            if is_first:
                _add_tempo(measure, *piece.tempo)
        for staff, words in enumerate(staves, 1):
            if staff > 1:
                _add(_add(measure, "backup"), "duration", str(round((after - begin) * DIVISIONS)))
            for word in words:
                if begin <= word.quarter < after:
                    _add_signs(measure, part.signs if staff == 1 else (), word)
                    _add_word(measure, word, staff if len(staves) > 1 else 0)
        for sign in part.signs:
            if sign.quarter == end == after:
                _add_sign(measure, sign)
        begin, number = after, number + 1


def _words(text: str, lyrics: str) -> Iterator[_Word]:
    """Read a staff's notes, each with its place."""
    quarter, syllables = 0.0, iter(lyrics.split())
    for word in text.split():
        slurs = tuple(kind for sign, kind in (("(", "start"), (")", "stop")) if sign in word)
        names, _, length = word.strip("()").partition(":")
        syllable = "" if names == "r" else next(syllables, "")
        yield _Word(quarter, float(length), () if names == "r" else tuple(names.split("+")), slurs, syllable.strip("_"))
        quarter += float(length)


def _add_attributes(measure: etree._Element, piece: NotatedPiece, part: ScorePart) -> None:
    attributes = _add(measure, "attributes")
    _add(attributes, "divisions", str(DIVISIONS))
    _add(_add(attributes, "key"), "fifths", str(piece.fifths))
    time = _add(attributes, "time")
    _add(time, "beats", str(piece.metre[0]))
    _add(time, "beat-type", str(piece.metre[1]))
    if len(part.staves) > 1:
        _add(attributes, "staves", str(len(part.staves)))
    for number, staff in enumerate(part.staves, 1):
        clef = _add(attributes, "clef", **({"number": str(number)} if len(part.staves) > 1 else {}))
        sign, line = CLEFS[staff.clef]
        _add(clef, "sign", sign)
        _add(clef, "line", str(line))


def _add_tempo(measure: etree._Element, word: str, quarters_per_minute: float) -> None:
    direction = _add(measure, "direction", placement="above")
    _add(_add(direction, "direction-type"), "words", word)
    _add(direction, "sound", tempo=f"{quarters_per_minute:g}")


def _add_signs(measure: etree._Element, signs: Iterable[Sign], word: _Word) -> None:
    for sign in signs:
        if word.quarter <= sign.quarter < word.quarter + word.quarters:
            _add_sign(measure, sign, round((sign.quarter - word.quarter) * DIVISIONS))


def _add_sign(measure: etree._Element, sign: Sign, offset: int = 0) -> None:
    direction = _add(measure, "direction", placement="below")
    kind = _add(direction, "direction-type")
    if sign.text in ("crescendo", "diminuendo", "stop"):
        _add(kind, "wedge", type=sign.text)
    else:
        _add(_add(kind, "dynamics"), sign.text)
    if offset:
        _add(direction, "offset", str(offset))


def _add_word(measure: etree._Element, word: _Word, staff: int) -> None:
    for place, name in enumerate(word.names or ("",)):
        note = _add(measure, "note")
        if place:
            _add(note, "chord")
        if name:
            pitch = _add(note, "pitch")
            _add(pitch, "step", name[0])
            if alter := ALTERS.get(name[1]):
                _add(pitch, "alter", str(alter))
            _add(pitch, "octave", name[-1])
        else:
            _add(note, "rest")
        _add_duration(note, round(word.quarters * DIVISIONS), staff)
        if place == 0:
            _add_slurs_and_syllable(note, word)


def _add_duration(note: etree._Element, duration: int, staff: int) -> None:
    _add(note, "duration", str(duration))
    _add(note, "voice", str(max(staff, 1)))
    _add(note, "type", TYPES[duration].rstrip("."))
    if TYPES[duration].endswith("."):
        _add(note, "dot")
    if staff:
        _add(note, "staff", str(staff))


def _add_slurs_and_syllable(note: etree._Element, word: _Word) -> None:
    if word.slurs:
        notations = _add(note, "notations")
        for kind in word.slurs:
            _add(notations, "slur", type=kind, number="1")
    if word.syllable:
        lyric = _add(note, "lyric", number="1")
        ends, begins = word.syllable.startswith("-"), word.syllable.endswith("-")
        _add(lyric, "syllabic", ("middle" if begins else "end") if ends else ("begin" if begins else "single"))
        _add(lyric, "text", word.syllable.strip("-"))


def _add(parent: etree._Element, tag: str, text: str | None = None, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, tag, attributes)
    element.text = text
    return element


def joined(*phrases: str | Sequence[str]) -> str:
    """Return phrases of notes as one."""
    return " ".join(phrase if isinstance(phrase, str) else " ".join(phrase) for phrase in phrases)
