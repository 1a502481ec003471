"""The unpitched notes of what verovio hears, with their General MIDI keys."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from engine.midi.percussion import key_at, key_of
from engine.score.notation.verovio_layers import PrintedNote
from engine.score.notation.verovio_markings import verovio_markings
from engine.score.notation.verovio_measures import VerovioScore
from engine.score.notation.verovio_scores import Places, part_of, sounding_notes
from engine.score.realisation.tremolos import stroke_times
from engine.score.tables import PERCUSSION_DTYPE

GRACE_QUARTERS = Fraction(1, 16)  # of each of the strokes before a note: flams, drags and ruffs
TRILL_STROKE_QUARTERS = 0.125  # a drum's trill is a roll
FIRST_VELOCITY = 80


def percussion_notes(
    heard: VerovioScore,
    places: Places,
    parts: Mapping[str, tuple[int, int, str]],
    keys: Mapping[str, int],
) -> np.ndarray:
    """Return the strokes (PERCUSSION_DTYPE) in order of onset, tremolos written out.

    ``parts`` and ``keys`` go by verovio's ids of notes: (part, staff, id), and the keys that are known already. Another is what the note
    itself says, else what the staff's name does, else the place on the staff of a drum kit.
    """
    if not any(note.pitch is None for measure in heard.measures for note in measure.notes):
        return np.zeros(0, PERCUSSION_DTYPE)
    notes = [each for each in sounding_notes(heard, places) if each[3].pitch is None]
    markings = verovio_markings(heard)
    staves = {staff.get("n"): staff for staff in heard.measures[0].element.getroottree().getroot().iter("{*}staffDef")}
    graces: dict[tuple[int, int, Fraction], int] = {}
    rows = []
    for _, onset, duration, note in reversed(notes):
        place = (note.staff, note.layer, onset)
        if note.is_grace:
            graces[place] = graces.get(place, 0) + 1
            onset, duration = max(onset - graces[place] * GRACE_QUARTERS, Fraction(0)), GRACE_QUARTERS
        staff = staves.get(str(note.staff))
        label = "" if staff is None else staff.get("label") or staff.findtext("{*}label") or ""
        lines = 5 if staff is None or not staff.get("lines", "5").isdigit() else int(staff.get("lines", "5"))
        key = keys.get(note.printed) if note.printed in keys else _key(note, label, lines)
        marks = markings.get(note.printed)
        velocity = FIRST_VELOCITY if marks is None else int(marks["velocity"])
        stroke = float(note.tremolo) or (TRILL_STROKE_QUARTERS if marks is not None and marks["ornament"] else 0.0)
        times, lengths = stroke_times(float(onset), float(duration), stroke) if stroke and duration else ([float(onset)], [float(duration)])
        part = part_of(note, heard, parts)[0]
        rows += [(time, length, key, velocity, part) for time, length in zip(times, lengths, strict=True)]
    table = np.array(rows, dtype=PERCUSSION_DTYPE)
    return table[np.lexsort((table["key"], table["onset_quarter"]))]


def _key(note: PrintedNote, label: str, lines: int) -> int:
    told = note.element.get("pnum", "")
    if told.isdigit() and int(told) < 128:
        return int(told)
    named = key_of(label)
    return key_at(note.place, note.element.get("head.shape", ""), lines) if named is None else named
