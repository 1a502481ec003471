"""A Score of what verovio hears, with the markings that partitura read where it read them, and its unpitched notes with their keys."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from engine.midi.percussion import key_at, key_of
from engine.score.notation.verovio_layers import PrintedNote
from engine.score.notation.verovio_markings import verovio_markings, verovio_words
from engine.score.notation.verovio_measures import PrintedMeasure, VerovioScore
from engine.score.notation.verovio_tempos import placed_tempos
from engine.score.realisation.tremolos import stroke_times
from engine.score.tables import (
    MARKING_DTYPE,
    MEASURE_DTYPE,
    PERCUSSION_DTYPE,
    SCORE_NOTE_DTYPE,
    TEMPO_DTYPE,
    TIME_SIGNATURE_DTYPE,
    Score,
    Word,
    note_order,
)

GRACE_QUARTERS = Fraction(1, 16)  # of each of the strokes before a note: flams, drags and ruffs
TRILL_STROKE_QUARTERS = 0.125  # a drum's trill is a roll
FIRST_VELOCITY = 80

Places = list[tuple[int, Fraction]]  # index of a measure and where it is played
StruckNote = tuple[int, Fraction, Fraction, PrintedNote]  # times its measure was played, onset, duration, note


def play_order(heard: VerovioScore, repeats: str) -> Places:
    """Return which measures are played where: as verovio does, once each as printed, or without all but the last of several voltas."""
    if repeats == "play":
        return heard.played
    kept = [index for index in range(len(heard.measures)) if repeats == "printed" or _is_last_time(heard.measures, index)]
    places, now = [], Fraction(0)
    for index in kept:
        places.append((index, now))
        now += heard.measures[index].duration or 0
    return places


def _is_last_time(measures: list[PrintedMeasure], index: int) -> bool:
    """Say whether a measure is in no volta, or in the last of those that follow each other."""
    own = measures[index].in_ending
    if own is None:
        return True
    last = own
    for measure in measures[index:]:
        if measure.in_ending is None:
            break
        last = measure.in_ending
    return own is last


def sounding_notes(heard: VerovioScore, places: Places) -> list[StruckNote]:
    """Return each note that is struck; tied ones are one."""
    held: dict[tuple[str, int], int] = {}  # a note that is tied to, and in which of the places: the row that it prolongs
    rows: list[list[Fraction]] = []
    struck: list[tuple[int, PrintedNote]] = []
    times: dict[int, int] = {}
    where: dict[str, int] = {note.identifier: number for number, measure in enumerate(heard.measures) for note in measure.notes}
    for place, (number, start) in enumerate(places):
        times[number] = times.get(number, 0) + 1
        for note in sorted(heard.measures[number].notes, key=lambda each: (float(each.onset), not each.is_grace)):
            row = held.pop((note.identifier, place), None)
            if row is None:
                row = len(rows)
                rows.append([start + note.onset, note.duration])
                struck.append((times[number], note))
            else:
                rows[row][1] = start + note.onset + note.duration - rows[row][0]
            if note.tied_to in where:
                target = where[note.tied_to]
                following = place if target == number else place + 1
                if following < len(places) and places[following][0] == target:
                    held[note.tied_to, following] = row
    return [(passes, onset, duration, note) for (passes, note), (onset, duration) in zip(struck, rows, strict=True)]


def part_of(note: PrintedNote, heard: VerovioScore, parts: Mapping[str, tuple[int, int, str]]) -> tuple[int, int, str]:
    """Return (part, staff of the part, id to show) of a note: what ``parts`` have for it, else each staff is a part."""
    staff_index = heard.staves.index(note.staff) if note.staff in heard.staves else note.staff - 1
    return parts.get(note.printed, (staff_index, 1, note.printed))


def verovio_score(
    heard: VerovioScore,
    struck: Sequence[StruckNote],
    places: Places,
    repeats: str,
    markings: Mapping[str, np.void],
    parts: Mapping[str, tuple[int, int, str]],
    printed: Score | None,
) -> Score:
    """Return a score of the notes that are ``struck``, see ``words_and_tempos`` for the rest.

    ``markings`` and ``parts`` go by verovio's ids of notes: MARKING_DTYPE, and (part, staff of the part, id to show).
    """
    rows, marks = [], []
    for passes, onset, duration, note in struck:
        if note.pitch is None:
            continue
        part, staff, identifier = part_of(note, heard, parts)
        identifier += note.identifier.removeprefix(note.printed)  # an r for each sign of repetition
        shown = f"{identifier}-{passes}" if repeats == "play" else identifier
        length = 0.0 if note.is_grace else float(duration)
        rows.append((float(onset), length, note.pitch, note.layer, staff, part, shown, note.is_grace, 0))
        marks.append(note.printed)
    notes = np.array(rows, dtype=SCORE_NOTE_DTYPE)
    table = np.zeros(len(notes), MARKING_DTYPE)
    for index, name in enumerate(marks):
        if name in markings:
            table[index] = markings[name]
    order = note_order(notes)
    measures = [(float(start), float(heard.measures[number].duration or 0), heard.measures[number].number) for number, start in places]
    words, tempos = words_and_tempos(heard, places, printed)
    return Score(
        notes[order],
        np.array(measures, dtype=MEASURE_DTYPE),
        _time_signatures(heard, places),
        tempos,
        table[order],
        has_markings=True,
        words=tuple(words),
    )


def words_and_tempos(heard: VerovioScore, places: Places, printed: Score | None) -> tuple[list[Word], np.ndarray]:
    """Return words and tempos (TEMPO_DTYPE) where they are played.

    ``printed`` is the score as partitura reads it without repeats, whose words and tempos count where it has the same measures; None where
    partitura read nothing. verovio's count else, and its tempos where partitura reads none or an equation of note values says one.
    """
    words: list[Word] = []
    tempos: list[tuple[float, float]] = []
    if printed is not None and len(printed.measures) == len(heard.measures):
        words, tempos = _placed(printed, places)
    else:
        words_of = defaultdict(list)
        for number, offset, text, kind in verovio_words(heard):
            words_of[number].append((offset, text, kind))
        words = [Word(float(start + offset), text, kind) for number, start in places for offset, text, kind in words_of[number]]
    if not tempos or any(tempo.follows for tempo in heard.tempos):
        tempos = placed_tempos(heard.tempos, places)
    return words, np.array(tempos, dtype=TEMPO_DTYPE)


def _time_signatures(heard: VerovioScore, places: Places) -> np.ndarray:
    """Return the metres where they change; 4/4 where none is written."""
    rows: list[tuple[float, int, int]] = []
    for number, start in places:
        metre = heard.measures[number].metre or (4, 4)
        if not rows or rows[-1][1:] != metre:
            rows.append((float(start), *metre))
    return np.array(rows, dtype=TIME_SIGNATURE_DTYPE)


def _placed(printed: Score, places: Places) -> tuple[list[Word], list[tuple[float, float]]]:
    """Return words and tempos of the printed score wherever their measures are played."""
    starts = printed.measures["onset_quarter"]

    def measure_of(onset: float) -> int:
        return max(int(np.searchsorted(starts, onset + 1e-6, side="right")) - 1, 0)

    words: list[Word] = []
    tempos: list[tuple[float, float]] = []
    words_of, tempos_of = defaultdict(list), defaultdict(list)
    for word in printed.words:
        words_of[measure_of(word.onset_quarter)].append(word)
    for row in printed.tempos.tolist():
        tempos_of[measure_of(row[0])].append(row)
    onsets = printed.tempos["onset_quarter"]
    for number, start in places:
        shift = float(start) - float(starts[number])
        words += [Word(word.onset_quarter + shift, word.text, word.kind, word.part) for word in words_of[number]]
        in_force = int(np.searchsorted(onsets, starts[number] + 1e-6, side="right"))
        at_start = [(float(start), float(tempo)) for tempo in printed.tempos["quarters_per_minute"][max(in_force - 1, 0) : in_force]]
        inside = [(onset + shift, tempo) for onset, tempo in tempos_of[number]]
        for onset, tempo in [*at_start, *inside]:
            if not tempos or tempos[-1][1] != tempo:
                tempos.append((onset, tempo))
    return words, tempos


def percussion_notes(
    heard: VerovioScore,
    struck: Sequence[StruckNote],
    parts: Mapping[str, tuple[int, int, str]],
    keys: Mapping[str, int],
) -> np.ndarray:
    """Return the strokes (PERCUSSION_DTYPE) in order of onset, tremolos written out.

    ``parts`` and ``keys`` go by verovio's ids of notes: (part, staff, id), and the keys that are known already. Another is what the note
    itself says, else what the staff's name does, else the place on the staff of a drum kit.
    """
    notes = [each for each in struck if each[3].pitch is None]
    if not notes:
        return np.zeros(0, PERCUSSION_DTYPE)
    markings = verovio_markings(heard)
    staves: dict[str, Any] = {}
    for definition in next(heard.measures[0].element.iterancestors("{*}music")).iter("{*}staffDef"):
        staves.setdefault(definition.get("n"), definition)
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
