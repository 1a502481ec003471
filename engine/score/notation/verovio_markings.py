"""Markings of a score that verovio alone reads, from its MEI: dynamics, articulations, slurs, fermatas, ornaments, tempo words."""

import re
from fractions import Fraction
from typing import Any

import numpy as np

from engine.score.dynamics import ACCENT, MARCATO, LoudnessMark, as_velocities, level_curve, velocities_within
from engine.score.markings import ORNAMENT_KINDS, dynamic_level
from engine.score.notation.mei.documents import mei_signs
from engine.score.notation.verovio_layers import XML_ID, PrintedNote
from engine.score.notation.verovio_measures import VerovioScore, quarters_of
from engine.score.notation.verovio_tempos import is_metronome, said, tempo_kind
from engine.score.tables import MARKING_DTYPE, ORNAMENTS

ARTICULATIONS = {
    "stacc": "staccato",
    "stacciss": "staccatissimo",
    "spicc": "staccatissimo",
    "ten": "tenuto",
    "acc": "accent",
    "marc": "marcato",
}
SUDDEN = re.compile(r"^(s?f+z|sf+|rf+z?|s?fp+|fzp?)$")


def verovio_markings(heard: VerovioScore) -> dict[str, np.void]:
    """Return a MARKING_DTYPE row for the id of every printed note."""
    if not heard.measures:
        return {}
    starts = list(np.cumsum([0.0, *(float(measure.duration or 0) for measure in heard.measures)]))
    notes = [(start + float(note.onset), note) for measure, start in zip(heard.measures, starts, strict=False) for note in measure.notes]
    rows = np.zeros(len(notes), MARKING_DTYPE)
    index = {note.identifier: row for row, (_, note) in enumerate(notes)}
    _mark_elements(rows, index, notes, heard.measures[0].element.getroottree().getroot())
    _mark_fermatas(rows, index, heard)
    marks = _loudness_marks(heard, starts)
    onsets = np.array([onset for onset, _ in notes])
    durations = _tied_durations(notes)
    staves = np.array([note.staff for _, note in notes])
    for staff in np.unique(staves).tolist():
        own = staves == staff
        heard_here = [mark for mark in marks if mark.staff == staff] or marks
        levels = level_curve(heard_here, staff).at(onsets[own]) + np.maximum(ACCENT * rows["accent"][own], MARCATO * rows["marcato"][own])
        rows["velocity"][own] = np.rint(as_velocities(levels))
        rows["velocity_within"][own] = velocities_within(heard_here, staff, onsets[own], durations[own])
        for mark in heard_here:
            if mark.level:
                rows["dynamic"][own & (onsets >= mark.start - 1e-6)] = mark.level
            if mark.sudden:
                rows["sudden_accent"][own & (np.abs(onsets - mark.start) < 1e-6)] = True
            if mark.sign and mark.end:
                inside = own & (onsets >= mark.start - 1e-6) & (onsets < mark.end)
                rows["hairpin"][inside] = mark.sign
                rows["hairpin_position"][inside] = (onsets[inside] - mark.start) / (mark.end - mark.start)
    _mark_tempo_changes(rows, onsets, heard, starts)
    return dict(zip(index, rows[list(index.values())], strict=True))


def _tied_durations(notes: list[tuple[float, PrintedNote]]) -> np.ndarray:
    """Return how long each note sounds as it is printed, quarters (N,); of tied ones the first lasts to the end of the last."""
    ends = {note.identifier: onset + float(note.duration) for onset, note in notes}
    for _, note in reversed(notes):
        following = ends.get(note.tied_to or "", -1.0)
        ends[note.identifier] = max(ends[note.identifier], following)
    return np.array([ends[note.identifier] - onset for onset, note in notes])


def _mark_tempo_changes(rows: np.ndarray, onsets: np.ndarray, heard: VerovioScore, starts: list[float]) -> None:
    """Mark the notes from each gradual change of tempo to the next word or mark of the tempo, or to the end."""
    words = [(starts[number] + float(offset), tempo_kind(text)) for number, offset, text, _ in verovio_words(heard)]
    marks = [start for start, (kind, _) in words if kind != "other"]
    marks += [starts[each.measure] + float(each.offset) for each in heard.tempos]
    for start, (_, way) in words:
        if way:
            end = min((mark for mark in marks if mark > start), default=starts[-1])
            inside = (onsets >= start - 1e-6) & (onsets < end - 1e-6)
            rows["tempo_change"][inside] = way
            rows["tempo_change_position"][inside] = (onsets[inside] - start) / max(end - start, 1e-6)


