"""Signs that repeat measures, and swing that an equation of note values asks for."""

from copy import deepcopy
from typing import Any

from engine.score.tables import Swing

_TYPES = {"half": 2.0, "quarter": 1.0, "eighth": 0.5, "16th": 0.25, "32nd": 0.125}  # quarters


def write_repeated_measures(root: Any, left_out: list[str]) -> bool:
    """Write out what signs for one or several measures repeat, in place; say whether there were any. partitura knows none, verovio one.

    Repeated beats are said to be left out.
    """
    if next(root.iter("measure-repeat", "beat-repeat"), None) is None:
        return False
    for part in root.findall("part"):
        measures = part.findall("measure")
        count = 0  # measures that are repeated now
        for number, measure in enumerate(measures):
            for sign in list(measure.iterfind("attributes/measure-style/measure-repeat")):
                text = (sign.text or "").strip()
                count = (int(text) if text.isdigit() else 1) if sign.get("type") == "start" else 0
                style = sign.getparent()
                style.getparent().remove(style)
            if measure.find("attributes/measure-style/beat-repeat[@type='start']") is not None:
                left_out.append(f"measure {measure.get('number', '?')}: repeated beats")
            if 0 < count <= number and measure.find("note/pitch") is None:
                _copy(measures[number - count], measure)
    return True


def _copy(source: Any, measure: Any) -> None:
    for name in ("note", "backup", "forward"):
        for element in measure.findall(name):
            measure.remove(element)
    place = next((index for index, element in enumerate(measure) if element.tag == "barline" and element.get("location") != "left"), None)
    copies = [deepcopy(element) for element in source if element.tag in ("note", "backup", "forward")]
    end = len(measure) if place is None else place
    measure[end:end] = copies
    for element in copies:
        element.attrib.pop("id", None)


def equation_swing(metronome: Any) -> Swing | None:
    """Return the swing of an equation: two equal notes are played as a longer and a shorter one that last as long together."""
    sides: list[list[float]] = [[]]
    for element in metronome.iterchildren("metronome-note", "metronome-relation"):
        if element.tag == "metronome-relation":
            sides.append([])
            continue
        length = _TYPES.get((element.findtext("metronome-type") or "").strip(), 0.0)
        length *= 2 - 0.5 ** len(element.findall("metronome-dot"))
        tuplet = element.find("metronome-tuplet")
        if tuplet is not None:
            length *= float(tuplet.findtext("normal-notes") or 2) / float(tuplet.findtext("actual-notes") or 3)
        sides[-1].append(length)
    if [len(side) for side in sides] != [2, 2] or sides[0][0] != sides[0][1] or not sides[0][0]:
        return None
    first, second = sides[1]
    return Swing(0.0, sides[0][0], first / (first + second)) if abs(first + second - sum(sides[0])) < 1e-6 else None
