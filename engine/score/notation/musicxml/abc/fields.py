"""ABC's lines: tunes and their fields, and what keys, metres, note lengths and tempos say.

By the ABC music standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1), read as forgivingly as it asks for.
"""

import re
from fractions import Fraction
from typing import NamedTuple

FIELD = re.compile(r"([A-Za-z]):(?![|:])(.*)")  # a line such as c:| is music
_COMMENT = re.compile(r"(?<!\\)%(?!%).*")
_FRACTION = re.compile(r"(\d{1,4})\s*/\s*(\d{1,4})")
_KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)")
_SIGNS = re.compile(r"(?<![\w=+-])(\^\^|__|\^|_|=)([A-Ga-g])(?![\w=])")
_SETTING = re.compile(r"(\w+)\s*=\s*(\"[^\"]*\"|\S+)")
_CLEF = re.compile(r"\b(treble|bass|tenor|alto|perc)[123]?([+-]8)?\b|([+-]8)(?:va)?\b")
_FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
_MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "min": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1, "exp": 0}
_SHARPS = "FCGDAEB"
ALTERS = {"^^": 2.0, "^": 1.0, "=": 0.0, "_": -1.0, "__": -2.0}


class Line(NamedTuple):
    """A line of a tune: ``field`` is its letter, "" of music; ``number`` counts the document's lines from 1."""

    number: int
    field: str
    text: str


class Key(NamedTuple):
    """``alters`` has the steps (C to B) that are altered, in semitones."""

    fifths: int = 0
    alters: tuple[tuple[str, float], ...] = ()


class Metre(NamedTuple):
    """``beats`` may be a sum, as 2+3. ``whole`` is the length of a bar in whole notes."""

    beats: str
    beat_type: int
    whole: Fraction


class Tempo(NamedTuple):
    """``beat`` is in whole notes, both numbers None where there are words alone."""

    words: str
    beat: Fraction | None
    per_minute: float | None


def tunes(document: str) -> list[list[Line]]:
    """Return the lines of each tune, the file's own header before the first; of text after an empty line those that have bar lines."""
    found: list[list[Line]] = []
    head: list[Line] = []
    after_gap = in_text = False
    for number, raw in enumerate(document.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        text = (raw if raw.startswith("%%") else _COMMENT.sub("", raw)).strip()
        if text.startswith("%%begintext") or text.startswith("%%endtext"):
            in_text = text.startswith("%%begintext")
        if not text or in_text:
            after_gap = True
            continue
        field = FIELD.fullmatch(text)
        if text.startswith("%%"):
            line = Line(number, "%", text[2:].strip())
        elif field:
            line = Line(number, field[1], field[2].strip())
        else:
            line = Line(number, "", text)
        if line.field == "X":
            found.append([*head])
            after_gap = False
        elif not found:
            head.append(line)
            continue
        if line.field or not after_gap or "|" in text:
            found[-1].append(line)
    return found or ([head] if any(line.field == "K" for line in head) else [])


def key_of(text: str) -> Key | None:
    """Return the key of a K: field, None where it says a clef or the like alone."""
    if text.startswith("HP") or re.match(r"none\b", text):
        return Key()
    if text.startswith("Hp"):
        return Key(2, (("F", 1.0), ("C", 1.0)))
    tonic = _KEY.match(text)
    alters: dict[str, float] = {}
    fifths = 0
    if tonic:
        mode = tonic[3].lower()
        shift = -3 if mode == "m" else _MODES.get(mode[:3], 0)
        if mode[:3] != "exp":
            fifths = _FIFTHS[tonic[1]] + {"#": 7, "b": -7, "": 0}[tonic[2]] + shift
        altered = _SHARPS[:fifths] if fifths > 0 else _SHARPS[::-1][: -fifths or 0]
        alters = dict.fromkeys(altered, 1.0 if fifths > 0 else -1.0)
    signs = _SIGNS.findall(text)
    alters |= {step.upper(): ALTERS[sign] for sign, step in signs}
    return Key(max(min(fifths, 7), -7), tuple(alters.items())) if tonic or signs else None


def transposition_of(text: str) -> int | None:
    """Return by how many semitones music sounds higher than it is written, None where neither a clef nor a setting says."""
    settings = dict(_SETTING.findall(text))
    clef = _CLEF.search(settings.get("clef", "").strip('"') or text)
    given = [settings[name] for name in ("transpose", "t") if name in settings]
    octaves = settings.get("octave")
    values = [int(value) for value in given if re.fullmatch(r"[+-]?\d{1,2}", value)]
    values += [12 * int(octaves)] if octaves and re.fullmatch(r"[+-]?\d", octaves) else []
    values += [12 if "+8" in clef[0] else -12 if "-8" in clef[0] else 0] if clef else []
    return sum(values) if values else None


def settings_of(text: str) -> dict[str, str]:
    """Return what a V: field sets, by names in full."""
    return {{"nm": "name"}.get(name, name): value.strip('"') for name, value in _SETTING.findall(text)}


def metre_of(text: str) -> Metre | None:
    """Return the metre of an M: field, None for music without one."""
    if text in ("C", "C|"):
        return Metre("4", 4, Fraction(1)) if text == "C" else Metre("2", 2, Fraction(1))
    found = re.match(r"\(?\s*(\d{1,3}(?:\s*\+\s*\d{1,3})*)\s*\)?\s*/\s*(\d{1,3})", text)
    if not found or not int(found[2]):
        return None
    beats = "+".join(number.strip() for number in found[1].split("+"))
    whole = Fraction(sum(int(number) for number in beats.split("+")), int(found[2]))
    return Metre(beats, int(found[2]), whole) if whole else None


def unit_of(text: str) -> Fraction | None:
    """Return the length in whole notes that an L: field gives to a letter."""
    found = _FRACTION.match(text)
    if found:
        return Fraction(int(found[1]), int(found[2])) or None if int(found[2]) else None
    return Fraction(1) if text == "1" else None


def usual_unit(metre: Metre | None) -> Fraction:
    """Return the length of a letter where no L: field says it: a sixteenth in metres of less than three quarters, else an eighth."""
    return Fraction(1, 16) if metre is not None and metre.whole < Fraction(3, 4) else Fraction(1, 8)


def tempo_of(text: str, unit: Fraction) -> Tempo:
    """Return the tempo of a Q: field: several lengths before the sign are one beat, none is a letter's, C is one too."""
    words = " ".join(found.strip() for found in re.findall(r'"([^"]*)"', text))
    plain = re.sub(r'"[^"]*"', "", text).strip()
    left, sign, right = plain.rpartition("=")
    number = re.match(r"\s*(\d{1,4}(?:\.\d+)?)", right)
    if not number or not float(number[1]):
        return Tempo(words or plain, None, None)
    lengths = [Fraction(int(above), int(below)) for above, below in _FRACTION.findall(left) if int(below)]
    letters = re.match(r"\s*C(\d?)", left)
    beat = sum(lengths, Fraction(0)) or unit * int((letters[1] if letters else "") or 1)
    return Tempo(words, beat, float(number[1]))
