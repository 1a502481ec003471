"""Movements that follow each other in one MusicXML document."""

from itertools import pairwise
from typing import Any


def separate_movements(root: Any) -> None:
    """Let repeats and jumps of MusicXML stay in their movement, in place: verovio goes back to the first one, and ends at a Fine.

    A movement begins where measures are numbered from the beginning again. A repeat that has no beginning gets one, a da capo becomes a dal
    segno, and the Fine before a next movement goes to it as to a coda.
    """
    parts = [part.findall("measure") for part in root.findall("part")]
    numbers = [measure.get("number", "") for measure in parts[0]] if parts else []
    again = [
        place for place, (before, own) in enumerate(pairwise(numbers), 1) if own in ("0", "1") and before.isdigit() and int(before) > 1
    ]
    for place, (start, end) in enumerate(pairwise([0, *again, len(numbers)]) if again else ()):
        measures = [part[number] for number in range(start, end) for part in parts if number < len(part)]
        sounds = [sound for measure in measures for sound in measure.iter("sound")]
        repeats = [repeat.get("direction") for measure in measures for repeat in measure.iterfind("barline/repeat")]
        if any(sound.get("dacapo") for sound in sounds):
            _insert(parts[0][start], "direction", "sound").set("segno", f"movement {place}")
        jumps = [sound for sound in sounds if sound.get("dacapo") or sound.get("dalsegno")]
        fines = [sound for sound in sounds if sound.get("fine")] if jumps and end < len(numbers) else []
        for jump in jumps:
            if jump.attrib.pop("dacapo", None):
                jump.set("dalsegno", f"movement {place}")
        for fine in fines:
            del fine.attrib["fine"]
            fine.set("tocoda", f"movement {place + 1}")
        if fines:
            _insert(parts[0][end], "direction", "sound").set("coda", f"movement {place + 1}")
        if start and repeats[:1] == ["backward"]:
            _insert(parts[0][start], "barline", "repeat", location="left").set("direction", "forward")


def _insert(measure: Any, name: str, inner: str, **attributes: str) -> Any:
    """Put an element with another one inside at the beginning of a measure, and return the inner one."""
    outer = measure.makeelement(name, attributes)
    measure.insert(0, outer)
    outer.append(outer.makeelement(inner, {}))
    return outer[-1]
