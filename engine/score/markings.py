"""Dynamics, hairpins, slurs, articulations, ornaments and tempo words of a partitura part, note by note.

They are read from the part as it is printed: partitura drops slurs when it unfolds repeats, and a repeated note has the same markings.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.partitura_loader import load_partitura
from engine.score.tables import DYNAMICS, MARKING_DTYPE, ORNAMENTS

ARTICULATIONS = {
    "staccato": "staccato",
    "staccatissimo": "staccatissimo",
    "spiccato": "staccatissimo",
    "tenuto": "tenuto",
    "detached-legato": "tenuto",
    "accent": "accent",
    "strong-accent": "marcato",
}
WORDS_FOR_DYNAMICS = {"pianissimo": "pp", "piano": "p", "mezzopiano": "mp", "mezzoforte": "mf", "forte": "f", "fortissimo": "ff"}
# MusicXML's name -> the ornament that is played for it, where that has another name
ORNAMENT_KINDS = {name: name for name in ORNAMENTS} | {"trill-mark": "trill", "shake": "trill", "vertical-turn": "turn"}


def note_markings(part: Any, arpeggios: Mapping[int, int]) -> np.ndarray:
    """Return MARKING_DTYPE rows (N,) of the notes of the part that begin to sound (tied notes are one), ``part.notes_tied``.

    ``arpeggios`` has the signs of the part's notes by their place in the document, see engine.score.notation.musicxml.documents.
    """
    notes = part.notes_tied
    rows = np.zeros(len(notes), MARKING_DTYPE)
    for place, note in enumerate(notes):
        _mark_note(rows, place, note)
    if arpeggios:
        rows["arpeggio"] = [arpeggios.get(note.doc_order, 0) for note in notes]
    times = np.array([note.start.t for note in notes])
    _mark_dynamics(rows, times, part)
    _mark_tempo_changes(rows, times, part)
    _mark_slurs(rows, times, part)
    return rows


def _mark_note(rows: np.ndarray, place: int, note: Any) -> None:
    tied = note
    while tied is not None:  # a fermata often stands on the last of the tied notes
        for name in tied.articulations or ():
            if name in ARTICULATIONS:
                rows[ARTICULATIONS[name]][place] = True
        if tied.fermata is not None:
            rows["fermata"][place] = True
        for name in tied.ornaments or ():
            rows["ornament"][place] = True
            if name in ORNAMENT_KINDS:
                rows["ornament_kind"][place] = ORNAMENTS.index(ORNAMENT_KINDS[name]) + 1
        tied = tied.tie_next


def _mark_dynamics(rows: np.ndarray, times: np.ndarray, part: Any) -> None:
    score = load_partitura().score
    marks = list(part.iter_all(score.LoudnessDirection, include_subclasses=True))
    for mark in marks:
        if isinstance(mark, score.ImpulsiveLoudnessDirection):
            rows["sudden_accent"][times == mark.start.t] = True
            # fp, sfp, pf: what follows has the level of the last letters
            level = dynamic_level(mark.text.lstrip("srfz") or mark.text.lstrip("p"))
        elif isinstance(mark, score.ConstantLoudnessDirection):
            level = dynamic_level(mark.text)
        else:
            continue
        if level:
            rows["dynamic"][times >= mark.start.t] = level
    _mark_span(rows, times, part, marks, "hairpin", (score.IncreasingLoudnessDirection, score.DecreasingLoudnessDirection))


def dynamic_level(text: str) -> int:
    """Return 1 (ppp) to 8 (fff) for a dynamic mark, 0 for anything else."""
    text = WORDS_FOR_DYNAMICS.get(text, text)
    if text in DYNAMICS:
        return DYNAMICS.index(text) + 1
    if len(text) > 3 and set(text) in ({"p"}, {"f"}):
        return 1 if text[0] == "p" else len(DYNAMICS)
    return 0


def _mark_tempo_changes(rows: np.ndarray, times: np.ndarray, part: Any) -> None:
    score = load_partitura().score
    marks = list(part.iter_all(score.TempoDirection, include_subclasses=True))
    _mark_span(rows, times, part, marks, "tempo_change", (score.IncreasingTempoDirection, score.DecreasingTempoDirection))


def _mark_span(rows: np.ndarray, times: np.ndarray, part: Any, marks: list[Any], field: str, kinds: tuple[type, type]) -> None:
    """Mark the notes from each gradual change to its printed end, or to the next mark of its family, or to the end."""
    changes: list[Any] = [mark for mark in marks if isinstance(mark, kinds)]
    for mark in changes:
        start = mark.start.t
        if mark.end is not None and mark.end.t > start:
            end = mark.end.t
        else:
            end = min((other.start.t for other in marks if other.start.t > start), default=part.last_point.t)
        inside = (times >= start) & (times < end)
        rows[field][inside] = 1 if isinstance(mark, kinds[0]) else -1
        rows[f"{field}_position"][inside] = (times[inside] - start) / max(end - start, 1)


def _mark_slurs(rows: np.ndarray, times: np.ndarray, part: Any) -> None:
    notes = part.notes_tied
    voices = np.array([note.voice if note.voice is not None else -1 for note in notes])
    index = {id(note): position for position, note in enumerate(notes)}
    for slur in part.iter_all(load_partitura().score.Slur):
        first, last = (_sounding(note) for note in (slur.start_note, slur.end_note))
        if first is None or last is None or id(first) not in index or id(last) not in index:
            continue
        rows["slur_start"][index[id(first)]] = True
        rows["slur_end"][index[id(last)]] = True
        begins, ends = np.searchsorted(times, (first.start.t, last.start.t))
        rows["slurred"][begins:ends] |= voices[begins:ends] == voices[index[id(first)]]


def _sounding(note: Any) -> Any:
    """Return the first of the tied notes that ``note`` belongs to."""
    while note is not None and note.tie_prev is not None:
        note = note.tie_prev
    return note
