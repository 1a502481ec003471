"""Signs of MEI that reach from one place to another: octave lines, and ties that say when they begin and end instead of where.

Measures are ``PrintedMeasure``, which stand above this folder, notes ``PrintedNote``.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from engine.score.notation.mei.documents import XML_ID

SAME_TIME_QUARTERS = 0.03  # time stamps are rounded
_SEMITONES = {"8": 12, "15": 24, "22": 36}


class _Place(NamedTuple):
    """The index of a measure, and quarters from its beginning."""

    measure: int
    quarters: float


def shift_octaves(measures: Sequence[Any]) -> None:
    """Let notes under octave lines sound where they should, in place, unless they say themselves in which octave (``@oct.ges``)."""
    for sign, staff, begin, end in _spans(measures, "octave"):
        shift = _SEMITONES.get(sign.get("dis", "8"), 12) * (-1 if sign.get("dis.place") == "below" else 1)
        for number in range(begin.measure, min(end.measure + 1, len(measures))):
            for note in measures[number].notes:
                inside = _earlier(begin, _Place(number, float(note.onset))) and _earlier(_Place(number, float(note.onset)), end)
                if note.staff == staff and inside and note.pitch is not None and note.element.get("oct.ges") is None:
                    note.pitch = min(max(note.pitch + shift, 0), 127)


def tie_by_times(measures: Sequence[Any]) -> None:
    """Tie notes of a pitch at the beginning and the end of ties that do not name both, in place."""
    for sign, staff, begin, end in _spans(measures, "tie"):
        if sign.get("startid") is None or sign.get("endid") is None:
            for first, second in product(_at(measures, staff, begin), _at(measures, staff, end)):
                if first.pitch == second.pitch and first is not second and first.tied_to is None:
                    first.tied_to = second.identifier


def _at(measures: Sequence[Any], staff: int, place: _Place) -> list[Any]:
    notes = measures[place.measure].notes if place.measure < len(measures) else []
    return [note for note in notes if note.staff == staff and abs(float(note.onset) - place.quarters) <= SAME_TIME_QUARTERS]


def _earlier(place: _Place, other: _Place) -> bool:
    """Say whether a place is not after the other."""
    return (place.measure, place.quarters - SAME_TIME_QUARTERS) <= (other.measure, other.quarters)


def _spans(measures: Sequence[Any], name: str) -> Iterator[tuple[Any, int, _Place, _Place]]:
    """Yield signs with their staff, beginning and end; those that do not say all of these are left."""
    named: dict[str, tuple[int, Any]] = {}
    for index, measure in enumerate(measures):
        for sign in measure.element.iterfind(f"{{*}}{name}"):
            if not named:
                for number, each in enumerate(measures):
                    for note in each.notes:
                        for identifier in (note.identifier, note.element.getparent().get(XML_ID)):
                            named.setdefault(identifier, (number, note))
            start, stop = (named.get(sign.get(key, "")[1:]) for key in ("startid", "endid"))
            begin = _place(start) or _stamped(f"0m+{sign.get('tstamp', '')}", index, measures)
            end = _place(stop) or _stamped(sign.get("tstamp2", ""), index, measures)
            staff = start[1].staff if start else int(sign.get("staff")) if sign.get("staff", "").isdigit() else None
            if staff is not None and begin is not None and end is not None:
                yield sign, staff, begin, end


def _place(found: tuple[int, Any] | None) -> _Place | None:
    return _Place(found[0], float(found[1].onset)) if found else None


def _stamped(stamp: str, index: int, measures: Sequence[Any]) -> _Place | None:
    """Return the place of "2m+1.5": the beat 1.5, from 1, of the measure after the next."""
    later, _, beat = stamp.rpartition("m+")
    try:
        measure = index + int(later or 0)
        unit = (measures[measure].metre or (4, 4))[1] if measure < len(measures) else 4
        return _Place(measure, max(float(beat) - 1, 0.0) * 4 / unit)
    except ValueError:
        return None