def verovio_words(heard: VerovioScore) -> list[tuple[int, Fraction, str, str]]:
    """Return (measure, quarters from its beginning, text, kind) of tempo words and directions."""
    words = []
    for number, measure in enumerate(heard.measures):
        for element in measure.element.iter("{*}tempo", "{*}dir"):
            text = said(element)
            if text and not is_metronome(text):
                kind, _ = tempo_kind(text)
                kind = "tempo" if kind == "other" and str(element.tag).endswith("tempo") else kind
                offset = Fraction(quarters_of(element.get("tstamp"), measure.metre)).limit_denominator(960)
                words.append((number, offset, text, kind))
    return words


def _mark_elements(rows: np.ndarray, index: dict[str, int], notes: list[tuple[float, PrintedNote]], root: Any) -> None:
    for row, (_, note) in enumerate(notes):
        rows["tremolo"][row], rows["tremolo_pair"][row] = float(note.tremolo), note.tremolo_pair
        parent = note.element.getparent()
        chord = [parent] if str(parent.tag).endswith("chord") else []
        for sign in (sign for element in [note.element, *chord] for sign in element.iterfind("{*}artic")):
            for name in sign.get("artic", "").split():
                if name in ARTICULATIONS:
                    rows[ARTICULATIONS[name]][row] = True
    ornaments, directions = mei_signs(root)
    for name, direction in directions.items():
        if name in index:
            rows["arpeggio"][index[name]] = direction
    for name, ornament in ornaments.items():
        if name in index:
            rows["ornament"][index[name]] = True
            rows["ornament_kind"][index[name]] = ORNAMENTS.index(ORNAMENT_KINDS[ornament]) + 1
    for slur in root.iter("{*}slur"):
        first, last = (index.get(slur.get(name, "")[1:]) for name in ("startid", "endid"))
        if first is None or last is None:
            continue
        rows["slur_start"][first] = rows["slur_end"][last] = True
        begins, ends, own = notes[first][0], notes[last][0], notes[first][1]
        for row, (onset, note) in enumerate(notes[first : last + 1], first):
            if begins <= onset < ends and (note.staff, note.layer) == (own.staff, own.layer):
                rows["slurred"][row] = True


def _mark_fermatas(rows: np.ndarray, index: dict[str, int], heard: VerovioScore) -> None:
    """Mark the notes that fermatas name, or those of their staff where they stand; of a bar's end those that sound last."""
    for measure in heard.measures:
        for fermata in measure.element.iter("{*}fermata"):
            if fermata.get("startid"):
                named = fermata.get("startid")[1:]
                under = [note for note in measure.notes if named in (note.printed, note.element.getparent().get(XML_ID))]
            else:
                at = quarters_of(fermata.get("tstamp"), measure.metre)
                staff = [note for note in measure.notes if str(note.staff) in fermata.get("staff", str(note.staff)).split()]
                under = [note for note in staff if note.onset <= at + 1e-6 < note.onset + note.duration]
                last = max((note.onset for note in staff), default=0)
                under = under or [note for note in staff if note.onset == last]
            for note in under:
                rows["fermata"][index[note.identifier]] = True


def _loudness_marks(heard: VerovioScore, starts: list[float]) -> list[LoudnessMark]:
    marks = []
    places = {
        note.identifier: start + float(note.onset) for measure, start in zip(heard.measures, starts, strict=False) for note in measure.notes
    }
    for number, measure in enumerate(heard.measures):
        for element in measure.element.iter("{*}dynam", "{*}hairpin"):
            staff = int(element.get("staff", "0").split()[0]) if element.get("staff", "0").split()[0].isdigit() else None
            start = places.get(element.get("startid", "")[1:], starts[number] + quarters_of(element.get("tstamp"), measure.metre))
            if str(element.tag).endswith("dynam"):
                text = "".join(element.itertext()).strip()
                sudden = bool(SUDDEN.match(text))
                level = dynamic_level(text.lstrip("srfz") if sudden else text)
                if level or sudden:
                    marks.append(LoudnessMark(start, None, 0, level, sudden, staff, False))
            else:
                end = places.get(element.get("endid", "")[1:])
                if end is None and (until := re.match(r"(\d+)m\+([\d.]+)", element.get("tstamp2", ""))):
                    last = min(number + int(until[1]), len(heard.measures) - 1)
                    end = starts[last] + quarters_of(until[2], heard.measures[last].metre)
                sign = {"cres": 1, "dim": -1}.get(element.get("form", ""), 0)
                if sign and end is not None and end > start:
                    marks.append(LoudnessMark(start, end, sign, 0, False, staff, True))
    return sorted(marks, key=lambda mark: (mark.start, abs(mark.sign)))
