"""MusicXML, MEI and Humdrum to a Score, through partitura."""

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.partitura_loader import load_partitura
from engine.score.notation.mei.documents import mei_signs
from engine.score.notation.musicxml import Arpeggios
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


class PartituraReading:
    """A document as partitura reads it: its parts, and a MARKING_DTYPE row for the id of each printed note, part by part."""

    def __init__(self, parts: list[Any], arpeggios: Arpeggios) -> None:
        from engine.score.dynamics import loudness_marks, mark_velocities
        from engine.score.markings import note_markings

        if not parts:
            raise PerfLiveError("it has no parts; give a score with notes")
        self.parts = parts
        self.markings = [note_markings(part, arpeggios.get(part.id, {})) for part in parts]
        marks = [loudness_marks(part, _quarters(part)) for part in parts]
        first_marks = next(filter(None, marks), [])  # those of the right hand are for a left hand that has none
        for part, rows, own in zip(parts, self.markings, marks, strict=True):
            mark_velocities(part, rows, own or first_marks, _quarters(part))

    def score(self, repeats: str) -> Score:
        """Return the score with repeats played, skipped or left as printed. Raises PerfLiveError for parts that would fall apart."""
        score = load_partitura().score
        played = self.parts
        if repeats != "printed":
            unfold = score.unfold_part_maximal if repeats == "play" else score.unfold_part_minimal
            played = [unfold(part) for part in self.parts]
            _check_same_length(self.parts, played)
        notes = np.concatenate([_notes(part, number) for number, part in enumerate(played)])
        rows = np.zeros(len(notes), MARKING_DTYPE)
        for index, (part, identifier) in enumerate(zip(notes["part"], notes["id"], strict=True)):
            printed = identifier.rpartition("-")[0] if repeats == "play" else identifier
            if printed in self.markings[part]:
                rows[index] = self.markings[part][printed]
        words = tuple(word for number, part in enumerate(played) for word in _words(part, number))
        order = note_order(notes)
        first = played[0]
        return Score(
            notes[order],
            _measures(first),
            _time_signatures(first),
            _tempos(played),
            rows[order],
            has_markings=True,
            words=words,
        )


def _check_same_length(parts: list[Any], played: list[Any]) -> None:
    """Check that parts that are equally long as printed are so when played. Raises PerfLiveError: they would fall apart."""
    before, after = ({round(float(_quarters(part)(part.last_point.t)), 3) for part in some} for some in (parts, played))
    if len(before) == 1 and len(after) > 1:
        raise PerfLiveError("repeat signs stand in some parts only; write them in all parts or leave repeats out (--no-repeats)")


def _quarters(part: Any) -> Any:
    """Return the function from partitura's time to quarters since the beginning of the part."""
    changes = np.array(part._quarter_times, dtype=float)
    divisions = np.array(part._quarter_durations, dtype=float)
    starts = np.concatenate([[0.0], np.cumsum(np.diff(changes) / divisions[:-1])])

    def to_quarters(time: Any) -> np.ndarray:
        at = np.maximum(np.searchsorted(changes, time, side="right") - 1, 0)
        return starts[at] + (np.asarray(time, dtype=float) - changes[at]) / divisions[at]

    return to_quarters


def _notes(part: Any, number: int) -> np.ndarray:
    score = load_partitura().score
    to_quarters = _quarters(part)
    transpositions = [(sign.start.t, sign.chromatic or 0) for sign in part.iter_all(score.Transposition)]
    rows = []
    for note in part.notes_tied:
        onset, offset = to_quarters(note.start.t), to_quarters(note.start.t + note.duration_tied)
        shift = next((semitones for time, semitones in reversed(transpositions) if time <= note.start.t), 0)
        grace = isinstance(note, score.GraceNote)
        pitch = min(max(note.midi_pitch + shift, 0), 127)
        rows.append((onset, 0.0 if grace else max(offset - onset, 0.0), pitch, note.voice or 1, note.staff or 0, number, note.id, grace, 0))
    return np.array(rows, dtype=SCORE_NOTE_DTYPE)


def _measures(part: Any) -> np.ndarray:
    to_quarters = _quarters(part)
    rows = []
    for measure in part.iter_all(load_partitura().score.Measure):
        onset = to_quarters(measure.start.t)
        rows.append((onset, to_quarters(measure.end.t) - onset, measure.number or 0))
    return np.array(rows, dtype=MEASURE_DTYPE)


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


def read_mei(root: Any) -> tuple[list[Any], Arpeggios]:
    """Return the parts, their notes with the ornaments that partitura leaves out, and the arpeggio signs as ``open_musicxml`` has them.

    Signs that name their notes (startid, plist) are read, those that only say where they stand (tstamp) are not. Raises whatever lxml and
    partitura do for what they do not take.
    """
    from lxml import etree

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "score.mei"  # partitura takes names of files alone
        path.write_bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))
        parts = load_partitura().load_mei(str(path)).parts
    ornaments, directions = mei_signs(root)
    signs: dict[int, int] = {}
    for place, note in enumerate(note for part in parts for note in part.notes):
        note.doc_order = place
        if note.id in ornaments:
            note.ornaments = [ornaments[note.id]]
        if note.id in directions:
            signs[place] = directions[note.id]
    return parts, {part.id: signs for part in parts}
