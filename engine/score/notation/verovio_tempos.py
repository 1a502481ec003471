"""What verovio's MEI says of the tempo: metronome marks, equations of note values (metric modulation), tempo words."""

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from engine.base.partitura_loader import load_partitura
from engine.score.notation.verovio_layers import name_of

NOTES = {"breve": 8.0, "whole": 4.0, "half": 2.0, "quarter": 1.0, "eighth": 0.5, "8th": 0.5, "16th": 0.25, "32nd": 0.125}  # quarters
_GLYPHS = {  # of fonts of music (SMuFL 1.4) and Unicode
    "\ueca0": "breve", "\ueca2": "whole", "\ueca3": "half", "\ueca4": "half", "\ueca5": "quarter", "\ueca6": "quarter", "\ueca7": "eighth",
    "\ueca8": "eighth", "\ueca9": "16th", "\uecaa": "16th", "\uecb7": "dot", "\ue1d2": "whole", "\ue1d3": "half", "\ue1d5": "quarter",
    "\ue1d7": "eighth", "\ue1d9": "16th", "\ue1e7": "dot", "♩": "quarter", "♪": "eighth", "\U0001d15d": "whole", "\U0001d15e": "half",
    "\U0001d15f": "quarter", "\U0001d160": "eighth", "\U0001d16d": "dot",
}  # fmt: skip
_SYMBOLS = {"metAugmentationDot": "dot", "metNote8thUp": "eighth", "metNote16thUp": "16th"}
_NOTE = rf"({'|'.join(NOTES)})((?:[\s-]*dot\b|\s*\.)*)"
_MARK = re.compile(rf"{_NOTE}\s*=\s*(?:c\w*\.?\s*)?(\d+(?:[.,]\d+)?)")
_EQUATION = re.compile(rf"^\W*{_NOTE}\s*=\s*{_NOTE}\W*$")
_OTHER_GLYPHS = re.compile("[\ue000-\uf8ff]")
HUMDRUM, HUMDRUM_TEMPO = re.compile(r"^\*\*kern", re.MULTILINE), re.compile(r"^(\S*\t)*\*MM\d", re.MULTILINE)


class PrintedTempo(NamedTuple):
    """A tempo from a place in a measure on, quarters from its beginning; ``follows``: whether an equation of note values says it."""

    measure: int
    offset: Fraction
    quarters_per_minute: float
    follows: bool = False


def printed_tempos(root: Any, document: str) -> list[PrintedTempo]:
    """Return the tempos of a score in the order of its pages, none twice. ``document`` is what verovio has read.

    verovio guesses a tempo for Humdrum that says none.
    """
    guesses = bool(HUMDRUM.search(document)) and not HUMDRUM_TEMPO.search(document)
    found: list[PrintedTempo] = []
    told: set[tuple[int, Fraction]] = set()
    number, unit = -1, 4
    for element in root.iter("{*}scoreDef", "{*}meterSig", "{*}measure", "{*}tempo", "{*}dir"):
        name = name_of(element)
        number += name == "measure"
        unit_text = element.get("unit") if name == "meterSig" else element.get("meter.unit", "") if name == "scoreDef" else ""
        unit = int(unit_text) if (unit_text or "").isdigit() and int(unit_text) else unit
        if name == "scoreDef" and not guesses and (tempo := _told(element)):
            found.append(PrintedTempo(number + 1, Fraction(0), tempo))
        elif name in ("tempo", "dir") and number >= 0:
            at = Fraction(max(float(element.get("tstamp") or 1) - 1, 0.0) * 4 / unit).limit_denominator(960)
            text = said(element)
            written = (_told(element) if name == "tempo" else None) or _marked(text)
            equation = _EQUATION.search(text)
            if written and (number, at) not in told:
                found = [each for each in found if each[:2] != (number, at)]
                found.append(PrintedTempo(number, at, written))
                told.add((number, at))
            elif equation and found and found[-1][:2] < (number, at):  # what is said there already is the tempo after it
                ratio = _quarters(equation[3], equation[4]) / _quarters(equation[1], equation[2])
                found.append(PrintedTempo(number, at, found[-1].quarters_per_minute * ratio, True))
    return sorted(found, key=lambda each: each[:2])


def placed_tempos(printed: Sequence[PrintedTempo], places: Iterable[tuple[int, Fraction]]) -> list[tuple[float, float]]:
    """Return (onset, quarters a minute) wherever measures are played: where one is come back to, what holds there."""
    tempos: list[tuple[float, float]] = []
    for number, start in places:
        in_force = [each.quarters_per_minute for each in printed if (each.measure, each.offset) <= (number, 0)]
        inside = [(float(start + each.offset), each.quarters_per_minute) for each in printed if each.measure == number]
        for onset, tempo in [*((float(start), tempo) for tempo in in_force[-1:]), *inside]:
            if not tempos or tempos[-1][1] != tempo:
                tempos.append((onset, tempo))
    return tempos


@lru_cache(maxsize=1000)
def tempo_kind(text: str) -> tuple[str, int]:
    """Return the kind of a word, 'tempo', 'tempo-change', 'a-tempo' or 'other', and the way of a change: 1 faster, -1 slower, else 0."""
    score = load_partitura().score
    kinds = (
        (score.ResetTempoDirection, "a-tempo", 0),
        (score.IncreasingTempoDirection, "tempo-change", 1),
        (score.DecreasingTempoDirection, "tempo-change", -1),
        (score.ConstantTempoDirection, "tempo", 0),
    )
    try:
        signs = load_partitura().directions.parse_direction(text)
    except Exception:  # its grammar does not know every text
        return "other", 0
    return next(((kind, way) for cls, kind, way in kinds for sign in signs if isinstance(sign, cls)), ("other", 0))


def said(element: Any) -> str:
    """Return the text of an element with the names of notes for their glyphs, and without other glyphs."""
    pieces = [element.text or ""]
    for child in element.iterdescendants():
        glyph = child.get("glyph.name", "") if name_of(child) == "symbol" else ""
        pieces += [_SYMBOLS.get(glyph, glyph.removeprefix("metNote").removesuffix("Up").lower()), child.text or "", " ", child.tail or ""]
    text = "".join(f" {_GLYPHS[letter]} " if letter in _GLYPHS else letter for letter in "".join(pieces))
    return " ".join(_OTHER_GLYPHS.sub("", text).split())


def is_metronome(text: str) -> bool:
    """Return whether a text says no more than a metronome mark or an equation."""
    return bool(_EQUATION.search(text)) or not any(letter.isalpha() for letter in _MARK.sub("", text))


def _told(element: Any) -> float | None:
    """Return the quarters a minute of an element's attributes."""
    try:
        if element.get("midi.bpm"):
            return float(element.get("midi.bpm")) or None
        if element.get("midi.mspb"):
            return 60e6 / float(element.get("midi.mspb"))
        if element.get("mm"):
            dots = int(element.get("mm.dots", 0))
            return float(element.get("mm")) * 4 / float(element.get("mm.unit", 4)) * (2 - 0.5**dots) or None
    except (ValueError, ZeroDivisionError):
        pass
    return None


def _marked(text: str) -> float | None:
    mark = _MARK.search(text)
    return _quarters(mark[1], mark[2]) * float(mark[3].replace(",", ".")) or None if mark else None


def _quarters(note: str, dots: str) -> float:
    return NOTES[note] * (2 - 0.5 ** (dots.count("dot") + dots.count(".")))
