"""MusicXML, MEI and Humdrum to a Score, through partitura."""

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.partitura_loader import load_partitura
from engine.score.mei import read_mei
from engine.score.musicxml import Arpeggios, open_musicxml
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


def read_notation(path: Path, repeats: str) -> Score:
    """Read a file that is known to exist. Raises PerfLiveError for one that partitura cannot read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # partitura warns of every sign it leaves out
        try:
            return _convert(*_parse(path), repeats)
        except PerfLiveError as error:
            raise PerfLiveError(f"cannot read {str(path)!r}: {error}") from None
        except Exception as error:  # whatever a parser meets in a damaged file: key, index, type, syntax and recursion errors
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
            raise PerfLiveError(f"cannot read {str(path)!r}: damaged or of another format ({reason}); give a valid score") from error


def _parse(path: Path) -> tuple[list[Any], Arpeggios]:
    partitura = load_partitura()
    suffix = path.suffix.lower()
    if suffix == ".mei":
        return read_mei(path)
    if suffix in (".krn", ".kern"):
        return partitura.load_kern(str(path), force_note_ids="keep").parts, {}
    # As bytes: a name that is an address, or that libxml2 would unescape, stays a name.
    source = open_musicxml(path)
    return partitura.load_musicxml(source.document, force_note_ids="keep").parts, source.arpeggios


def _convert(parts: list[Any], arpeggios: Arpeggios, repeats: str) -> Score:
    from engine.score.dynamics import loudness_marks, playback_velocities
    from engine.score.markings import note_markings

    if not parts:
        raise PerfLiveError("it has no parts; give a score with notes")
    score = load_partitura().score
    markings = [note_markings(part, arpeggios.get(part.id, {})) for part in parts]
    marks = [loudness_marks(part, _quarters(part)) for part in parts]
    first_marks = next(filter(None, marks), [])  # those of the right hand are for a left hand that has none
    velocities = [
        playback_velocities(part, rows, own or first_marks, _quarters(part)) for part, rows, own in zip(parts, markings, marks, strict=True)
    ]
    if repeats == "printed":
        played = parts
    else:
        unfold = score.unfold_part_maximal if repeats == "play" else score.unfold_part_minimal
        played = [unfold(part) for part in parts]
        _check_same_length(parts, played)
    notes = np.concatenate([_notes(part, number) for number, part in enumerate(played)])
    rows = np.zeros(len(notes), MARKING_DTYPE)
    for index, (part, identifier) in enumerate(zip(notes["part"], notes["id"], strict=True)):
        printed = identifier.rpartition("-")[0] if repeats == "play" else identifier
        if printed in markings[part]:
            rows[index] = markings[part][printed]
            rows["velocity"][index] = velocities[part][printed]
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
        unpitched=sum(1 for part in played for _ in part.iter_all(score.UnpitchedNote)),
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
        rows.append((onset, 0.0 if grace else offset - onset, pitch, note.voice or 1, note.staff or 0, number, note.id, grace, 0))
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
