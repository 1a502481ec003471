"""Tables of what partitura reads of MusicXML and MEI. Run in a process of its own: the only one that has partitura's parts."""

import io
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.partitura_loader import load_partitura
from engine.score.dynamics import loudness_marks, mark_velocities
from engine.score.markings import note_markings
from engine.score.notation.partitura_reading.asking import Arpeggios, DamagedNotes, PartituraReading, Request
from engine.score.notation.partitura_reading.unfolding import (
    PartNotes,
    PlayedNotes,
    part_notes,
    printed_notes,
    segments_of,
    unfolded_notes,
    unfolded_rest,
)
from engine.score.tables import (
    MARKING_DTYPE,
    MEASURE_DTYPE,
    SCORE_NOTE_DTYPE,
    TEMPO_DTYPE,
    TIME_SIGNATURE_DTYPE,
    Score,
    Word,
    note_order,
)


def read(request: Request) -> PartituraReading:
    """Return what partitura reads. Raises whatever it raises, PerfLiveError for a document without parts, DamagedNotes."""
    if request.form == "mei":
        parts, arpeggios = _read_mei(request)
    else:
        parts, arpeggios = load_partitura().load_musicxml(io.BytesIO(request.document), force_note_ids="keep").parts, request.arpeggios
    if not parts:
        raise PerfLiveError("it has no parts; give a score with notes")
    table = np.concatenate(_markings(parts, arpeggios))
    names = [(number, note.id) for number, part in enumerate(parts) for note in part.notes_tied]
    index = {name: row for row, name in enumerate(names)}  # of notes of one name the last
    table = table[list(index.values())]
    notes = [part.notes for part in parts]
    places = {(number, note.id): (part.id, note.doc_order) for number, part in enumerate(parts) for note in notes[number]}
    try:
        tables = [part_notes(own) for own in notes]
    except Exception as error:
        raise DamagedNotes(f"it has notes that cannot be read ({error}); give a valid score") from error
    del notes
    printed = _score_without_notes(parts)
    reading = PartituraReading(list(index), table, None, np.zeros(0, int), printed, places)
    try:
        played = _played(parts, tables, printed, request.repeats)
    except Exception as error:  # partitura's unfolding meets what its parser let through
        refusal = error if isinstance(error, PerfLiveError) else ValueError(str(error) or type(error).__name__)
        return replace(reading, refusal=refusal)
    rows_of = {name: row for row, name in enumerate(index)}
    named = zip(played.notes["part"].tolist(), played.notes["id"].tolist(), strict=True)
    rows = [rows_of.get((part, name.rpartition("-")[0] if request.repeats == "play" else name), -1) for part, name in named]
    return replace(reading, played=played, rows=np.array(rows, dtype=int))


def _markings(parts: list[Any], arpeggios: Arpeggios) -> list[np.ndarray]:
    """Return MARKING_DTYPE rows of the notes of each part that begin to sound."""
    markings = [note_markings(part, arpeggios.get(part.id, {})) for part in parts]
    marks = [loudness_marks(part, _quarters(part)) for part in parts]
    first_marks = next(filter(None, marks), [])  # those of the right hand are for a left hand that has none
    for part, rows, own in zip(parts, markings, marks, strict=True):
        mark_velocities(part, rows, own or first_marks, _quarters(part))
    return markings


def _played(parts: list[Any], tables: list[PartNotes], printed: Score, repeats: str) -> Score:
    """Return the score with repeats played, skipped or left as printed. Raises PerfLiveError for parts that would fall apart."""
    if repeats == "printed":
        rests, played, score = parts, [printed_notes(table) for table in tables], printed
    else:
        printed_ends = {_end(part, part.last_point.t) for part in parts}
        ways = [segments_of(part, repeats) for part in parts]
        played = [unfolded_notes(table, segments, repeats == "play") for table, (_, segments) in zip(tables, ways, strict=True)]
        ended = [unfolded_rest(part, path, segments) for part, (path, segments) in zip(parts, ways, strict=True)]
        rests = [rest for rest, _ in ended]
        if len(printed_ends) == 1 and len({_end(rest, end) for rest, end in ended}) > 1:
            raise PerfLiveError("repeat signs stand in some parts only; write them in all parts or leave repeats out (--no-repeats)")
        score = _score_without_notes(rests)
    notes = np.concatenate([_notes(*each, number) for number, each in enumerate(zip(rests, tables, played, strict=True))])
    return replace(score, notes=notes[note_order(notes)])


def _end(part: Any, time: int) -> float:
    return round(float(_quarters(part)(time)), 3)


def _score_without_notes(parts: list[Any]) -> Score:
    return Score(
        np.zeros(0, SCORE_NOTE_DTYPE),
        _measures(parts[0]),
        _time_signatures(parts[0]),
        _tempos(parts),
        np.zeros(0, MARKING_DTYPE),
        has_markings=True,
        words=tuple(word for number, part in enumerate(parts) for word in _words(part, number)),
    )


