"""Movements that follow each other in one MusicXML document, and repeats without a beginning."""

from itertools import pairwise
from typing import Any


def separate_movements(root: Any) -> None:
    """Let repeats and jumps of MusicXML begin where they should, in place: verovio goes back to the first measure, and ends at a Fine.

    A movement begins where measures are numbered from the beginning again. A repeat that has no beginning gets one. Where there are several
    movements a da capo becomes a dal segno, and the Fine before a next movement goes to it as to a coda.
    """
    parts = [part.findall("measure") for part in root.findall("part")]
    numbers = [measure.get("number", "") for measure in parts[0]] if parts else []
    again = [
        place for place, (before, own) in enumerate(pairwise(numbers), 1) if own in ("0", "1") and before.isdigit() and int(before) > 1
    ]
    for place, (start, end) in enumerate(pairwise([0, *again, len(numbers)])):
        if again:
            _stay_inside(parts, place, start, end)
        _begin_repeats(parts, start, end)


def _stay_inside(parts: list[list[Any]], place: int, start: int, end: int) -> None:
    """Let the jumps of a movement, the ``place``th, lead to its own measures, in place."""
    measures = [part[number] for number in range(start, end) for part in parts if number < len(part)]
    sounds = [sound for measure in measures for sound in measure.iter("sound")]
    if any(sound.get("dacapo") for sound in sounds):
        _insert(parts[0][start], "direction", "sound").set("segno", f"movement {place}")
    jumps = [sound for sound in sounds if sound.get("dacapo") or sound.get("dalsegno")]
    fines = [sound for sound in sounds if sound.get("fine")] if jumps and end < len(parts[0]) else []
    for jump in jumps:
        if jump.attrib.pop("dacapo", None):
            jump.set("dalsegno", f"movement {place}")
    for fine in fines:
        del fine.attrib["fine"]
        fine.set("tocoda", f"movement {place + 1}")
    if fines:
        _insert(parts[0][end], "direction", "sound").set("coda", f"movement {place + 1}")


def _begin_repeats(parts: list[list[Any]], start: int, end: int) -> None:
    """Give a beginning to repeats of a movement that have none, in place: after the last repeat or its last volta, else its own beginning.

    verovio would go back to the first measure of all.
    """
    begin = start or None  # the first movement's first repeat needs no sign
    for number in range(start, end):
        measures = [part[number] for part in parts if number < len(part)]
        following = [part[number + 1] for part in parts if number + 1 < min(len(part), end)]
        if _has(measures, "repeat[@direction='forward']"):
            begin = None
        closes, in_voltas = _has(measures, "repeat[@direction='backward']"), _has(following, "ending[@type='start']")
        if closes and begin is not None:
            _insert(parts[0][begin], "barline", "repeat", location="left").set("direction", "forward")
        if closes:
            begin = None
        if not in_voltas and (closes or _has(measures, "ending[@type='stop']") or _has(measures, "ending[@type='discontinue']")):
            begin = number + 1


def _has(measures: list[Any], path: str) -> bool:
    return any(measure.find(f"barline/{path}") is not None for measure in measures)


def _insert(measure: Any, name: str, inner: str, **attributes: str) -> Any:
    """Put an element with another one inside at the beginning of a measure, and return the inner one."""
    outer = measure.makeelement(name, attributes)
    measure.insert(0, outer)
    outer.append(outer.makeelement(inner, {}))
    return outer[-1]
