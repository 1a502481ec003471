"""The order in which the measures of a score are played: by its expansion lists, or by its repeat signs and voltas.

verovio's own order is not asked for: of MEI it leaves out voltas, and it ends itself on some repeats. For MusicXML it writes lists of
repeats with counts, voltas and jumps, which are right. Humdrum with expansion lists is played once through, as its viewers play it.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from engine.score.notation.mei.documents import XML_ID

_JUMP_WORDS = {
    "da capo": re.compile(r"(d\. ?c\.?|da capo)( (al|alla|e poi|senza|sin').*)?"),
    "dal segno": re.compile(r"(d\. ?s\.?|dal segno)( (al|alla|e poi|senza|sin').*)?"),
    "segno": re.compile("segno|\ue047|\U0001d10b"),
    "fine": re.compile(r"fine\.?"),
    "to coda": re.compile("(to|al|alla) coda( \ue048| \U0001d10c)?"),
    "coda": re.compile("coda|\ue048|\U0001d10c"),
}
_ENDS, _STARTS = ("rptend", "rptboth"), ("rptstart", "rptboth")


def measure_order(root: Any, names: Sequence[str], durations: Sequence[Fraction]) -> list[tuple[int, Fraction]]:
    """Return (index, onset in quarters) of measures, given by their ids and durations, in the order in which they are played."""
    index = {name: number for number, name in enumerate(names)}
    played: list[tuple[int, Fraction]] = []
    now = Fraction(0)
    for score in root.iter("{*}score"):
        for measure in _played(score):
            number = index[measure.get(XML_ID)]
            played.append((number, now))
            now += durations[number]
    return played


def _played(part: Any) -> list[Any]:
    """Return the measures of a score, a section or an ending as often as they are played."""
    lists = [expansion for expansion in part.iterfind("{*}expansion") if expansion.get("type") is None]
    if lists:
        return _listed(lists[0], part)
    if part.find("{*}choice/{*}orig/{*}expansion") is not None:  # Humdrum's
        return list(part.iter("{*}measure"))
    if next(part.iter("{*}expansion"), None) is None:
        measures = list(part.iter("{*}measure"))
        return _with_jump(measures, _by_signs(measures))
    return [measure for child in part for measure in ([child] if _is_measure(child) else _played(child))]


def _listed(expansion: Any, part: Any) -> list[Any]:
    """Return what a list names, after what stands before it."""
    named = {element.get(XML_ID): element for element in part.iter("{*}section", "{*}ending", "{*}expansion")}
    names = expansion.get("plist", "").replace("#", "").split()
    elements = [named[name] for name in names if name in named and named[name] is not expansion]
    inside = {measure for element in named.values() for measure in element.iter("{*}measure")}
    before = [measure for measure in part.iterfind("{*}measure") if measure not in inside]
    listed = [
        measure
        for element in elements
        for measure in (_listed(element, part) if str(element.tag).endswith("expansion") else _once(element))
    ]
    return before + listed if listed else list(part.iter("{*}measure"))


def _once(element: Any) -> list[Any]:
    """Return the measures of what a list names: its own lists are followed, its repeat signs are what the list stands for."""
    return _played(element) if next(element.iter("{*}expansion"), None) is not None else list(element.iter("{*}measure"))


def _is_measure(element: Any) -> bool:
    return str(element.tag).endswith("}measure")


def _by_signs(measures: list[Any]) -> list[Any]:
    """Return measures as repeat signs and voltas have them played. A repeat begins at its sign, else after the last repeat."""
    endings = [next(measure.iterancestors("{*}ending"), None) for measure in measures]
    played: list[Any] = []
    begin, times, place = 0, 1, 0
    while place < len(measures):
        measure, ending = measures[place], endings[place]
        following = measures[place + 1] if place + 1 < len(measures) else None
        if _starts(measures, place) and place != begin:
            begin, times = place, 1
        if ending is not None and times not in _numbers(ending, endings):
            place += 1
            continue
        played.append(measure)
        last_time = 2 if ending is None else _last_number(ending, endings)
        closes = measure.get("right") in _ENDS or (following is not None and following.get("left") in _ENDS)
        if times < last_time and closes:
            place, times = begin, times + 1
            continue
        place += 1
        if closes or (ending is not None and (place == len(measures) or endings[place] is None)):
            begin, times = (place, 1) if ending is None or _is_last(ending, endings) else (begin, times)
    return played


def _with_jump(measures: list[Any], played: list[Any]) -> list[Any]:
    """Return measures with a da capo or dal segno that words or signs say; after it each comes once, of voltas the last.

    A jump that has neither a Fine nor a coda before it counts at the end of the piece alone.
    """
    marks: dict[str, list[int]] = {}
    for place, measure in enumerate(measures):
        for kind in _jumps(measure):
            marks.setdefault(kind, []).append(place)
    jumps = [*marks.get("da capo", []), *marks.get("dal segno", [])]
    codas = [*marks.get("to coda", []), *marks.get("coda", [])]
    jump = max(jumps, default=-1)
    begin = 0 if jump in marks.get("da capo", []) else marks.get("segno", [len(measures)])[0]
    fine = next((place for place in marks.get("fine", []) if begin <= place < jump), None)
    coda = next((place for place in codas if begin <= place < jump), None)
    rest = next((place for place in marks.get("coda", []) if place > jump), None)
    if not begin <= jump or (fine is None and coda is None and jump != len(measures) - 1):
        return played
    end = coda if coda is not None and rest is not None else jump if fine is None else fine
    again = [*range(begin, end + 1), *(range(rest, len(measures)) if end == coda and rest is not None else ())]
    endings = [next(measure.iterancestors("{*}ending"), None) for measure in measures]
    kept = [place for place in again if endings[place] is None or _is_last(endings[place], endings)]
    until = len(played) - 1 - played[::-1].index(measures[jump])
    return [*played[: until + 1], *(measures[place] for place in kept)]


def _jumps(measure: Any) -> list[str]:
    """Return what a measure has of da capo, dal segno, segno, fine, to coda and coda, each once."""
    found: list[str] = []
    for sign in measure.iterfind("{*}repeatMark"):
        found.append({"daCapo": "da capo", "dalSegno": "dal segno"}.get(sign.get("func", ""), sign.get("func", "")))
    for words in measure.iterfind("{*}dir"):
        text = " ".join("".join(words.itertext()).split()).lower()
        found += [kind for kind, pattern in _JUMP_WORDS.items() if pattern.fullmatch(text)]
    return list(dict.fromkeys(found))


def _starts(measures: list[Any], place: int) -> bool:
    return measures[place].get("left") in _STARTS or (place > 0 and measures[place - 1].get("right") in _STARTS)


def _group(ending: Any, endings: list[Any]) -> list[Any]:
    """Return the voltas that follow each other without other measures between them."""
    places = [place for place, each in enumerate(endings) if each is ending]
    first, last = places[0], places[-1]
    while first and endings[first - 1] is not None:
        first -= 1
    while last + 1 < len(endings) and endings[last + 1] is not None:
        last += 1
    return list(dict.fromkeys(endings[first : last + 1]))


def _numbers(ending: Any, endings: list[Any]) -> list[int]:
    """Return the times when a volta is played: "1, 2" and "1-3", else its place among those that follow each other."""
    text = ending.get("n") or ending.get("label") or ""
    numbers = [int(number) for number in re.findall(r"\d+", re.sub(r"(\d+)\s*-\s*(\d+)", _spelt_out, text))]
    return numbers or [_group(ending, endings).index(ending) + 1]


def _spelt_out(span: re.Match[str]) -> str:
    return " ".join(str(number) for number in range(int(span[1]), min(int(span[2]), int(span[1]) + 100) + 1))


def _last_number(ending: Any, endings: list[Any]) -> int:
    return max(number for each in _group(ending, endings) for number in _numbers(each, endings))


def _is_last(ending: Any, endings: list[Any]) -> bool:
    return _group(ending, endings)[-1] is ending