def _quarters(part: Any) -> Any:
    """Return the function from partitura's time to quarters since the beginning of the part."""
    changes = np.array(part._quarter_times, dtype=float)
    divisions = np.array(part._quarter_durations, dtype=float)
    starts = np.concatenate([[0.0], np.cumsum(np.diff(changes) / divisions[:-1])])

    def to_quarters(time: Any) -> np.ndarray:
        at = np.maximum(np.searchsorted(changes, time, side="right") - 1, 0)
        return starts[at] + (np.asarray(time, dtype=float) - changes[at]) / divisions[at]

    return to_quarters


def _notes(part: Any, notes: PartNotes, played: PlayedNotes, number: int) -> np.ndarray:
    to_quarters = _quarters(part)
    onsets = to_quarters(played.starts)
    table = np.zeros(len(played.rows), SCORE_NOTE_DTYPE)
    table["onset_quarter"] = onsets
    table["is_grace"] = notes.graces[played.rows]
    table["duration_quarter"] = np.where(table["is_grace"], 0.0, np.maximum(to_quarters(played.starts + played.durations) - onsets, 0.0))
    signs = [(sign.start.t, sign.chromatic or 0) for sign in part.iter_all(load_partitura().score.Transposition)]
    shifts = np.array([0, *(semitones for _, semitones in signs)])[
        np.searchsorted([time for time, _ in signs], played.starts, side="right")
    ]
    table["pitch"] = np.clip(notes.pitches[played.rows] + shifts, 0, 127)
    table["voice"], table["staff"] = notes.voices[played.rows], notes.staves[played.rows]
    table["part"], table["id"] = number, played.identifiers
    return table


def _measures(part: Any) -> np.ndarray:
    to_quarters = _quarters(part)
    measures = list(part.iter_all(load_partitura().score.Measure))
    table = np.zeros(len(measures), MEASURE_DTYPE)
    table["onset_quarter"] = to_quarters(np.array([measure.start.t for measure in measures], dtype=int))
    table["duration_quarter"] = to_quarters(np.array([measure.end.t for measure in measures], dtype=int)) - table["onset_quarter"]
    table["number"] = [measure.number or 0 for measure in measures]
    return table


def _time_signatures(part: Any) -> np.ndarray:
    to_quarters = _quarters(part)
    signs = part.iter_all(load_partitura().score.TimeSignature)
    return np.array([(to_quarters(sign.start.t), sign.beats, sign.beat_type) for sign in signs], dtype=TIME_SIGNATURE_DTYPE)


def _tempos(parts: list[Any]) -> np.ndarray:
    """Return the tempos of all parts (a score has them in any one), without repetitions of the same one."""
    to_quarter_tempo = load_partitura().utils.music.to_quarter_tempo
    found: dict[float, float] = {}
    for part in parts:
        to_quarters = _quarters(part)
        for tempo in part.iter_all(load_partitura().score.Tempo):
            if tempo.bpm > 0:
                found.setdefault(round(float(to_quarters(tempo.start.t)), 6), to_quarter_tempo(tempo.unit or "q", tempo.bpm))
    rows = sorted(found.items())
    kept = rows[:1] + [row for previous, row in pairwise(rows) if row[1] != previous[1]]
    return np.array(kept, dtype=TEMPO_DTYPE)


def _words(part: Any, number: int) -> list[Word]:
    score = load_partitura().score
    kinds = ((score.ResetTempoDirection, "a-tempo"), (score.ConstantTempoDirection, "tempo"), (score.DynamicTempoDirection, "tempo-change"))
    to_quarters = _quarters(part)
    words = []
    for sign in part.iter_all(score.Words):
        words.append(Word(float(to_quarters(sign.start.t)), str(sign.text), "other", number))
    for sign in part.iter_all(score.TempoDirection, include_subclasses=True):
        kind = next((name for cls, name in kinds if isinstance(sign, cls)), "other")
        words.append(Word(float(to_quarters(sign.start.t)), sign.raw_text or sign.text, kind, number))
    return sorted(words, key=lambda word: word.onset_quarter)


def _read_mei(request: Request) -> tuple[list[Any], Arpeggios]:
    """Return the parts, their notes with the ornaments that partitura leaves out, and the arpeggios. Raises whatever partitura does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "score.mei"  # partitura takes names of files alone
        path.write_bytes(request.document)
        parts = load_partitura().load_mei(str(path)).parts
    signs: dict[int, int] = {}
    for place, note in enumerate(note for part in parts for note in part.notes):
        note.doc_order = place
        if note.id in request.ornaments:
            note.ornaments = [request.ornaments[note.id]]
        if note.id in request.rolls:
            signs[place] = request.rolls[note.id]
    return parts, {part.id: signs for part in parts}
